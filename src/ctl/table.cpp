#include "ctl/table.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace b3::ctl {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Combining and invisible characters (Unicode categories Mn, Me and Cf, the common blocks).
constexpr std::array no_width{Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD},
                              Range{0x0610, 0x061A}, Range{0x064B, 0x065F}, Range{0x0E31, 0x0E31},
                              Range{0x0E34, 0x0E3A}, Range{0x0E47, 0x0E4E}, Range{0x1AB0, 0x1AFF},
                              Range{0x1DC0, 0x1DFF}, Range{0x200B, 0x200D}, Range{0x20D0, 0x20FF},
                              Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}};

// East Asian Wide and Fullwidth (Unicode Standard Annex 11), and emoji.
constexpr std::array double_width{
    Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0x33FF},
    Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xA000, 0xA4CF},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE4F},
    Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
    Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD}};

// Line and paragraph separators, and what turns the writing direction around.
constexpr std::array steering{Range{0x00, 0x1F},     Range{0x7F, 0x9F},     Range{0x200E, 0x200F},
                              Range{0x2028, 0x202E}, Range{0x2066, 0x2069}, Range{0xFEFF, 0xFEFF}};

bool is_in(const auto& ranges, char32_t code_point) {
  return std::ranges::any_of(ranges, [code_point](const Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

std::string_view escape_of(Tint tint) {
  switch (tint) {
    case Tint::good:
      return "\033[32m";
    case Tint::warn:
      return "\033[33m";
    case Tint::bad:
      return "\033[31m";
    case Tint::faint:
      return "\033[2m";
    case Tint::plain:
      break;
  }
  return {};
}

std::vector<std::size_t> column_widths(const Table& table) {
  std::vector<std::size_t> widths;
  const auto widen = [&widths](std::size_t column, std::string_view text) {
    if (column >= widths.size()) widths.resize(column + 1);
    widths[column] = std::max(widths[column], display_width(text));
  };
  for (std::size_t i = 0; i < table.headings.size(); ++i) widen(i, table.headings[i]);
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widen(i, row[i].text);
  }
  return widths;
}

std::string render_row(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                       bool colour) {
  std::string line;
  std::string pending;  // spaces that are only written when something follows
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Cell& cell = row[i];
    const std::string padding(widths[i] - display_width(cell.text), ' ');
    if (i > 0) pending += "  ";
    if (cell.right) pending += padding;
    if (!cell.text.empty()) {
      const auto escape = colour ? escape_of(cell.tint) : std::string_view{};
      line += pending;
      line += escape;
      line += cell.text;
      if (!escape.empty()) line += "\033[0m";
      pending.clear();
    }
    if (!cell.right) pending += padding;
  }
  return line + '\n';
}

}  // namespace

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  while (!utf8.empty()) {
    const auto character = first_utf8_character(utf8);
    utf8.remove_prefix(std::max<std::size_t>(character.length, 1));
    if (character.length == 0) {
      ++width;
    } else if (!is_in(no_width, character.code_point)) {
      width += is_in(double_width, character.code_point) ? 2 : 1;
    }
  }
  return width;
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto character = first_utf8_character(text);
    if (character.length == 0 || is_in(steering, character.code_point)) {
      result += utf8_replacement;
    } else {
      result += text.substr(0, character.length);
    }
    text.remove_prefix(std::max<std::size_t>(character.length, 1));
  }
  return result;
}

std::string clipped(std::string_view line, std::size_t columns) {
  std::string result;
  std::size_t taken = 0;
  bool coloured = false;
  while (!line.empty()) {
    std::size_t length = std::max<std::size_t>(first_utf8_character(line).length, 1);
    if (const auto end = line.find('m'); line.front() == '\033' && end != std::string_view::npos) {
      length = end + 1;
      coloured = line.substr(0, length) != "\033[0m";
    } else {
      taken += display_width(line.substr(0, length));
      if (taken > columns) break;
    }
    result += line.substr(0, length);
    line.remove_prefix(length);
  }
  if (coloured) result += "\033[0m";
  return result;
}

std::string render(const Table& table, bool colour) {
  Table clean = table;
  for (auto& row : clean.rows) {
    for (auto& cell : row) cell.text = printable(cell.text);
  }
  const auto widths = column_widths(clean);
  std::string text;
  if (!clean.headings.empty()) {
    std::vector<Cell> headings;
    for (std::size_t i = 0; i < clean.headings.size(); ++i) {
      const bool right = !clean.rows.empty() && i < clean.rows[0].size() && clean.rows[0][i].right;
      headings.push_back({clean.headings[i], Tint::faint, right});
    }
    text += render_row(headings, widths, colour);
  }
  for (const auto& row : clean.rows) text += render_row(row, widths, colour);
  return text;
}

}  // namespace b3::ctl
