#include "bbb/query.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/encoding.h"

namespace b3::bbb {

namespace {

constexpr std::size_t max_parameters = 1'000;
constexpr std::size_t max_name_length = 256;

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7F;
}

constexpr std::array<bool, 256> name_characters = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_.:-"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_name_character(char c) {
  return name_characters[static_cast<unsigned char>(c)];
}

void append_pair(std::string& query, std::string_view name, std::string_view value) {
  if (!query.empty()) query += '&';
  append_form_encoded(query, name);
  query += '=';
  append_form_encoded(query, value);
}

std::expected<Parameter, QueryError> parse_parameter(std::string_view piece) {
  const std::size_t equals = piece.find('=');
  auto name = form_decode(piece.substr(0, equals));
  auto value =
      form_decode(equals == std::string_view::npos ? std::string_view() : piece.substr(equals + 1));
  if (!name || !value) return std::unexpected(QueryError::malformed_escape);
  const bool plain_name = std::ranges::all_of(*name, is_name_character);
  // No value may hold a NUL: XML cannot carry it and C programs behind us would cut the value.
  if (!is_valid_utf8(*value) || value->contains('\0') ||
      (!plain_name && (!is_valid_utf8(*name) || std::ranges::any_of(*name, is_control))))
    return std::unexpected(QueryError::invalid_text);
  if (!plain_name || name->empty() || name->size() > max_name_length)
    return std::unexpected(QueryError::invalid_name);
  return Parameter{std::move(*name), std::move(*value)};
}

}  // namespace

const std::string* Parameters::find(std::string_view name) const {
  const auto found = std::ranges::find(list_, name, &Parameter::name);
  return found == list_.end() ? nullptr : &found->value;
}

std::string_view Parameters::get(std::string_view name) const {
  const std::string* value = find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

void Parameters::set(std::string_view name, std::string value) {
  const auto found = std::ranges::find(list_, name, &Parameter::name);
  if (found == list_.end())
    list_.push_back({std::string(name), std::move(value)});
  else
    found->value = std::move(value);
}

void Parameters::erase(std::string_view name) {
  std::erase_if(list_, [name](const Parameter& parameter) { return parameter.name == name; });
}

std::string Parameters::encode() const {
  std::string query;
  for (const Parameter& parameter : list_) append_pair(query, parameter.name, parameter.value);
  return query;
}

std::string Parameters::encode_with(std::string_view name, std::string_view value) const {
  std::string query;
  query.reserve(256);
  bool written = false;
  for (const Parameter& parameter : list_) {
    const bool is_it = parameter.name == name;
    append_pair(query, parameter.name, is_it ? value : std::string_view(parameter.value));
    written = written || is_it;
  }
  if (!written) append_pair(query, name, value);
  return query;
}

std::string_view to_message(QueryError error) {
  switch (error) {
    case QueryError::malformed_escape:
      return "A parameter contains a malformed percent escape";
    case QueryError::invalid_text:
      return "A parameter contains text that is not valid UTF-8 or holds control characters";
    case QueryError::invalid_name:
      return "A parameter name is empty, too long or contains characters that are not allowed";
    case QueryError::duplicate_parameter:
      return "A parameter is given more than once with different values";
    case QueryError::duplicate_checksum:
      return "The checksum is given more than once";
    case QueryError::too_many_parameters:
      return "There are too many parameters";
  }
  return "The parameters cannot be read";
}

std::expected<Parameters, QueryError> parse_parameters(std::string_view raw) {
  Parameters parameters;
  parameters.reserve(std::min<std::size_t>(16, 1 + raw.size() / 8));
  std::size_t pieces = 0;
  bool has_checksum = false;
  while (!raw.empty()) {
    const std::string_view piece = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(piece.size() + 1, raw.size()));
    if (piece.empty()) continue;
    if (++pieces > max_parameters) return std::unexpected(QueryError::too_many_parameters);
    auto parameter = parse_parameter(piece);
    if (!parameter) return std::unexpected(parameter.error());
    if (parameter->name == "checksum") {
      if (std::exchange(has_checksum, true)) return std::unexpected(QueryError::duplicate_checksum);
    } else if (const auto* earlier = parameters.find(parameter->name)) {
      if (*earlier != parameter->value) return std::unexpected(QueryError::duplicate_parameter);
    } else {
      parameters.append(std::move(*parameter));
    }
  }
  return parameters;
}

}  // namespace b3::bbb
