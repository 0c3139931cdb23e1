// UTF-8 (RFC 3629), one character at a time. Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace b3 {

inline constexpr std::string_view utf8_replacement = "\xEF\xBF\xBD";  // U+FFFD

// One decoded character. `length` is 0 when the text does not begin with a well-formed one
// (overlong forms, surrogates and values over U+10FFFF are not well-formed), or is empty.
struct Utf8Character {
  char32_t code_point = 0;
  std::size_t length = 0;
};
Utf8Character first_utf8_character(std::string_view text);

// Allowed in an XML document: XML 1.0, production [2] Char.
bool is_xml_character(char32_t code_point);

// 0x20 to 0x7E only?
bool is_printable_ascii(std::string_view text);

// `text` with every malformed byte and every character XML cannot hold replaced by U+FFFD.
std::string to_xml_text(std::string_view text);

}  // namespace b3
