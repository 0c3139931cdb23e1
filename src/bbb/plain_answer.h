// A node's answer without pugixml, when it is flat: <response> with elements that hold nothing but
// text, as BBB answers create, end, isMeetingRunning and every refusal. Private to this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bbb/answer.h"

namespace b3::bbb {

// Each function gives, byte for byte, what Answer makes of the same bytes with a document tree.
class PlainAnswer {
 public:
  // nullopt for everything that is not plainly such an answer (attributes, comments, a declaration,
  // references other than &amp; &lt; &gt;, text beside CDATA, elements inside elements, no
  // returncode, anything large, anything not well-formed): then pugixml has to look at it.
  static std::optional<PlainAnswer> parse(std::string_view xml);

  bool success() const;
  std::string text(std::string_view element) const;
  bool has(std::string_view element) const { return find(element) != nullptr; }
  NodeMeeting as_meeting() const;
  void unscope_ids(std::string_view frontend_key);
  const std::string& xml() const& { return xml_; }
  std::string xml() && { return std::move(xml_); }

 private:
  class Reader;

  // Places in xml_.
  struct Element {
    std::uint32_t begin;  // of "<name>"
    std::uint32_t end;
    std::uint32_t name_size;
    std::uint32_t text;
    std::uint32_t text_size;  // as written: escaped, without CDATA's brackets
    bool is_cdata;
  };

  const Element* find(std::string_view name) const;  // the first one
  std::string_view name_of(const Element& element) const;
  std::string_view written_text_of(const Element& element) const;
  std::string text_of(const Element& element) const;

  std::string xml_;
  std::vector<Element> elements_;
};

}  // namespace b3::bbb
