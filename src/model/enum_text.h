// Two-way tables between enumerations and their stable names. Pure; private to the model.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace b3 {

template <class Enum, std::size_t Count>
using EnumText = std::array<std::pair<Enum, std::string_view>, Count>;

// "" for a value outside the table, which only a bad cast can make.
template <class Enum, std::size_t Count>
constexpr std::string_view text_of(const EnumText<Enum, Count>& table, Enum value) {
  for (const auto& [candidate, text] : table) {
    if (candidate == value) return text;
  }
  return {};
}

template <class Enum, std::size_t Count>
constexpr std::optional<Enum> value_of(const EnumText<Enum, Count>& table, std::string_view text) {
  for (const auto& [value, candidate] : table) {
    if (candidate == text) return value;
  }
  return std::nullopt;
}

}  // namespace b3
