#include "api/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json.h"

namespace b3::api {
namespace {

bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string position_in(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto line_start = before.rfind('\n');
  const auto column =
      line_start == std::string_view::npos ? before.size() + 1 : before.size() - line_start;
  return fmt::format("line {}, column {}", line, column);
}

bool is_storable(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string:
      return !std::string_view(value.get_string()).contains('\0');
    case json::kind::double_:
      return std::isfinite(value.get_double());
    case json::kind::array:
      return std::ranges::all_of(value.get_array(), is_storable);
    case json::kind::object:
      return std::ranges::all_of(value.get_object(), [](const auto& member) {
        return !std::string_view(member.key()).contains('\0') && is_storable(member.value());
      });
    default:
      return true;
  }
}

}  // namespace

std::expected<json::object, Problem> parse_object(std::string_view text) {
  if (std::ranges::all_of(text, is_json_space)) {
    return refuse(400, "bad_request", "a JSON object is expected, but the body is empty");
  }
  json::parser parser;
  boost::system::error_code error;
  std::size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (error) {
    return refuse(400, "bad_request",
                  fmt::format("the body is not valid JSON at {}: {}", position_in(text, consumed),
                              error.message()));
  }
  while (consumed < text.size() && is_json_space(text[consumed])) ++consumed;
  if (consumed < text.size()) {
    return refuse(
        400, "bad_request",
        fmt::format("something follows the JSON value at {}", position_in(text, consumed)));
  }
  json::value value = parser.release();
  if (!value.is_object()) {
    return refuse(400, "bad_request", "the body must be a JSON object");
  }
  return std::move(value.get_object());
}

http::Response json_response(int status, const json::value& body) {
  http::Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.body = to_json_text(body);
  return response;
}

json::value time_or_null(const std::optional<WallTime>& time) {
  if (!time) return nullptr;
  return json::string(to_rfc3339(*time));
}

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::string(text);
}

json::object stored_document(std::string_view text) {
  return parse_json_object(text).value_or(json::object{});
}

void merge_object(json::object& target, const json::object& patch) {
  for (const auto& [key, value] : patch) {
    if (value.is_null()) {
      target.erase(key);
    } else if (value.is_object()) {
      json::value& slot = target[key];
      if (!slot.is_object()) slot = json::object{};
      merge_object(slot.get_object(), value.get_object());
    } else {
      target[key] = value;
    }
  }
}

bool Fields::is_null(std::string_view name) const {
  const auto* value = object_.if_contains(name);
  return value && value->is_null();
}

const json::value* Fields::given(std::string_view name) {
  const auto* value = object_.if_contains(name);
  if (value && value->is_null()) {
    refuse(name, "must not be null");
    return nullptr;
  }
  return value;
}

std::optional<std::string> Fields::text(std::string_view name) {
  const auto* value = given(name);
  if (!value) return {};
  if (value->is_string()) return std::string(value->get_string());
  refuse(name, "must be a string");
  return {};
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const auto* value = given(name);
  if (!value) return {};
  if (value->is_bool()) return value->get_bool();
  refuse(name, "must be true or false");
  return {};
}

std::optional<double> Fields::number(std::string_view name) {
  const auto* value = given(name);
  if (!value) return {};
  if (value->is_number()) return value->to_number<double>();
  refuse(name, "must be a number");
  return {};
}

const json::object* Fields::object(std::string_view name) {
  const auto* value = given(name);
  if (!value) return nullptr;
  if (value->is_object()) return &value->get_object();
  refuse(name, "must be an object");
  return nullptr;
}

std::optional<std::string> Fields::filled_text(std::string_view name) {
  auto value = text(name);
  if (!value) return {};
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (value->find_first_not_of(" \t\r\n\v\f") == std::string::npos) {
    refuse(name, "must not be empty");
    return {};
  }
  if (std::ranges::any_of(*value, is_control)) {
    refuse(name, "must not contain control characters");
    return {};
  }
  if (value->size() > 1024) {
    refuse(name, "must not be longer than 1024 bytes");
    return {};
  }
  return value;
}

const json::object* Fields::document(std::string_view name) {
  const auto* value = object(name);
  if (value && !is_storable(*value)) {
    refuse(name, "must not contain NUL characters or numbers out of range");
    return nullptr;
  }
  return value;
}

void Fields::require(std::string_view name) {
  if (!has(name)) refuse(name, "is required");
}

void Fields::refuse(std::string_view name, std::string problem) {
  errors_.emplace(prefix_ + std::string(name), std::move(problem));
}

void Fields::refuse_others(std::initializer_list<std::string_view> known) {
  for (const auto& member : object_) {
    const std::string_view key = member.key();
    if (std::ranges::find(known, key) == known.end()) refuse(key, "is not a known field");
  }
}

void Fields::refuse_others(const Schema& known) {
  for (const auto& member : object_) {
    const std::string_view key = member.key();
    if (std::ranges::find(known.fields, key, &Field::name) == known.fields.end()) {
      refuse(key, "is not a known field");
    }
  }
}

void add_settings_errors(const FieldErrors& from, FieldErrors& to) {
  for (const auto& [field, problem] : from) {
    if (field.empty() || field == "settings" || field.starts_with("settings.")) {
      to.emplace(field.empty() ? "settings" : field, problem);
    } else {
      to.emplace("settings." + field, problem);
    }
  }
}

}  // namespace b3::api
