#include "bbb/query.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/encoding.h"
#include "base/utf8.h"

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

bool is_name(std::string_view text) {
  bool plain = true;
  for (const char c : text) plain &= name_characters[static_cast<unsigned char>(c)];
  return plain;
}

void append_pair(std::string& query, bool& first, std::string_view name, std::string_view value) {
  if (!std::exchange(first, false)) query += '&';
  append_form_encoded(query, name);
  query += '=';
  append_form_encoded(query, value);
}

// "name=value" as received.
struct Piece {
  std::string_view name;
  std::string_view value;
  bool is_escaped = false;

  explicit Piece(std::string_view text)
      : name(text.substr(0, text.find('='))), is_escaped(text.contains('%') || text.contains('+')) {
    if (name.size() < text.size()) value = text.substr(name.size() + 1);
  }
};

std::optional<QueryError> check(const Parameter& parameter, bool is_plain) {
  const auto& [name, value] = parameter;
  const bool plain_name = is_name(name);
  // No value may hold a NUL: XML cannot carry it and C programs behind us would cut the value.
  if ((!is_plain && (!is_valid_utf8(value) || value.contains('\0'))) ||
      (!plain_name && (!is_valid_utf8(name) || std::ranges::any_of(name, is_control))))
    return QueryError::invalid_text;
  if (!plain_name || name.empty() || name.size() > max_name_length) return QueryError::invalid_name;
  return std::nullopt;
}

// `is_ascii`: there is nothing else in the raw text, and no NUL.
std::optional<QueryError> read_piece(const Piece& piece, bool is_ascii, Parameter& parameter) {
  if (!piece.is_escaped) {
    parameter.name = piece.name;
    parameter.value = piece.value;
  } else {
    auto name = form_decode(piece.name);
    auto value = form_decode(piece.value);
    if (!name || !value) return QueryError::malformed_escape;
    parameter = {std::move(*name), std::move(*value)};
  }
  return check(parameter, is_ascii && !piece.is_escaped);
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
  append_encoded(query);
  return query;
}

std::string Parameters::encode_with(std::string_view name, std::string_view value) const {
  std::string query;
  query.reserve(256);
  append_encoded_with(query, name, value);
  return query;
}

void Parameters::append_encoded(std::string& text) const {
  bool first = true;
  for (const Parameter& parameter : list_)
    append_pair(text, first, parameter.name, parameter.value);
}

void Parameters::append_encoded_with(std::string& text, std::string_view name,
                                     std::string_view value) const {
  bool first = true;
  bool written = false;
  for (const Parameter& parameter : list_) {
    const bool is_it = !written && parameter.name == name;
    append_pair(text, first, parameter.name, is_it ? value : std::string_view(parameter.value));
    written = written || is_it;
  }
  if (!written) append_pair(text, first, name, value);
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
  parameters.reserve(std::min<std::size_t>(16, 1 + raw.size() / 16));
  const bool is_ascii = is_printable_ascii(raw);
  std::size_t pieces = 0;
  bool has_checksum = false;
  while (!raw.empty()) {
    const std::string_view piece = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(piece.size() + 1, raw.size()));
    if (piece.empty()) continue;
    if (++pieces > max_parameters) return std::unexpected(QueryError::too_many_parameters);
    Parameter parameter;
    if (const auto error = read_piece(Piece(piece), is_ascii, parameter))
      return std::unexpected(*error);
    if (parameter.name == "checksum") {
      if (std::exchange(has_checksum, true)) return std::unexpected(QueryError::duplicate_checksum);
    } else if (const auto* earlier = parameters.find(parameter.name)) {
      if (*earlier != parameter.value) return std::unexpected(QueryError::duplicate_parameter);
    } else {
      parameters.append(std::move(parameter));
    }
  }
  return parameters;
}

}  // namespace b3::bbb
