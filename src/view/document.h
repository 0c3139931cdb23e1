// A node's <meeting> document packed for memory. Any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace b3::view {

// Texts of the meeting that its document repeats and that are at hand anyway: its ids, its name.
using KnownTexts = std::array<std::string_view, 3>;

// The empty document packs to nothing.
std::string pack_document(std::string_view document, const KnownTexts& known);
// The same at no price in time and a high one in memory: for what will soon be replaced.
std::string keep_document(std::string_view document);
// Takes what these made in this process, with the same texts; throws std::logic_error
// for anything else.
std::string unpack_document(std::string_view packed, const KnownTexts& known);

// What BBB's answers have in common; see document_dictionary.cpp.
std::string_view document_dictionary();
// Whole ones, made up; see document_samples.cpp.
std::vector<std::string> document_samples();

}  // namespace b3::view
