// What answer.cpp needs of pugixml, kept in one place: strict parsing and exact printing.
// For this room, and for `events`, which edits stored documents.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>

namespace b3::bbb::xml {

inline constexpr int max_depth = 64;

// nullptr unless `text` is UTF-8 XML with exactly one root element, no DOCTYPE and at most
// max_depth levels of elements. Characters XML cannot hold (nodes echo whatever a tenant sent) are
// replaced by U+FFFD, so that printing always gives well-formed XML.
std::unique_ptr<pugi::xml_document> parse(std::string_view text);

// Appends the element as UTF-8 without declaration and without added white space.
void print(pugi::xml_node element, std::string& out);

// Text and CDATA children joined; white space around CDATA is not text.
std::string text_of(pugi::xml_node element);
std::string trimmed_text_of(pugi::xml_node element);
std::string_view trim(std::string_view text);
// Replaces the content by text, as CDATA where there was some.
void set_text(pugi::xml_node element, const std::string& text);

// Numbers as BBB writes them; 0 for anything else and for negative ones.
std::int64_t count_of(pugi::xml_node element);
std::int64_t to_count(std::string_view text);
bool is_true(pugi::xml_node element);

// Character data of an element: escaped, always well-formed.
std::string escape(std::string_view text);

// The next element in document order inside `root`; null at the end. With `skip_children` the
// elements inside `current` are passed over.
pugi::xml_node next_element(pugi::xml_node current, pugi::xml_node root, bool skip_children);

}  // namespace b3::bbb::xml
