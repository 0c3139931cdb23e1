#include "store/connection.h"

#include <charconv>

#include "base/encoding.h"
#include "base/utf8.h"

namespace b3::store {

namespace {

[[noreturn]] void throw_unexpected_cell() {
  throw StoreCorrupt("the database holds a value this program cannot read");
}

template <class Number>
Number parse_number(const std::string& text) {
  Number number{};
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) throw_unexpected_cell();
  return number;
}

}  // namespace

Cell& RowReader::next() {
  if (position_ >= row_.size()) throw_unexpected_cell();
  return row_[position_++];
}

std::optional<std::string> RowReader::optional_text() {
  Cell& cell = next();
  if (std::holds_alternative<std::monostate>(cell)) return std::nullopt;
  if (auto* text = std::get_if<std::string>(&cell)) return std::move(*text);
  throw_unexpected_cell();
}

std::string RowReader::text() {
  auto value = optional_text();
  if (!value) throw_unexpected_cell();
  return std::move(*value);
}

std::int64_t RowReader::integer() {
  const Cell& cell = next();
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return *number;
  if (const auto* text = std::get_if<std::string>(&cell)) return parse_number<std::int64_t>(*text);
  throw_unexpected_cell();
}

double RowReader::real() {
  const Cell& cell = next();
  if (const auto* number = std::get_if<double>(&cell)) return *number;
  // SQLite's RETURNING gives whole numbers of a REAL column as integers.
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return double(*number);
  if (const auto* text = std::get_if<std::string>(&cell)) return parse_number<double>(*text);
  throw_unexpected_cell();
}

bool RowReader::boolean() {
  const Cell& cell = next();
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return *number != 0;
  if (const auto* text = std::get_if<std::string>(&cell)) return *text == "t";
  throw_unexpected_cell();
}

WallTime RowReader::time() {
  return from_unix_milliseconds(integer());
}

std::optional<WallTime> RowReader::optional_time() {
  if (position_ < row_.size() && std::holds_alternative<std::monostate>(row_[position_])) {
    ++position_;
    return std::nullopt;
  }
  return time();
}

bool is_storable_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && is_valid_utf8(text);
}

void allow_long_transaction(Connection& connection) {
  if (connection.dialect() == Dialect::sqlite) return;
  connection.execute("SET LOCAL statement_timeout = '10min'");
}

std::string to_storable_text(std::string_view text) {
  if (is_storable_text(text)) return std::string(text);
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_utf8_character(text);
    if (character.length == 0 || character.code_point == 0) {
      result += utf8_replacement;
      text.remove_prefix(1);
    } else {
      result += text.substr(0, character.length);
      text.remove_prefix(character.length);
    }
  }
  return result;
}

}  // namespace b3::store
