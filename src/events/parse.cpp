#include "events/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/encoding.h"
#include "base/json.h"

namespace b3::events {

namespace {

namespace json = boost::json;

using Refusal = std::unexpected<std::string>;
template <class Value>
using Parsed = std::expected<Value, std::string>;

constexpr std::size_t longest_id = 1'000;    // bytes
constexpr std::size_t longest_name = 4'000;  // bytes

// -- keys, as every version of the agents writes them -----------------------------------------

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
}

// `name` is in lower case and without underscores.
bool is_key(std::string_view key, std::string_view name) {
  std::size_t matched = 0;
  for (const char c : key) {
    if (c == '_') continue;
    if (matched == name.size() || to_lower(c) != name[matched]) return false;
    ++matched;
  }
  return matched == name.size();
}

// nullptr: absent or null.
const json::value* find(const json::object& object, std::string_view name) {
  for (const auto& member : object) {
    if (is_key(member.key(), name)) return member.value().is_null() ? nullptr : &member.value();
  }
  return nullptr;
}

Parsed<std::string> text_in(const json::object& object, std::string_view name,
                            std::string_view shown, std::size_t longest) {
  const auto* value = find(object, name);
  if (value == nullptr) return std::string();
  const auto* text = value->if_string();
  if (text == nullptr) return Refusal(fmt::format("{} must be a text", shown));
  if (text->size() > longest) {
    return Refusal(fmt::format("{} must have at most {} bytes", shown, longest));
  }
  return std::string(*text);
}

Parsed<std::string> id_in(const json::object& object, std::string_view name,
                          std::string_view shown) {
  auto id = text_in(object, name, shown, longest_id);
  if (id && id->empty()) return Refusal(fmt::format("{} is missing", shown));
  return id;
}

// Some agents write what is in BBB's XML: the texts "true" and "false".
Parsed<std::optional<bool>> flag_in(const json::object& object, std::string_view name,
                                    std::string_view shown) {
  const auto* value = find(object, name);
  if (value == nullptr) return std::nullopt;
  if (const auto* flag = value->if_bool()) return *flag;
  if (const auto* text = value->if_string()) {
    if (*text == "true") return true;
    if (*text == "false") return false;
  }
  return Refusal(fmt::format("{} must be true or false", shown));
}

// -- payloads ---------------------------------------------------------------------------------

std::optional<json::object> parse_base64(std::string_view text) {
  std::string url_safe;
  url_safe.reserve(text.size());
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '=') continue;
    url_safe += c == '+' ? '-' : c == '/' ? '_' : c;
  }
  const auto decoded = base64url_decode(url_safe);
  return decoded ? parse_json_object(*decoded) : std::nullopt;
}

Parsed<json::object> payload_of(const json::object& call) {
  const auto* payload = find(call, "payload");
  if (payload == nullptr) return Refusal("payload is missing");
  if (const auto* object = payload->if_object()) return *object;
  const auto* text = payload->if_string();
  if (text == nullptr) return Refusal("payload must be an object, or a text that holds one");
  if (auto plain = parse_json_object(*text)) return std::move(*plain);
  if (auto decoded = parse_base64(*text)) return std::move(*decoded);
  return Refusal("payload is a text that holds no JSON object, neither plain nor as base64");
}

Parsed<Attendee> read_attendee(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return Refusal("an attendee must be an object");
  Attendee attendee;
  struct Text {
    std::string_view name, shown;
    std::string& target;
    std::size_t longest = longest_id;
  };
  const std::array texts{
      Text{"internaluserid", "attendee.internal_user_id", attendee.internal_user_id},
      Text{"userid", "attendee.user_id", attendee.user_id},
      Text{"fullname", "attendee.full_name", attendee.full_name, longest_name},
      Text{"role", "attendee.role", attendee.role},
      Text{"clienttype", "attendee.client_type", attendee.client_type}};
  for (const auto& [name, shown, target, longest] : texts) {
    auto text = text_in(*object, name, shown, longest);
    if (!text) return Refusal(std::move(text.error()));
    if (!text->empty()) target = std::move(*text);
  }
  struct Flag {
    std::string_view name, shown;
    bool& target;
  };
  const std::array flags{
      Flag{"ispresenter", "attendee.is_presenter", attendee.is_presenter},
      Flag{"islisteningonly", "attendee.is_listening_only", attendee.is_listening_only},
      Flag{"hasjoinedvoice", "attendee.has_joined_voice", attendee.has_joined_voice},
      Flag{"hasvideo", "attendee.has_video", attendee.has_video}};
  for (const auto& [name, shown, target] : flags) {
    const auto flag = flag_in(*object, name, shown);
    if (!flag) return Refusal(flag.error());
    target = flag->value_or(false);
  }
  std::ranges::transform(attendee.role, attendee.role.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  if (attendee.role != "MODERATOR") attendee.role = "VIEWER";
  if (attendee.user_id.empty()) attendee.user_id = attendee.internal_user_id;
  if (attendee.user_id.empty()) return Refusal("attendee.user_id is missing");
  return attendee;
}

// -- actions ----------------------------------------------------------------------------------

Parsed<Event> about_meeting(Event::Kind kind, const json::object& payload) {
  auto id = id_in(payload, "internalmeetingid", "internal_meeting_id");
  if (!id) return Refusal(std::move(id.error()));
  Event event;
  event.kind = kind;
  event.internal_id = std::move(*id);
  return event;
}

Parsed<Event> read_running(const json::object& payload) {
  auto event = about_meeting(Event::Kind::running, payload);
  if (!event) return event;
  const auto running = flag_in(payload, "running", "running");
  if (!running) return Refusal(running.error());
  event->running = running->value_or(true);
  return event;
}

Parsed<Event> read_add(const json::object& payload) {
  auto event = about_meeting(Event::Kind::add, payload);
  if (!event) return event;
  const auto* value = find(payload, "attendee");
  if (value == nullptr) return Refusal("attendee is missing");
  auto attendee = read_attendee(*value);
  if (!attendee) return Refusal(std::move(attendee.error()));
  if (attendee->internal_user_id.empty()) return Refusal("attendee.internal_user_id is missing");
  event->attendee = std::move(*attendee);
  return event;
}

Parsed<Event> read_remove(const json::object& payload) {
  auto event = about_meeting(Event::Kind::remove, payload);
  if (!event) return event;
  auto id = id_in(payload, "internaluserid", "internal_user_id");
  if (!id) return Refusal(std::move(id.error()));
  event->internal_user_id = std::move(*id);
  return event;
}

Parsed<Event> read_xml(std::string_view xml) {
  constexpr std::string_view wrong = "meeting_xml holds no <meeting> of BigBlueButton";
  const auto answer =
      bbb::Answer::parse(fmt::format("<response><returncode>SUCCESS</returncode><meetings>{}"
                                     "</meetings></response>",
                                     xml));
  if (!answer) return Refusal(std::string(wrong));
  auto meetings = answer->meetings();
  if (meetings.size() != 1) return Refusal(std::string(wrong));
  auto& meeting = meetings.front();
  if (meeting.internal_id.empty() || meeting.internal_id.size() > longest_id) {
    return Refusal("meeting_xml has no internalMeetingID");
  }
  Event event;
  event.kind = Event::Kind::reset;
  event.internal_id = meeting.internal_id;
  event.running = meeting.running;
  event.node_meeting = std::move(meeting);
  return event;
}

// Go's empty list is null.
Parsed<std::vector<Attendee>> read_attendees(const json::object& meeting) {
  std::vector<Attendee> attendees;
  const auto* value = find(meeting, "attendees");
  if (value == nullptr) return attendees;
  const auto* list = value->if_array();
  if (list == nullptr) return Refusal("meeting.attendees must be a list");
  for (const auto& each : *list) {
    auto attendee = read_attendee(each);
    if (!attendee) return Refusal(std::move(attendee.error()));
    attendees.push_back(std::move(*attendee));
  }
  return attendees;
}

Parsed<Event> read_reset(const json::object& payload) {
  if (const auto* xml = find(payload, "meetingxml")) {
    if (!xml->is_string()) return Refusal("meeting_xml must be a text");
    return read_xml(xml->get_string());
  }
  const auto* value = find(payload, "meeting");
  if (value == nullptr) return Refusal("meeting is missing");
  const auto* meeting = value->if_object();
  if (meeting == nullptr) return Refusal("meeting must be an object");
  auto event = about_meeting(Event::Kind::reset, *meeting);
  if (!event) return event;
  const auto running = flag_in(*meeting, "running", "meeting.running");
  if (!running) return Refusal(running.error());
  auto attendees = read_attendees(*meeting);
  if (!attendees) return Refusal(std::move(attendees.error()));
  event->running = *running;
  event->attendees = std::move(*attendees);
  return event;
}

Event about_node() {
  Event event;
  event.kind = Event::Kind::refresh;
  return event;
}

struct Call {
  std::string action;
  json::object payload;
};

Parsed<Call> read_call(const json::object& call) {
  auto action = id_in(call, "action", "action");
  if (!action) return Refusal(std::move(action.error()));
  auto payload = payload_of(call);
  if (!payload) return Refusal(std::move(payload.error()));
  return Call{std::move(*action), std::move(*payload)};
}

Parsed<Event> read_event(const Call& call) {
  const auto& [action, payload] = call;
  if (action == "meeting_state_reset") return read_reset(payload);
  if (action == "meeting_set_running") return read_running(payload);
  if (action == "meeting_add_attendee") return read_add(payload);
  if (action == "meeting_remove_attendee") return read_remove(payload);
  if (action == "meeting_ended") return about_meeting(Event::Kind::ended, payload);
  if (action == "backend_refresh") return about_node();
  if (action == "batch") return Refusal("a batch cannot be in a batch");
  return Refusal("this action is not known");
}

Event read_one_of_batch(const json::value& value) {
  const auto* object = value.if_object();
  Parsed<Event> event = Refusal("a call must be an object");
  if (object != nullptr) {
    const auto call = read_call(*object);
    event = call ? read_event(*call) : Parsed<Event>(Refusal(call.error()));
  }
  if (event) return std::move(*event);
  Event malformed;
  malformed.problem = std::move(event.error());
  return malformed;
}

Parsed<std::vector<Event>> read_batch(const json::object& payload) {
  const auto* value = find(payload, "calls");
  const auto* calls = value ? value->if_array() : nullptr;
  if (calls == nullptr) return Refusal("calls must be a list");
  if (calls->size() > most_calls_in_batch) {
    return Refusal(fmt::format("calls may have at most {} elements", most_calls_in_batch));
  }
  std::vector<Event> events;
  events.reserve(calls->size());
  for (const auto& each : *calls) events.push_back(read_one_of_batch(each));
  return events;
}

}  // namespace

Parsed<std::vector<Event>> parse_call(const json::object& object) {
  const auto call = read_call(object);
  if (!call) return Refusal(call.error());
  if (call->action == "batch") return read_batch(call->payload);
  auto event = read_event(*call);
  if (!event) return Refusal(std::move(event.error()));
  std::vector<Event> events;
  events.push_back(std::move(*event));
  return events;
}

}  // namespace b3::events
