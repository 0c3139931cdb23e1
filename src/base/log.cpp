#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <iterator>

#include "base/time.h"
#include "base/utf8.h"

namespace b3::log {

namespace {

struct Settings {
  Level level = Level::info;
  Format format = Format::structured;
  bool coloured = false;
};
Settings settings;

struct LevelNames {
  std::string_view full;
  std::string_view brief;
  std::string_view colour;  // ANSI SGR
};

const LevelNames& names_of(Level level) {
  static constexpr std::array<LevelNames, 7> names{{{"trace", "TRC", "35"},
                                                    {"debug", "DBG", "33"},
                                                    {"info", "INF", "32"},
                                                    {"warn", "WRN", "31"},
                                                    {"error", "ERR", "1;31"},
                                                    {"fatal", "FTL", "1;31"},
                                                    {"panic", "PNC", "1;31"}}};
  return names[static_cast<std::size_t>(static_cast<int>(level) + 1)];
}

// Line breaks for some terminals and readers although they are not control characters in ASCII:
// NEL and the other C1 controls, LINE SEPARATOR, PARAGRAPH SEPARATOR.
bool needs_escape(char32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F) || code_point == 0x2028 ||
         code_point == 0x2029;
}

// Of ASCII characters that stand for themselves; almost every text is one.
std::size_t plain_prefix(std::string_view text) {
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  return std::size_t(std::ranges::find_if_not(text, is_plain) - text.begin());
}

// The inside of a JSON string: always valid UTF-8 on one line.
void append_escaped(std::string& line, std::string_view text) {
  for (;;) {
    const std::size_t plain = plain_prefix(text);
    line += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const Utf8Character character = first_utf8_character(text);
    if (character.length == 0) {
      line += utf8_replacement;
      text.remove_prefix(1);
      continue;
    }
    if (character.code_point == '"' || character.code_point == '\\') {
      line += '\\';
      line += text[0];
    } else if (character.code_point == '\n') {
      line += "\\n";
    } else if (character.code_point == '\t') {
      line += "\\t";
    } else if (character.code_point == '\r') {
      line += "\\r";
    } else if (needs_escape(character.code_point)) {
      fmt::format_to(std::back_inserter(line), "\\u{:04x}", std::uint32_t(character.code_point));
    } else {
      line += text.substr(0, character.length);
    }
    text.remove_prefix(character.length);
  }
}

void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  append_escaped(line, text);
  line += '"';
}

void append_number(std::string& line, double number) {
  if (std::isfinite(number))
    fmt::format_to(std::back_inserter(line), "{}", number);
  else
    line += "null";
}

// The text of a plain line needs quotes when a reader could not tell where it ends.
bool is_bare_word(std::string_view text) {
  if (text.empty()) return false;
  for (; !text.empty();) {
    const Utf8Character character = first_utf8_character(text);
    if (character.length == 0 || needs_escape(character.code_point)) return false;
    if (std::string_view(" \"=\\").contains(text[0])) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

struct StructuredValue {
  std::string& line;
  void operator()(std::string_view text) const { append_quoted(line, text); }
  void operator()(std::int64_t number) const { line += std::to_string(number); }
  void operator()(double number) const { append_number(line, number); }
  void operator()(bool flag) const { line += flag ? "true" : "false"; }
};

struct PlainValue {
  std::string& line;
  void operator()(std::string_view text) const {
    if (is_bare_word(text))
      line += text;
    else
      append_quoted(line, text);
  }
  void operator()(std::int64_t number) const { line += std::to_string(number); }
  void operator()(double number) const { append_number(line, number); }
  void operator()(bool flag) const { line += flag ? "true" : "false"; }
};

std::string render_structured(Level level, std::string_view time, std::string_view message,
                              Fields fields) {
  std::string line = "{\"level\":";
  append_quoted(line, names_of(level).full);
  line += ",\"time\":";
  append_quoted(line, time);
  line += ",\"message\":";
  append_quoted(line, message);
  for (const Field& field : fields) {
    line += ',';
    append_quoted(line, field.name);
    line += ':';
    std::visit(StructuredValue{line}, field.value);
  }
  line += '}';
  return line;
}

std::string render_plain(Level level, std::string_view time, std::string_view message,
                         Fields fields, bool coloured) {
  const LevelNames& names = names_of(level);
  std::string line{time};
  line += ' ';
  line += coloured ? fmt::format("\x1b[{}m{}\x1b[0m", names.colour, names.brief)
                   : std::string(names.brief);
  line += ' ';
  append_escaped(line, message);
  for (const Field& field : fields) {
    line += coloured ? " \x1b[36m" : " ";
    append_escaped(line, field.name);
    line += coloured ? "=\x1b[0m" : "=";
    std::visit(PlainValue{line}, field.value);
  }
  return line;
}

// False when what stands between ':' and '/' is no number, as in "user:password/...".
bool has_plain_port(std::string_view url_rest) {
  const std::string_view authority = url_rest.substr(0, url_rest.find('/'));
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return true;
  return std::ranges::all_of(authority.substr(colon + 1),
                             [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void configure(Level level, Format format) {
  const char* no_colour = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
  const bool colour_refused = no_colour != nullptr && *no_colour != '\0';
  settings = {level, format, isatty(STDERR_FILENO) == 1 && !colour_refused};
}

bool enabled(Level level) {
  return level >= settings.level;
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  const std::string time = to_rfc3339(read_clocks().wall);
  std::string line = settings.format == Format::structured
                         ? render_structured(level, time, message, fields)
                         : render_plain(level, time, message, fields, settings.coloured);
  line += '\n';
  // Nobody is left to tell when standard error itself fails.
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

std::string render(Format format, Level level, std::string_view time, std::string_view message,
                   Fields fields) {
  return format == Format::structured ? render_structured(level, time, message, fields)
                                      : render_plain(level, time, message, fields, false);
}

std::string redact_url(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos)
    return std::string(url.substr(0, url.find_first_of("?#")));
  const std::string_view scheme = url.substr(0, scheme_end + 3);
  std::string_view rest = url.substr(scheme.size());
  const bool ends_in_authority = rest.find_first_of("?#") < rest.find('/');
  const bool at_behind = rest.substr(std::min(rest.find_first_of("?#"), rest.size())).contains('@');
  rest = rest.substr(0, rest.find_first_of("?#"));
  // A sloppy URL may have any of "/?#@" in its password, so drop up to the last '@', and where
  // what is left may still be the beginning of a password, say nothing.
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos)
    rest.remove_prefix(at + 1);
  else if ((ends_in_authority && at_behind) || !has_plain_port(rest))
    return std::string(scheme) + "...";
  return std::string(scheme).append(rest);
}

}  // namespace b3::log
