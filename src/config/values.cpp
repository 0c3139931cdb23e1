#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/url.h"

namespace b3::config {
namespace {

template <class Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool is_one_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

// Whether `value` can be read and lies in the variable's "min..max", where it has one.
template <class Parse>
bool is_within(const Variable& variable, std::string_view value, Parse parse) {
  const auto parsed = parse(value);
  if (!parsed) return false;
  const auto ends = split(variable.choices, "..");
  return ends.size() != 2 || (*parse(ends[0]) <= *parsed && *parsed <= *parse(ends[1]));
}

bool is_choice(const Variable& variable, std::string_view value) {
  const auto choices = split(variable.choices, "|");
  return std::ranges::find(choices, lower_case(value)) != choices.end();
}

bool is_allowed(const Variable& variable, std::string_view value) {
  switch (variable.kind) {
    case Kind::integer:
      return is_within(variable, value, parse_integer);
    case Kind::number:
      return is_within(variable, value, parse_number);
    case Kind::duration:
      return is_within(variable, value, parse_duration);
    case Kind::boolean:
      return parse_boolean(value).has_value();
    case Kind::choice:
      return is_choice(variable, value);
    case Kind::address:
      return is_listen_address(value);
    case Kind::url:
      return parse_url(value).has_value();
    case Kind::database:
      return is_database_url(value);
    case Kind::text:
    case Kind::secret:
    case Kind::path:
      return true;
  }
  return false;
}

constexpr std::size_t longest_quoted_value = 80;

// In quotes, one line, printable. An '@' may be the end of a password in a URL.
std::string quoted(const Variable& variable, std::string_view value) {
  if (is_secret(variable) || (variable.kind == Kind::url && value.contains('@'))) {
    return "the value given (not shown)";
  }
  std::string shown;
  for (const char byte : value.substr(0, longest_quoted_value)) {
    shown += byte >= ' ' && byte <= '~' ? byte : '?';
  }
  return fmt::format("\"{}{}\"", shown, value.size() > longest_quoted_value ? "..." : "");
}

std::string describe_range(const Variable& variable) {
  const auto ends = split(variable.choices, "..");
  return ends.size() == 2 ? fmt::format(" from {} to {}", ends[0], ends[1]) : "";
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = char(letter - 'A' + 'a');
  }
  return lower;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + separator.size());
  }
}

const Variable* find_variable(std::string_view name) {
  const auto all = variables();
  const auto found = std::ranges::find(all, name, &Variable::name);
  return found == all.end() ? nullptr : &*found;
}

bool is_secret(const Variable& variable) {
  return variable.kind == Kind::secret || variable.kind == Kind::database;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_whole<std::int64_t>(text);
}

std::optional<double> parse_number(std::string_view text) {
  const auto value = parse_whole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string word = lower_case(text);
  if (word == "yes" || word == "1" || word == "true" || word == "on") return true;
  if (word == "no" || word == "0" || word == "false" || word == "off") return false;
  return std::nullopt;
}

std::optional<log::Level> parse_log_level(std::string_view text) {
  constexpr std::array<std::string_view, 7> names{"trace", "debug", "info", "warn",
                                                  "error", "fatal", "panic"};
  constexpr int lowest = int(log::Level::trace);
  const auto found = std::ranges::find(names, lower_case(text));
  if (found != names.end()) return log::Level(lowest + int(found - names.begin()));
  const auto number = parse_integer(text);
  if (!number || *number < lowest || *number > int(log::Level::panic)) return std::nullopt;
  return log::Level(*number);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> units{
      {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"", 1'000}}};
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  const auto unit = std::ranges::find(units, text.substr(digits.size()),
                                      &std::pair<std::string_view, std::int64_t>::first);
  const auto amount = parse_integer(digits);
  if (!amount || unit == units.end()) return std::nullopt;
  if (*amount > std::numeric_limits<std::int64_t>::max() / unit->second) return std::nullopt;
  return std::chrono::milliseconds{*amount * unit->second};
}

bool is_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  if (!parse_whole<std::uint16_t>(text.substr(colon + 1))) return false;
  std::string_view host = text.substr(0, colon);
  constexpr std::string_view hex = "0123456789abcdefABCDEF:.";
  constexpr std::string_view name =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
  if (!host.starts_with('[')) return is_one_of(host, name);
  return host.size() > 3 && host.ends_with(']') && is_one_of(host.substr(1, host.size() - 2), hex);
}

bool is_database_url(std::string_view text) {
  constexpr std::string_view file = "sqlite:";
  if (text.starts_with("postgres://") || text.starts_with("postgresql://")) return true;
  if (text.starts_with(file)) return text.size() > file.size();
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  const auto keyword = trim(text.substr(0, equals));
  return !keyword.empty() && is_one_of(keyword, "abcdefghijklmnopqrstuvwxyz_");
}

std::string describe_allowed(const Variable& variable) {
  switch (variable.kind) {
    case Kind::integer:
      return "a whole number" + describe_range(variable);
    case Kind::number:
      return "a number" + describe_range(variable);
    case Kind::duration:
      return "a duration" + describe_range(variable) +
             ", such as 250ms, 5s, 2m or 1h; a bare number is seconds";
    case Kind::boolean:
      return "yes, true, on or 1; no, false, off or 0";
    case Kind::choice:
      return fmt::format("one of {}", fmt::join(split(variable.choices, "|"), ", "));
    case Kind::address:
      return "host:port, [IPv6 address]:port or :port";
    case Kind::url:
      return "an http:// or https:// URL without user, query and fragment";
    case Kind::database:
      return "postgres://..., postgresql://..., sqlite:FILE or keyword=value ...";
    case Kind::path:
      return "a file name";
    case Kind::text:
    case Kind::secret:
      return "any text";
  }
  return "";
}

std::optional<std::string> problem_with(const Variable& variable, std::string_view value) {
  if (is_allowed(variable, value)) return std::nullopt;
  return fmt::format("{}: {} is not allowed; it must be {}", variable.name, quoted(variable, value),
                     describe_allowed(variable));
}

bool is_read_by(const Variable& variable, std::string_view program) {
  const auto programs = split(variable.programs, ", ");
  return std::ranges::find(programs, program) != programs.end();
}

}  // namespace b3::config
