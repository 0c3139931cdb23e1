#include "bbb/plain_answer.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "bbb/meeting_id.h"
#include "bbb/xml.h"

namespace b3::bbb {
namespace {

constexpr std::size_t largest = 64 * 1024;
constexpr std::size_t most_elements = 64;
constexpr std::string_view response_begin = "<response>";
constexpr std::string_view response_end = "</response>";
constexpr std::string_view cdata_begin = "<![CDATA[";
constexpr std::string_view cdata_end = "]]>";

enum class Sort : unsigned char { plain, name, markup, wide, forbidden };

// What a byte is within text. Carriage returns are forbidden because parsers change them.
constexpr std::array<Sort, 256> sorts = [] {
  std::array<Sort, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    const char c = static_cast<char>(byte);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool continues = (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (byte >= 0x80)
      table[byte] = Sort::wide;
    else if (byte < 0x20 && c != '\n' && c != '\t')
      table[byte] = Sort::forbidden;
    else if (c == '<' || c == '>' || c == '&')
      table[byte] = Sort::markup;
    else if (letter || continues)
      table[byte] = Sort::name;
  }
  return table;
}();

Sort sort_of(char c) {
  return sorts[static_cast<unsigned char>(c)];
}

bool begins_name(char c) {
  return sort_of(c) == Sort::name && (c == '_' || c > '9');
}

std::size_t skip_space(std::string_view xml, std::size_t at) {
  while (at < xml.size() && (xml[at] == ' ' || xml[at] == '\n' || xml[at] == '\t')) ++at;
  return at;
}

// These loops see most of an answer's characters.
std::size_t skip_name(std::string_view xml, std::size_t at) {
  while (at < xml.size() && sort_of(xml[at]) == Sort::name) ++at;
  return at;
}

std::size_t skip_plain(std::string_view xml, std::size_t at) {
  while (at < xml.size() && sort_of(xml[at]) <= Sort::name) ++at;
  return at;
}

// Length of what XML holds at the front of `text`, beyond ASCII; 0 for anything else.
std::size_t wide_character(std::string_view text) {
  const auto character = first_utf8_character(text);
  return is_xml_character(character.code_point) ? character.length : 0;
}

// The only references a printer writes; 0 for others.
std::size_t reference(std::string_view text) {
  if (text.starts_with("&lt;") || text.starts_with("&gt;")) return 4;
  return text.starts_with("&amp;") ? 5 : 0;
}

bool is_about_answer(std::string_view name) {
  return name == "returncode" || name == "messageKey" || name == "message";
}

bool holds_meeting_id(std::string_view name) {
  return name == "meetingID" || name == "meetingId" || name == "parentMeetingID";
}

}  // namespace

// Copies the answer as pugixml would print it, noting where its elements are.
class PlainAnswer::Reader {
 public:
  Reader(std::string_view xml, PlainAnswer& answer) : source_(xml), answer_(answer) {}

  bool read() {
    at_ = skip_space(source_, 0);
    if (!source_.substr(at_).starts_with(response_begin)) return false;
    answer_.xml_.reserve(source_.size());
    answer_.elements_.reserve(20);
    copied_ = at_;
    at_ += response_begin.size();
    for (;;) {
      at_ = skip_space(source_, at_);
      if (source_.substr(at_).starts_with("</")) break;
      if (answer_.elements_.size() >= most_elements || !read_element()) return false;
    }
    if (!source_.substr(at_).starts_with(response_end)) return false;
    at_ += response_end.size();
    copy_to(at_);
    // "<response></response>" would be printed in short.
    return skip_space(source_, at_) == source_.size() && !answer_.elements_.empty();
  }

 private:
  bool read_element() {
    if (at_ + 1 >= source_.size() || source_[at_] != '<' || !begins_name(source_[at_ + 1])) {
      return false;
    }
    const std::size_t begin = at_++;
    const std::size_t name_begin = at_;
    at_ = skip_name(source_, at_);
    const auto name = source_.substr(name_begin, at_ - name_begin);
    const bool is_empty = source_.substr(at_).starts_with("/>");
    at_ += is_empty ? 2 : 1;
    if (at_ > source_.size() || source_[at_ - 1] != '>') return false;
    const bool is_cdata = !is_empty && source_.substr(at_).starts_with(cdata_begin);
    const std::size_t text = at_ + (is_cdata ? cdata_begin.size() : 0);
    std::size_t text_size = 0;
    if (!is_empty) {
      if (!(is_cdata ? pass_cdata() : pass_text())) return false;
      text_size = at_ - text - (is_cdata ? cdata_end.size() : 0);
      if (!pass_end_tag(name)) return false;
    }
    if (!is_empty && !is_cdata && text_size == 0) {
      copy_to(begin);
      note(begin, name, text, 0, false);
      answer_.xml_.append("<").append(name).append("/>");
      copied_ = at_;
    } else {
      note(begin, name, text, text_size, is_cdata);
      copy_to(at_);
    }
    answer_.elements_.back().end = static_cast<std::uint32_t>(answer_.xml_.size());
    return true;
  }

  bool pass_end_tag(std::string_view name) {
    const auto rest = source_.substr(at_);
    if (rest.size() < name.size() + 3 || !rest.starts_with("</") || rest[name.size() + 2] != '>' ||
        rest.substr(2, name.size()) != name) {
      return false;
    }
    at_ += name.size() + 3;
    return true;
  }

  bool pass_text() {
    for (;;) {
      at_ = skip_plain(source_, at_);
      if (at_ == source_.size()) return false;
      if (source_[at_] == '<') return true;
      const auto rest = source_.substr(at_);
      const std::size_t length =
          sort_of(source_[at_]) == Sort::wide ? wide_character(rest) : reference(rest);
      if (length == 0) return false;
      at_ += length;
    }
  }

  bool pass_cdata() {
    const auto end = source_.find(cdata_end, at_);
    if (end == std::string_view::npos) return false;
    for (at_ += cdata_begin.size(); at_ < end;) {
      const auto sort = sort_of(source_[at_]);
      const std::size_t length = sort == Sort::wide ? wide_character(source_.substr(at_)) : 1;
      if (sort == Sort::forbidden || length == 0) return false;
      at_ += length;
    }
    at_ = end + cdata_end.size();
    return true;
  }

  void copy_to(std::size_t place) {
    answer_.xml_.append(source_.substr(copied_, place - copied_));
    copied_ = place;
  }

  // Of places in the source; what is not copied yet will be copied as it is.
  void note(std::size_t begin, std::string_view name, std::size_t text, std::size_t text_size,
            bool is_cdata) {
    const std::size_t shift = copied_ - answer_.xml_.size();  // wraps around, and back below
    answer_.elements_.push_back({.begin = static_cast<std::uint32_t>(begin - shift),
                                 .end = 0,
                                 .name_size = static_cast<std::uint32_t>(name.size()),
                                 .text = static_cast<std::uint32_t>(text - shift),
                                 .text_size = static_cast<std::uint32_t>(text_size),
                                 .is_cdata = is_cdata});
  }

  std::string_view source_;
  PlainAnswer& answer_;
  std::size_t at_ = 0;
  std::size_t copied_ = 0;
};

std::optional<PlainAnswer> PlainAnswer::parse(std::string_view xml) {
  if (xml.size() > largest) return std::nullopt;
  std::optional<PlainAnswer> answer{std::in_place};
  if (!Reader{xml, *answer}.read() || !answer->has("returncode")) answer.reset();
  return answer;
}

const PlainAnswer::Element* PlainAnswer::find(std::string_view name) const {
  for (const Element& element : elements_)
    if (name_of(element) == name) return &element;
  return nullptr;
}

std::string_view PlainAnswer::name_of(const Element& element) const {
  return {xml_.data() + element.begin + 1, element.name_size};
}

std::string_view PlainAnswer::written_text_of(const Element& element) const {
  return {xml_.data() + element.text, element.text_size};
}

std::string PlainAnswer::text_of(const Element& element) const {
  auto written = written_text_of(element);
  if (element.is_cdata || !written.contains('&')) return std::string(written);
  std::string text;
  text.reserve(written.size());
  while (!written.empty()) {
    const auto plain = written.substr(0, written.find('&'));
    text.append(plain);
    written.remove_prefix(plain.size());
    if (written.empty()) break;
    text += written[1] == 'l' ? '<' : written[1] == 'g' ? '>' : '&';
    written.remove_prefix(reference(written));
  }
  return text;
}

bool PlainAnswer::success() const {
  const Element* element = find("returncode");
  return element != nullptr && xml::trim(written_text_of(*element)) == "SUCCESS";
}

std::string PlainAnswer::text(std::string_view name) const {
  const Element* element = find(name);
  return element == nullptr ? std::string() : text_of(*element);
}

NodeMeeting PlainAnswer::as_meeting() const {
  NodeMeeting result;
  result.document.reserve(xml_.size());
  result.document = "<meeting>";
  for (const Element& element : elements_)
    if (!is_about_answer(name_of(element)))
      result.document.append(xml_, element.begin, element.end - element.begin);
  const bool is_empty = result.document.size() == std::string_view("<meeting>").size();
  result.document = is_empty ? "<meeting/>" : std::move(result.document.append("</meeting>"));

  const auto is_true = [this](std::string_view name) { return xml::trim(text(name)) == "true"; };
  const auto count = [this](std::string_view name) { return xml::to_count(text(name)); };
  const std::string parent = text("parentMeetingID");
  result.scoped_id = text("meetingID");
  result.internal_id = text("internalMeetingID");
  result.name = text("meetingName");
  result.running = is_true("running");
  result.breakout = is_true("isBreakout") || (!parent.empty() && parent != no_parent_meeting);
  result.ended = is_true("hasBeenForciblyEnded");
  result.counts = {.participants = count("participantCount"),
                   .moderators = count("moderatorCount"),
                   .listeners = count("listenerCount"),
                   .voices = count("voiceParticipantCount"),
                   .videos = count("videoCount")};
  return result;
}

void PlainAnswer::unscope_ids(std::string_view frontend_key) {
  std::uint32_t removed = 0;
  for (Element& element : elements_) {
    element.begin -= removed;
    element.text -= removed;
    element.end -= removed;
    if (!holds_meeting_id(name_of(element))) continue;
    const auto written = written_text_of(element);
    const auto parts = unscope(written);
    if (!parts || parts->frontend_key != frontend_key) continue;
    const auto size = static_cast<std::uint32_t>(written.size() - parts->meeting_id.size());
    xml_.erase(element.text, size);
    element.text_size -= size;
    element.end -= size;
    removed += size;
  }
}

}  // namespace b3::bbb
