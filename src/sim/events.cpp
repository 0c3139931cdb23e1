#include "sim/events.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/json.h"

namespace b3::sim {
namespace {

namespace json = boost::json;
using Kind = StateEvent::Kind;

constexpr std::int64_t most_lost = 1'000'000;

// Every message of akka-bbb-apps looks like this.
std::string message(std::string_view name, const StateEvent& event, json::object body) {
  const json::object header{{"name", name},
                            {"meetingId", event.meeting_internal_id},
                            {"userId", event.person.internal_id}};
  const json::object whole{
      {"envelope",
       {{"name", name},
        {"routing", {{"sender", "bbb-apps-akka"}, {"msgType", "BROADCAST_TO_MEETING"}}},
        {"timestamp", event.unix_milliseconds}}},
      {"core", {{"header", header}, {"body", std::move(body)}}}};
  return json::serialize(whole);
}

json::object creation(const StateEvent& event) {
  return {{"props",
           {{"meetingProp",
             {{"name", event.meeting_name},
              {"extId", event.meeting_id},
              {"intId", event.meeting_internal_id},
              {"isBreakout", event.breakout}}},
            {"breakoutProps", {{"parentId", event.parent_internal_id}}}}}};
}

json::object entry(const StateEvent& event) {
  const Attendee& person = event.person;
  return {{"intId", person.internal_id},
          {"extId", person.user_id},
          {"name", person.full_name},
          {"role", person.moderator ? "MODERATOR" : "VIEWER"},
          {"guest", false},
          {"authed", true},
          {"presenter", person.presenter},
          {"locked", true},
          {"clientType", "HTML5"}};
}

json::object voice(const StateEvent& event) {
  return {{"voiceConf", event.voice_bridge},
          {"intId", event.person.internal_id},
          {"voiceUserId", "v" + event.person.internal_id},
          {"callerName", event.person.full_name},
          {"talking", false},
          {"muted", false},
          {"listenOnly", event.person.listening_only}};
}

json::object camera(const StateEvent& event) {
  const std::string& id = event.person.internal_id;
  return {{"userId", id}, {"stream", id + "-camera"}};
}

std::vector<std::string> breakout_messages(std::string_view name, const StateEvent& event) {
  if (!event.breakout) return {};
  return {message(
      name, event,
      {{"parentMeetingId", event.parent_internal_id}, {"breakoutId", event.meeting_internal_id}})};
}

}  // namespace

std::vector<std::string> to_messages(const StateEvent& event) {
  switch (event.kind) {
    case Kind::created: {
      std::vector<std::string> messages{message("MeetingCreatedEvtMsg", event, creation(event))};
      for (auto& more : breakout_messages("BreakoutRoomStartedEvtMsg", event)) {
        messages.push_back(std::move(more));
      }
      return messages;
    }
    case Kind::ended: {
      const json::object body{{"meetingId", event.meeting_internal_id}};
      auto messages = breakout_messages("BreakoutRoomEndedEvtMsg", event);
      for (const auto* name :
           {"MeetingEndingEvtMsg", "MeetingEndedEvtMsg", "MeetingDestroyedEvtMsg"}) {
        messages.push_back(message(name, event, body));
      }
      return messages;
    }
    case Kind::joined:
      return {message("UserJoinedMeetingEvtMsg", event, entry(event))};
    case Kind::left:
      return {message("UserLeftMeetingEvtMsg", event,
                      {{"intId", event.person.internal_id}, {"eject", false}})};
    case Kind::voice_joined:
      return {message("UserJoinedVoiceConfToClientEvtMsg", event, voice(event))};
    case Kind::voice_left:
      return {message("UserLeftVoiceConfToClientEvtMsg", event, voice(event))};
    case Kind::camera_on:
      return {message("UserBroadcastCamStartedEvtMsg", event, camera(event))};
    case Kind::camera_off:
      return {message("UserBroadcastCamStoppedEvtMsg", event, camera(event))};
  }
  return {};
}

std::expected<EventSettings, std::string> parse_event_settings(std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object) return std::unexpected("the body must be one JSON object");
  EventSettings settings;
  const std::pair<std::string_view, bool*> flags[] = {{"duplicate", &settings.quirks.duplicate},
                                                      {"silent", &settings.quirks.silent},
                                                      {"reconnect", &settings.reconnect}};
  for (const auto& [key, value] : *object) {
    const std::string name(key);
    if (name == "lose") {
      const auto number = find_integer(*object, name);
      if (!number || *number < 0 || *number > most_lost) {
        return std::unexpected("lose must be a whole number from 0 to 1000000");
      }
      settings.quirks.lose = std::size_t(*number);
      continue;
    }
    const auto flag = std::ranges::find(flags, name, [](const auto& entry) { return entry.first; });
    if (flag == std::end(flags)) return std::unexpected("unknown member \"" + name + "\"");
    const auto given = find_bool(*object, name);
    if (!given) return std::unexpected(name + " must be true or false");
    *flag->second = *given;
  }
  return settings;
}

json::object to_json(const EventQuirks& quirks) {
  return {{"duplicate", quirks.duplicate}, {"silent", quirks.silent}, {"lose", quirks.lose}};
}

std::vector<std::string> distort(EventQuirks& quirks, const std::vector<std::string>& messages) {
  std::vector<std::string> left;
  if (quirks.silent) return left;
  for (const auto& one : messages) {
    if (quirks.lose > 0) {
      --quirks.lose;
      continue;
    }
    for (int i = 0; i < (quirks.duplicate ? 2 : 1); ++i) left.push_back(one);
  }
  return left;
}

}  // namespace b3::sim
