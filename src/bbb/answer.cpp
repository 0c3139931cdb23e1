#include "bbb/answer.h"

#include <algorithm>
#include <array>

#include "bbb/meeting_id.h"
#include "bbb/plain_answer.h"
#include "bbb/plain_meeting.h"
#include "bbb/xml.h"

namespace b3::bbb {

namespace {

constexpr std::string_view response_begin = "<response><returncode>SUCCESS</returncode>";
constexpr std::string_view response_end = "</response>";
constexpr std::string_view meetings_begin = "<response><returncode>SUCCESS</returncode><meetings>";
constexpr std::string_view meetings_end = "</meetings>";

void append_element(std::string& out, std::string_view name, std::string_view text) {
  out.append("<").append(name).append(">");
  out.append(xml::escape(text)).append("</").append(name).append(">");
}

pugi::xml_node child_of(pugi::xml_node parent, std::string_view name) {
  return parent.find_child([name](pugi::xml_node child) { return child.name() == name; });
}

// Elements of the answer as a whole, not of the meeting it is about.
bool is_about_answer(std::string_view name) {
  return name == "returncode" || name == "messageKey" || name == "message";
}

// Names in here are chosen by the tenant (meta_..., userdata-...), so they mean nothing to us.
bool is_tenant_area(std::string_view name) {
  return name == "metadata" || name == "customdata";
}

bool holds_meeting_id(pugi::xml_node element) {
  const std::string_view name = element.name();
  if (name == "meetingID" || name == "meetingId" || name == "parentMeetingID") return true;
  return name == "breakout" && std::string_view(element.parent().name()) == "breakoutRooms";
}

bool has_child_elements(pugi::xml_node element) {
  return bool(
      element.find_child([](pugi::xml_node child) { return child.type() == pugi::node_element; }));
}

void unscope_within(pugi::xml_node root, std::string_view frontend_key) {
  for (pugi::xml_node element = root; element;) {
    const bool skip = is_tenant_area(element.name());
    if (!skip && holds_meeting_id(element) && !has_child_elements(element)) {
      const std::string text = xml::text_of(element);
      const auto parts = unscope(text);
      if (parts && parts->frontend_key == frontend_key)
        xml::set_text(element, std::string(parts->meeting_id));
    }
    element = xml::next_element(element, root, skip);
  }
}

bool is_breakout(pugi::xml_node meeting) {
  if (xml::is_true(child_of(meeting, "isBreakout"))) return true;
  std::string parent = xml::text_of(child_of(meeting, "parentMeetingID"));
  if (parent.empty())
    parent = xml::text_of(child_of(child_of(meeting, "breakout"), "parentMeetingID"));
  return !parent.empty() && parent != no_parent_meeting;
}

NodeMeeting read_meeting(pugi::xml_node meeting) {
  NodeMeeting result;
  result.scoped_id = xml::text_of(child_of(meeting, "meetingID"));
  result.internal_id = xml::text_of(child_of(meeting, "internalMeetingID"));
  result.name = xml::text_of(child_of(meeting, "meetingName"));
  result.running = xml::is_true(child_of(meeting, "running"));
  result.breakout = is_breakout(meeting);
  result.ended = xml::is_true(child_of(meeting, "hasBeenForciblyEnded"));
  result.counts = {.participants = xml::count_of(child_of(meeting, "participantCount")),
                   .moderators = xml::count_of(child_of(meeting, "moderatorCount")),
                   .listeners = xml::count_of(child_of(meeting, "listenerCount")),
                   .voices = xml::count_of(child_of(meeting, "voiceParticipantCount")),
                   .videos = xml::count_of(child_of(meeting, "videoCount"))};
  xml::print(meeting, result.document);
  return result;
}

// A stored <meeting> document with this tenant's ids; nullptr when it is not one.
std::unique_ptr<pugi::xml_document> open_meeting(std::string_view document,
                                                 std::string_view frontend_key) {
  auto parsed = xml::parse(document);
  if (!parsed || std::string_view(parsed->document_element().name()) != "meeting") return nullptr;
  unscope_within(parsed->document_element(), frontend_key);
  return parsed;
}

}  // namespace

std::string failed(std::string_view message_key, std::string_view message) {
  std::string answer = "<response><returncode>FAILED</returncode>";
  append_element(answer, "messageKey", message_key);
  append_element(answer, "message", message);
  return answer.append(response_end);
}

std::string success(const std::vector<std::pair<std::string_view, std::string_view>>& elements) {
  std::string answer{response_begin};
  for (const auto& [name, text] : elements) append_element(answer, name, text);
  return answer.append(response_end);
}

std::string index_answer(std::string_view build) {
  return success({{"version", "2.0"}, {"apiVersion", "2.0"}, {"bbbVersion", build}});
}

struct Answer::Document {
  std::optional<PlainAnswer> plain;         // where that is possible
  std::unique_ptr<pugi::xml_document> xml;  // everywhere else
  pugi::xml_node response() const { return xml->document_element(); }
};

Answer::Answer(std::unique_ptr<Document> document) : document_(std::move(document)) {}
Answer::Answer(Answer&&) noexcept = default;
Answer& Answer::operator=(Answer&&) noexcept = default;
Answer::~Answer() = default;

std::expected<Answer, XmlError> Answer::parse(std::string_view xml) {
  if (auto plain = PlainAnswer::parse(xml))
    return Answer(std::make_unique<Document>(std::move(plain), nullptr));
  auto parsed = xml::parse(xml);
  if (!parsed) return std::unexpected(XmlError::malformed);
  const pugi::xml_node root = parsed->document_element();
  if (std::string_view(root.name()) != "response" || !child_of(root, "returncode"))
    return std::unexpected(XmlError::not_bbb);
  return Answer(std::make_unique<Document>(std::nullopt, std::move(parsed)));
}

bool Answer::success() const {
  if (document_->plain) return document_->plain->success();
  return xml::trimmed_text_of(child_of(document_->response(), "returncode")) == "SUCCESS";
}

std::string Answer::text(std::string_view element) const {
  if (document_->plain) return document_->plain->text(element);
  return xml::text_of(child_of(document_->response(), element));
}

bool Answer::has(std::string_view element) const {
  if (document_->plain) return document_->plain->has(element);
  return bool(child_of(document_->response(), element));
}

std::vector<NodeMeeting> Answer::meetings() const {
  std::vector<NodeMeeting> result;
  if (document_->plain) return result;  // it is flat
  for (const pugi::xml_node child : child_of(document_->response(), "meetings").children()) {
    if (std::string_view(child.name()) != "meeting") continue;
    NodeMeeting meeting = read_meeting(child);
    if (!meeting.scoped_id.empty()) result.push_back(std::move(meeting));
  }
  return result;
}

NodeMeeting Answer::as_meeting() const {
  if (document_->plain) return document_->plain->as_meeting();
  pugi::xml_document scratch;
  pugi::xml_node meeting = scratch.append_child("meeting");
  for (const pugi::xml_node child : document_->response().children())
    if (child.type() == pugi::node_element && !is_about_answer(child.name()))
      meeting.append_copy(child);
  return read_meeting(meeting);
}

void Answer::unscope_ids(std::string_view frontend_key) {
  if (document_->plain) return document_->plain->unscope_ids(frontend_key);
  unscope_within(document_->response(), frontend_key);
}

std::string Answer::xml() const& {
  if (document_->plain) return document_->plain->xml();
  std::string bytes;
  xml::print(document_->response(), bytes);
  return bytes;
}

std::string Answer::xml() && {
  if (document_->plain) return std::move(*document_->plain).xml();
  return std::as_const(*this).xml();
}

MeetingsAnswer::MeetingsAnswer(std::string_view frontend_key)
    : frontend_key_(frontend_key), answer_(meetings_begin) {}

void MeetingsAnswer::add(std::string_view document) {
  if (append_plain_meeting(answer_, document, frontend_key_)) return;
  if (const auto parsed = open_meeting(document, frontend_key_)) {
    xml::print(parsed->document_element(), answer_);
  }
}

std::string MeetingsAnswer::finish() && {
  if (answer_.size() > meetings_begin.size()) {
    return std::move(answer_.append(meetings_end).append(response_end));
  }
  std::string answer{response_begin};
  answer += "<meetings/>";
  append_element(answer, "messageKey", "noMeetings");
  append_element(answer, "message", "no meetings were found on this server");
  return answer.append(response_end);
}

std::string meetings_answer(const std::vector<std::string_view>& documents,
                            std::string_view frontend_key) {
  MeetingsAnswer answer{frontend_key};
  for (const std::string_view document : documents) answer.add(document);
  return std::move(answer).finish();
}

std::optional<std::string> meeting_info_answer(std::string_view document,
                                               std::string_view frontend_key) {
  const auto parsed = open_meeting(document, frontend_key);
  if (!parsed) return std::nullopt;
  std::string answer{response_begin};
  for (const pugi::xml_node child : parsed->document_element().children())
    if (child.type() == pugi::node_element && !is_about_answer(child.name()))
      xml::print(child, answer);
  return answer.append(response_end);
}

}  // namespace b3::bbb
