#include "base/json.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <iterator>
#include <utility>

namespace b3 {

namespace json = boost::json;

namespace {

void append(std::string& text, const json::value& value) {
  if (const auto* object = value.if_object()) {
    text += '{';
    bool first = true;
    for (const auto& member : *object) {
      if (!std::exchange(first, false)) text += ',';
      text += json::serialize(member.key());
      text += ':';
      append(text, member.value());
    }
    text += '}';
  } else if (const auto* array = value.if_array()) {
    text += '[';
    bool first = true;
    for (const auto& element : *array) {
      if (!std::exchange(first, false)) text += ',';
      append(text, element);
    }
    text += ']';
  } else if (const auto* number = value.if_double()) {
    if (std::isfinite(*number)) {
      fmt::format_to(std::back_inserter(text), "{}", *number);
    } else {
      text += "null";
    }
  } else {
    text += json::serialize(value);
  }
}

}  // namespace

std::string to_json_text(const json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

std::optional<json::object> parse_json_object(std::string_view text) {
  json::parse_options options;
  options.max_depth = 32;
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

const json::string* find_string(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value == nullptr ? nullptr : value->if_string();
}

std::optional<double> find_number(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::optional<std::int64_t> find_integer(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_number()) return std::nullopt;
  json::error_code error;
  const auto number = value->to_number<std::int64_t>(error);
  if (error) return std::nullopt;
  return number;
}

std::optional<bool> find_bool(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  if (flag == nullptr) return std::nullopt;
  return *flag;
}

}  // namespace b3
