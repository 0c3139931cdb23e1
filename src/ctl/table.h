// Text in columns for terminals. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace b3::ctl {

// Columns a terminal takes for this text: wide characters two, combining ones none.
std::size_t display_width(std::string_view utf8);

// What is not printable - control characters, terminal escapes, malformed UTF-8 - becomes U+FFFD.
// Names come from tenants and nodes, who must not steer an administrator's terminal.
std::string printable(std::string_view text);

// The beginning of a line that fits into `columns`; colour escapes (ESC [ ... m) take none and are
// closed when it is cut.
std::string clipped(std::string_view line, std::size_t columns);

enum class Tint { plain, good, warn, bad, faint };

struct Cell {
  std::string text;
  Tint tint = Tint::plain;
  bool right = false;  // numbers
};

struct Table {
  std::vector<std::string> headings;  // none: no heading line
  std::vector<std::vector<Cell>> rows;
};

// Two spaces between columns, no white space at line ends.
std::string render(const Table& table, bool colour);

}  // namespace b3::ctl
