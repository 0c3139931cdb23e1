#include "agent/calls.h"

#include <utility>

#include "base/json.h"

namespace b3::agent {
namespace {

namespace json = boost::json;

constexpr std::string_view refresh_action = "backend_refresh";

Call make(std::string_view meeting_id, std::string_view action, json::object payload) {
  payload["internal_meeting_id"] = meeting_id;
  return {std::string(meeting_id), {{"action", action}, {"payload", std::move(payload)}}};
}

}  // namespace

std::size_t Call::bytes() const {
  constexpr std::size_t most_others = 1'024;  // names are short; a document need not be
  const auto* payload = body.if_contains("payload");
  const auto* fields = payload ? payload->if_object() : nullptr;
  const auto* document = fields ? find_string(*fields, "meeting_xml") : nullptr;
  return most_others + (document ? document->size() : 0);
}

Call reset_call(std::string_view meeting_id, std::string_view meeting_xml) {
  return make(meeting_id, "meeting_state_reset", {{"meeting_xml", meeting_xml}});
}

Call add_call(std::string_view meeting_id, const Person& person) {
  json::object attendee{{"internal_user_id", person.internal_id},
                        {"user_id", person.user_id},
                        {"full_name", person.full_name},
                        {"role", person.moderator ? "MODERATOR" : "VIEWER"},
                        {"is_presenter", person.presenter},
                        {"is_listening_only", person.listening_only},
                        {"has_joined_voice", person.voice},
                        {"has_video", person.video},
                        {"client_type", "HTML5"}};
  return make(meeting_id, "meeting_add_attendee", {{"attendee", std::move(attendee)}});
}

Call remove_call(std::string_view meeting_id, std::string_view internal_user_id) {
  return make(meeting_id, "meeting_remove_attendee", {{"internal_user_id", internal_user_id}});
}

Call ended_call(std::string_view meeting_id) {
  return make(meeting_id, "meeting_ended", {});
}

Call refresh_call() {
  return {"", {{"action", refresh_action}, {"payload", json::object()}}};
}

bool is_refresh(const Call& call) {
  const auto* action = find_string(call.body, "action");
  return action && *action == refresh_action;
}

}  // namespace b3::agent
