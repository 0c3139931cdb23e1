// Texts that a test's candidates refer to, kept to its end.
#pragma once

#include <list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace b3::placement {

inline std::string_view kept(std::string text) {
  static std::set<std::string> all;
  return *all.insert(std::move(text)).first;
}

inline std::span<const std::string> kept(std::vector<std::string> texts) {
  static std::list<std::vector<std::string>> all;
  return all.emplace_back(std::move(texts));
}

}  // namespace b3::placement
