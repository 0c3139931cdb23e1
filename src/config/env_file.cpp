// The env file format: a subset that shells, systemd's EnvironmentFile= and docker's --env-file
// read alike, see docs/configuration.md.
#include <fmt/format.h>

#include "config/config.h"
#include "config/values.h"

namespace b3::config {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name(std::string_view text) {
  if (text.empty() || !is_name_start(text.front())) return false;
  for (const char c : text) {
    if (!is_name_start(c) && (c < '0' || c > '9')) return false;
  }
  return true;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// What may follow a closing quote: nothing, or a comment set off by a blank.
bool is_rest_allowed(std::string_view rest) {
  const auto text = trim(rest);
  return text.empty() || (is_blank(rest.front()) && text.front() == '#');
}

using Value = std::expected<std::string, std::string_view>;
constexpr std::string_view no_end = "the closing quote is missing";
constexpr std::string_view after_end = "there is text after the closing quote";

Value read_single_quoted(std::string_view text) {
  const auto end = text.find('\'', 1);
  if (end == std::string_view::npos) return std::unexpected(no_end);
  if (!is_rest_allowed(text.substr(end + 1))) return std::unexpected(after_end);
  return std::string(text.substr(1, end - 1));
}

Value read_double_quoted(std::string_view text) {
  std::string value;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      if (!is_rest_allowed(text.substr(at + 1))) return std::unexpected(after_end);
      return value;
    }
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (text[at] != '\\' || (next != '"' && next != '\\' && next != 'n' && next != '$')) {
      value += text[at];  // a backslash before anything else stands for itself
      continue;
    }
    value += next == 'n' ? '\n' : next;
    ++at;
  }
  return std::unexpected(no_end);
}

// Up to the end of the line or to a '#' after a blank.
std::string read_bare(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '#' && at > 0 && is_blank(text[at - 1])) {
      text = text.substr(0, at);
      break;
    }
  }
  return std::string(trim(text));
}

Value read_value(std::string_view text) {
  const auto value = trim(text);
  if (value.starts_with('\'')) return read_single_quoted(value);
  if (value.starts_with('"')) return read_double_quoted(value);
  return read_bare(text);
}

std::string_view without_export(std::string_view line) {
  constexpr std::string_view keyword = "export";
  if (!line.starts_with(keyword) || line.size() == keyword.size()) return line;
  return is_blank(line[keyword.size()]) ? trim(line.substr(keyword.size())) : line;
}

// Takes one line into `environment`; the problem with it, if there is one.
std::optional<std::string> read_line(std::string_view line, Environment& environment) {
  line = trim(line);
  if (line.empty() || line.starts_with('#')) return std::nullopt;
  if (line.contains('\0')) return "a NUL byte";
  line = without_export(line);
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return "expected NAME=value";
  const auto name = line.substr(0, equals);
  if (!is_name(name)) {
    return "expected NAME=value, the name made of letters, digits and '_', no blank before '='";
  }
  auto value = read_value(line.substr(equals + 1));
  if (!value) return fmt::format("{}: {}", name, value.error());
  environment.insert_or_assign(std::string(name), std::move(*value));
  return std::nullopt;
}

}  // namespace

std::expected<Environment, std::string> parse_env_file(std::string_view text,
                                                       std::string_view file_name) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  Environment environment;
  std::size_t number = 0;
  for (const auto line : split(text, "\n")) {
    ++number;
    if (const auto problem = read_line(line, environment)) {
      return std::unexpected(fmt::format("{}:{}: {}", file_name, number, *problem));
    }
  }
  return environment;
}

}  // namespace b3::config
