#include "bbb/plain_meeting.h"

#include <algorithm>
#include <vector>

#include "base/utf8.h"
#include "bbb/meeting_id.h"

namespace b3::bbb {
namespace {

constexpr std::size_t deepest = 60;  // pugixml's turn comes before xml::max_depth
constexpr std::string_view cdata_begin = "<![CDATA[";
constexpr std::string_view cdata_end = "]]>";

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto continues = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !name.empty() && is_letter(name.front()) && std::ranges::all_of(name, continues);
}

// Only what XML holds, and no carriage return, which parsers change.
bool is_clean(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 && byte != '\n' && byte != '\t') return false;
    if (byte < 0x7F) {
      ++at;
      continue;
    }
    const auto character = first_utf8_character(text.substr(at));
    if (character.length == 0 || !is_xml_character(character.code_point)) return false;
    at += character.length;
  }
  return true;
}

// Escaped as a printer does it: no bare '>', no references but these three.
bool is_plain_text(std::string_view text) {
  if (text.contains('>')) return false;
  for (auto at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    const auto rest = text.substr(at);
    if (!rest.starts_with("&amp;") && !rest.starts_with("&lt;") && !rest.starts_with("&gt;")) {
      return false;
    }
  }
  return true;
}

class Scanner {
 public:
  Scanner(std::string_view document, std::string_view frontend_key, std::string& out)
      : rest_(document), copied_(document), key_(frontend_key), out_(out) {}

  bool run() {
    if (!rest_.starts_with("<meeting>") || !is_clean(rest_)) return false;
    do {
      if (!(rest_.starts_with(cdata_begin) ? pass_cdata() : pass_tag())) return false;
      if (open_.empty()) break;
      if (!pass_text()) return false;
    } while (true);
    out_ += copied_;
    return rest_.empty();
  }

 private:
  bool pass_cdata() {
    const auto end = rest_.find(cdata_end);
    if (in_id_ || end == std::string_view::npos) return false;
    just_opened_ = false;
    rest_.remove_prefix(end + cdata_end.size());
    return true;
  }

  bool pass_tag() {
    const auto end = rest_.find('>');
    if (end == std::string_view::npos) return false;
    auto name = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    if (name.starts_with('/')) return close(name.substr(1));
    const bool is_empty = name.ends_with('/');
    if (is_empty) name.remove_suffix(1);
    if (!is_name(name) || open_.size() >= deepest) return false;
    in_id_ = false;
    just_opened_ = !is_empty;
    if (is_empty) return !open_.empty();
    open_.push_back(name);
    // Names in there are chosen by the tenant, so they mean nothing to us.
    if (name == "metadata" || name == "customdata") ++tenant_areas_;
    in_id_ = tenant_areas_ == 0 && holds_meeting_id(name);
    return true;
  }

  bool close(std::string_view name) {
    if (open_.empty() || open_.back() != name) return false;
    open_.pop_back();
    in_id_ = just_opened_ = false;
    if (name == "metadata" || name == "customdata") --tenant_areas_;
    return true;
  }

  bool holds_meeting_id(std::string_view name) const {
    if (name == "meetingID" || name == "meetingId" || name == "parentMeetingID") return true;
    return name == "breakout" && open_.size() > 1 && open_[open_.size() - 2] == "breakoutRooms";
  }

  bool pass_text() {
    const auto end = rest_.find('<');
    if (end == std::string_view::npos) return false;
    const auto text = rest_.substr(0, end);
    if (!is_plain_text(text)) return false;
    rest_.remove_prefix(end);
    // Printed as <a/>, this would be.
    if (text.empty() && just_opened_ && rest_.starts_with("</")) return false;
    // Text only: not in front of elements.
    if (in_id_ && rest_.starts_with("</")) unscope_text(text);
    return true;
  }

  void unscope_text(std::string_view text) {
    const auto parts = unscope(text);
    if (!parts || parts->frontend_key != key_) return;
    const auto up_to_text = std::size_t(text.data() - copied_.data());
    out_ += copied_.substr(0, up_to_text);
    copied_.remove_prefix(up_to_text + text.size() - parts->meeting_id.size());
  }

  std::string_view rest_;    // to be scanned
  std::string_view copied_;  // to be copied: begins where the last copy ended
  std::string_view key_;
  std::string& out_;
  std::vector<std::string_view> open_;  // elements
  int tenant_areas_ = 0;
  bool just_opened_ = false;
  bool in_id_ = false;  // the element opened last holds a meeting id, and nothing came after it
};

}  // namespace

bool append_plain_meeting(std::string& out, std::string_view document,
                          std::string_view frontend_key) {
  const auto before = out.size();
  if (Scanner{document, frontend_key, out}.run()) return true;
  out.resize(before);
  return false;
}

}  // namespace b3::bbb
