#include "agent/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <utility>

#include "base/json.h"

namespace b3::agent {
namespace {

namespace json = boost::json;
using Kind = Message::Kind;

constexpr std::size_t max_message_bytes = 1 << 20;
constexpr std::size_t max_id_bytes = 1'024;
constexpr std::size_t max_name_bytes = 4'096;

struct Name {
  std::string_view name;
  Kind kind;
};
constexpr Name names[] = {
    {"MeetingCreatedEvtMsg", Kind::meeting_created},
    {"MeetingEndingEvtMsg", Kind::meeting_over},
    {"MeetingEndedEvtMsg", Kind::meeting_over},
    {"MeetingDestroyedEvtMsg", Kind::meeting_over},
    {"UserJoinedMeetingEvtMsg", Kind::joined},
    {"UserLeftMeetingEvtMsg", Kind::left},
    {"UserEjectedFromMeetingEvtMsg", Kind::left},
    {"UserRoleChangedEvtMsg", Kind::role_changed},
    {"PresenterAssignedEvtMsg", Kind::presenter_assigned},
    {"PresenterUnassignedEvtMsg", Kind::presenter_unassigned},
    {"UserJoinedVoiceConfToClientEvtMsg", Kind::voice_joined},
    {"UserLeftVoiceConfToClientEvtMsg", Kind::voice_left},
    {"UserBroadcastCamStartedEvtMsg", Kind::camera_on},
    {"UserBroadcastCamStoppedEvtMsg", Kind::camera_off},
    {"BreakoutRoomsListEvtMsg", Kind::breakouts_changed},
    {"BreakoutRoomStartedEvtMsg", Kind::breakouts_changed},
    {"BreakoutRoomEndedEvtMsg", Kind::breakouts_changed},
};

const json::object* find_object(const json::object* object, std::string_view key) {
  const auto* value = object ? object->if_contains(key) : nullptr;
  return value ? value->if_object() : nullptr;
}

// "" where there is none, or one that nobody would write.
std::string text_of(const json::object* object, std::string_view key,
                    std::size_t most = max_id_bytes) {
  const auto* text = object ? find_string(*object, key) : nullptr;
  return text && text->size() <= most ? std::string(*text) : std::string();
}

bool flag_of(const json::object* object, std::string_view key) {
  return object && find_bool(*object, key).value_or(false);
}

// Who it is about, where the kinds of messages differ.
std::string_view person_key(Kind kind) {
  switch (kind) {
    case Kind::role_changed:
    case Kind::camera_on:
    case Kind::camera_off:
      return "userId";
    case Kind::presenter_assigned:
      return "presenterId";
    default:
      return "intId";
  }
}

bool is_about_a_person(Kind kind) {
  return kind != Kind::meeting_created && kind != Kind::meeting_over &&
         kind != Kind::breakouts_changed;
}

struct Parts {
  const json::object* header;
  const json::object* body;
};

void read_creation(const Parts& parts, Message& message) {
  const auto* properties = find_object(parts.body, "props");
  const auto* meeting = find_object(properties, "meetingProp");
  message.external_id = text_of(meeting, "extId", max_name_bytes);
  if (auto id = text_of(meeting, "intId"); !id.empty()) message.meeting_id = std::move(id);
  if (flag_of(meeting, "isBreakout")) {
    message.parent_id = text_of(find_object(properties, "breakoutProps"), "parentId");
  }
}

void read_person(const Parts& parts, Message& message) {
  Person& person = message.person;
  person.internal_id = text_of(parts.body, person_key(message.kind));
  if (person.internal_id.empty()) person.internal_id = text_of(parts.header, "userId");
  person.user_id = text_of(parts.body, "extId", max_name_bytes);
  if (person.user_id.empty()) person.user_id = person.internal_id;
  person.full_name = text_of(parts.body, "name", max_name_bytes);
  person.moderator = text_of(parts.body, "role") == "MODERATOR";
  person.presenter = flag_of(parts.body, "presenter");
  person.listening_only = flag_of(parts.body, "listenOnly");
  message.stream = text_of(parts.body, "stream");
}

std::unexpected<std::string> malformed(std::string_view name, std::string_view what) {
  return std::unexpected(fmt::format("{} without {}", name, what));
}

}  // namespace

bool is_wanted_channel(std::string_view channel) {
  if (!channel.starts_with("from-akka-apps-")) return false;
  return !channel.contains("-wb-") && !channel.contains("-pres-") && !channel.contains("-chat-");
}

std::expected<std::optional<Message>, std::string> parse_message(std::string_view text) {
  if (text.size() > max_message_bytes) return std::nullopt;
  const auto whole = parse_json_object(text);
  if (!whole) return std::unexpected("a message that is no JSON object");
  const auto* core = find_object(&*whole, "core");
  const Parts parts{find_object(core, "header"), find_object(core, "body")};
  std::string name = text_of(find_object(&*whole, "envelope"), "name");
  if (name.empty()) name = text_of(parts.header, "name");
  if (name.empty()) return std::unexpected("a message without a name");
  const auto* known = std::ranges::find(names, name, &Name::name);
  if (known == std::end(names)) return std::nullopt;
  if (!parts.body) return malformed(known->name, "a body");

  Message message;
  message.kind = known->kind;
  message.meeting_id = text_of(parts.header, "meetingId");
  if (message.meeting_id.empty()) message.meeting_id = text_of(parts.body, "meetingId");
  if (message.kind == Kind::meeting_created) read_creation(parts, message);
  if (message.kind == Kind::breakouts_changed) {
    message.parent_id = text_of(parts.body, "parentMeetingId");
    if (message.parent_id.empty()) message.parent_id = text_of(parts.body, "meetingId");
    if (message.parent_id.empty()) message.parent_id = message.meeting_id;
    if (message.meeting_id.empty()) message.meeting_id = message.parent_id;
  }
  if (message.meeting_id.empty()) return malformed(known->name, "a meeting");
  if (is_about_a_person(message.kind)) {
    read_person(parts, message);
    if (message.person.internal_id.empty()) return malformed(known->name, "a user");
  }
  return message;
}

}  // namespace b3::agent
