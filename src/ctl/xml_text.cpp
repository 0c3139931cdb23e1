#include "ctl/xml_text.h"

#include <array>
#include <utility>

namespace b3::ctl {
namespace {

constexpr std::string_view cdata_begin = "<![CDATA[";
constexpr std::string_view cdata_end = "]]>";

std::string unescaped(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> entities{
      {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}}};
  std::string result;
  while (!text.empty()) {
    std::size_t length = 1;
    char character = text.front();
    for (const auto& [entity, meaning] : entities) {
      if (!text.starts_with(entity)) continue;
      length = entity.size();
      character = meaning;
    }
    result += character;
    text.remove_prefix(length);
  }
  return result;
}

}  // namespace

std::optional<std::string> xml_text(std::string_view document, std::string_view name) {
  const auto opening = "<" + std::string(name) + ">";
  const auto closing = "</" + std::string(name) + ">";
  const auto found = document.find(opening);
  if (found == std::string_view::npos) return {};
  document.remove_prefix(found + opening.size());
  std::string text;
  while (true) {
    const auto next = document.find('<');
    if (next == std::string_view::npos) return {};
    text += unescaped(document.substr(0, next));
    document.remove_prefix(next);
    if (document.starts_with(closing)) return text;
    if (!document.starts_with(cdata_begin)) return {};
    const auto end = document.find(cdata_end);
    if (end == std::string_view::npos) return {};
    text += document.substr(cdata_begin.size(), end - cdata_begin.size());
    document.remove_prefix(end + cdata_end.size());
  }
}

}  // namespace b3::ctl
