#include "events/apply.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <pugixml.hpp>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/utf8.h"
#include "bbb/xml.h"

namespace b3::events {

namespace {

namespace xml = bbb::xml;

using UserIds = std::map<std::string, std::string, std::less<>>;

UserIds read_user_ids(const std::string& text) {
  UserIds ids;
  const auto object = parse_json_object(text);
  if (!object) return ids;
  for (const auto& member : *object) {
    if (const auto* user_id = member.value().if_string()) {
      ids.emplace(member.key(), std::string_view(*user_id));
    }
  }
  return ids;
}

std::string to_text(const UserIds& ids) {
  boost::json::object object;
  for (const auto& [internal_id, user_id] : ids) object[internal_id] = user_id;
  return boost::json::serialize(object);
}

void set_child(pugi::xml_node parent, const char* name, const std::string& value) {
  auto child = parent.child(name);
  if (!child) child = parent.append_child(name);
  xml::set_text(child, to_xml_text(value));
}

const char* to_text(bool value) {
  return value ? "true" : "false";
}

void write_attendee(pugi::xml_node element, const Attendee& attendee) {
  set_child(element, "userID", attendee.user_id);
  set_child(element, "fullName", attendee.full_name);
  set_child(element, "role", attendee.role);
  set_child(element, "isPresenter", to_text(attendee.is_presenter));
  set_child(element, "isListeningOnly", to_text(attendee.is_listening_only));
  set_child(element, "hasJoinedVoice", to_text(attendee.has_joined_voice));
  set_child(element, "hasVideo", to_text(attendee.has_video));
  set_child(element, "clientType", attendee.client_type);
}

// What one attendee counts for.
MeetingCounts counted(pugi::xml_node attendee) {
  return {.participants = 1,
          .moderators = xml::trimmed_text_of(attendee.child("role")) == "MODERATOR" ? 1 : 0,
          .listeners = xml::is_true(attendee.child("isListeningOnly")) ? 1 : 0,
          .voices = xml::is_true(attendee.child("hasJoinedVoice")) ? 1 : 0,
          .videos = xml::is_true(attendee.child("hasVideo")) ? 1 : 0};
}

void add_to(MeetingCounts& counts, const MeetingCounts& change, int sign) {
  const auto add = [sign](std::int64_t& count, std::int64_t by) {
    count = std::max<std::int64_t>(count + sign * by, 0);
  };
  add(counts.participants, change.participants);
  add(counts.moderators, change.moderators);
  add(counts.listeners, change.listeners);
  add(counts.voices, change.voices);
  add(counts.videos, change.videos);
}

std::string text_in(pugi::xml_node element, const char* child) {
  return xml::text_of(element.child(child));
}

}  // namespace

// A <meeting>; made anew where the row has none that can be read.
struct MeetingEdit::Document {
  std::unique_ptr<pugi::xml_document> xml;

  pugi::xml_node meeting() const { return xml->document_element(); }
  pugi::xml_node attendees() const {
    const auto found = meeting().child("attendees");
    return found ? found : meeting().append_child("attendees");
  }
  std::vector<pugi::xml_node> of_user(std::string_view user_id) const {
    std::vector<pugi::xml_node> found;
    const auto shown = to_xml_text(user_id);
    for (const auto element : attendees().children("attendee")) {
      if (text_in(element, "userID") == shown) found.push_back(element);
    }
    return found;
  }
};

MeetingEdit::MeetingEdit(Meeting& meeting)
    : meeting_(meeting), user_ids_(read_user_ids(meeting.attendee_ids)) {}

MeetingEdit::~MeetingEdit() = default;

MeetingEdit::Document& MeetingEdit::document() {
  if (document_) return *document_;
  document_ = std::make_unique<Document>();
  auto& opened = document_->xml;
  opened = xml::parse(meeting_.document);
  if (opened && std::string_view(opened->document_element().name()) == "meeting") {
    return *document_;
  }
  opened = std::make_unique<pugi::xml_document>();
  auto root = opened->append_child("meeting");
  set_child(root, "meetingName", meeting_.name);
  set_child(root, "meetingID", meeting_.scoped_id);
  set_child(root, "internalMeetingID", meeting_.internal_id);
  return *document_;
}

Outcome MeetingEdit::apply(std::string_view backend_id, const Event& event) {
  const bool is_here =
      !ended_ && meeting_.phase == MeetingPhase::bound && meeting_.internal_id == event.internal_id;
  if (!is_here) {
    return {Outcome::Kind::no_such_meeting, "no meeting has this internal_meeting_id (any more)"};
  }
  if (meeting_.backend_id != backend_id) {
    return {Outcome::Kind::other_backend, "this meeting is on another backend"};
  }
  switch (event.kind) {
    case Event::Kind::reset:
      reset(event);
      break;
    case Event::Kind::running:
      set_running(event.running.value_or(true));
      break;
    case Event::Kind::add:
      add(event.attendee);
      break;
    case Event::Kind::remove:
      remove(event.internal_user_id);
      break;
    case Event::Kind::ended:
      ended_ = true;
      break;
    case Event::Kind::refresh:
      should_poll_ = true;
      break;
    case Event::Kind::malformed:
      return {Outcome::Kind::malformed, event.problem};
  }
  return {};
}

std::size_t MeetingEdit::known_as(std::string_view user_id) const {
  return std::size_t(std::ranges::count(user_ids_, user_id, &UserIds::value_type::second));
}

// Those that the document, which the node has written meanwhile, does not know any more.
void MeetingEdit::forget_absent(std::string_view user_id) {
  if (document().of_user(user_id).empty()) {
    std::erase_if(user_ids_, [&](const auto& known) { return known.second == user_id; });
  }
}

void MeetingEdit::set_running(bool running) {
  const bool shown = xml::is_true(document().meeting().child("running"));
  if (meeting_.running == running && shown == running) return;
  meeting_.running = running;
  set_child(document().meeting(), "running", to_text(running));
  document_changed_ = true;
}

// The node's document may have had somebody before the event came: with nobody known by internal
// id for one of this user's elements, that one is meant.
void MeetingEdit::add(const Attendee& attendee) {
  const auto known = user_ids_.find(attendee.internal_user_id);
  const std::string user_id = known == user_ids_.end() ? attendee.user_id : known->second;
  forget_absent(user_id);
  const auto elements = document().of_user(user_id);
  pugi::xml_node element;
  if (!elements.empty()) {
    const bool is_known = user_ids_.contains(attendee.internal_user_id);
    if (is_known || elements.size() > known_as(user_id)) element = elements.front();
  }
  for (const auto candidate : elements) {
    const bool same_name = text_in(candidate, "fullName") == to_xml_text(attendee.full_name);
    if (element && same_name) element = candidate;
  }
  if (element) {
    add_to(meeting_.counts, counted(element), -1);
  } else {
    element = document().attendees().append_child("attendee");
  }
  write_attendee(element, attendee);
  add_to(meeting_.counts, counted(element), +1);
  user_ids_[attendee.internal_user_id] = attendee.user_id;
  set_child(document().meeting(), "hasUserJoined", "true");
  document_changed_ = true;
  set_running(true);
}

void MeetingEdit::remove(std::string_view internal_user_id) {
  const auto known = user_ids_.find(internal_user_id);
  if (known == user_ids_.end()) {
    should_poll_ = true;
    return;
  }
  const auto elements = document().of_user(known->second);
  // Somebody may have gone from the node's document already, or have left unheard.
  if (elements.size() < known_as(known->second)) should_poll_ = true;
  user_ids_.erase(known);
  changed_ = true;
  if (elements.empty()) return;
  add_to(meeting_.counts, counted(elements.back()), -1);
  document().attendees().remove_child(elements.back());
  document_changed_ = true;
}

void MeetingEdit::reset(const Event& event) {
  if (event.node_meeting) return reset_to_node_meeting(event);
  auto list = document().attendees();
  list.remove_children();
  meeting_.counts = {};
  user_ids_.clear();
  for (const auto& attendee : event.attendees) {
    const auto element = list.append_child("attendee");
    write_attendee(element, attendee);
    add_to(meeting_.counts, counted(element), +1);
    if (!attendee.internal_user_id.empty()) {
      user_ids_[attendee.internal_user_id] = attendee.user_id;
    }
  }
  document_changed_ = true;
  if (!event.attendees.empty()) set_child(document().meeting(), "hasUserJoined", "true");
  set_running(event.running.value_or(meeting_.running || !event.attendees.empty()));
}

// What the node says of its meeting, as a poll would find it; ids of people who are there stay.
void MeetingEdit::reset_to_node_meeting(const Event& event) {
  const auto& told = *event.node_meeting;
  if (told.ended || told.scoped_id != meeting_.scoped_id) {
    should_poll_ = true;
    return;
  }
  changed_ = changed_ || meeting_.document != told.document || meeting_.counts != told.counts ||
             meeting_.running != told.running;
  meeting_.document = told.document;
  meeting_.counts = told.counts;
  meeting_.running = told.running;
  document_.reset();
  document_changed_ = false;
  const auto before = user_ids_.size();
  std::erase_if(user_ids_,
                [&](const auto& known) { return document().of_user(known.second).empty(); });
  changed_ = changed_ || user_ids_.size() != before;
}

store::Revision MeetingEdit::finish() {
  if (ended_) return store::Revision::ended;
  if (document_changed_) {
    const auto meeting = document().meeting();
    const auto& [participants, moderators, listeners, voices, videos] = meeting_.counts;
    set_child(meeting, "participantCount", std::to_string(participants));
    set_child(meeting, "listenerCount", std::to_string(listeners));
    set_child(meeting, "voiceParticipantCount", std::to_string(voices));
    set_child(meeting, "videoCount", std::to_string(videos));
    set_child(meeting, "moderatorCount", std::to_string(moderators));
    meeting_.document.clear();
    xml::print(meeting, meeting_.document);
  }
  if (!changed_ && !document_changed_) return store::Revision::unchanged;
  meeting_.attendee_ids = to_text(user_ids_);
  return store::Revision::changed;
}

}  // namespace b3::events
