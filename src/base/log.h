// Structured logging on standard error: one JSON object or one console line per event.
//
// Any thread may log; a line is written with a single write(2). Values are escaped; callers must
// not pass secrets, and pass URLs only through redact_url().
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace b3::log {

enum class Level { trace = -1, debug = 0, info = 1, warn = 2, error = 3, fatal = 4, panic = 5 };
enum class Format { structured, plain };

struct Field {
  using Value = std::variant<std::string_view, std::int64_t, double, bool>;
  std::string_view name;
  Value value;

  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, bool v) : name(n), value(v) {}
  Field(std::string_view n, std::floating_point auto v) : name(n), value(double(v)) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view n, T v) : name(n), value(std::int64_t(v)) {}
};
using Fields = std::initializer_list<Field>;

// Called once at start, before other threads exist.
void configure(Level level, Format format);
bool enabled(Level level);

void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}

// One line without the newline, as write() would print it; for tests.
std::string render(Format format, Level level, std::string_view time, std::string_view message,
                   Fields fields);

// The URL without user information and without its query string.
std::string redact_url(std::string_view url);

}  // namespace b3::log
