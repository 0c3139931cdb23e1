#include "events/parse.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/json.h"

namespace b3::events {
namespace {

std::expected<std::vector<Event>, std::string> parse(std::string_view text) {
  return parse_call(parse_json_object(text).value());
}

Event parse_one(std::string_view text) {
  auto events = parse(text);
  REQUIRE(events);
  REQUIRE(events->size() == 1);
  return std::move(events->front());
}

TEST_CASE("keys are the same however they are written") {
  for (const auto* key : {"internal_meeting_id", "InternalMeetingID", "internalMeetingId",
                          "INTERNALMEETINGID", "_internal__meeting_id_"}) {
    const auto event =
        parse_one(fmt::format(R"({{"action":"meeting_ended","payload":{{"{}":"i-1"}}}})", key));
    CHECK(event.kind == Event::Kind::ended);
    CHECK(event.internal_id == "i-1");
  }
  CHECK_FALSE(parse(R"({"action":"meeting_ended","payload":{"internal_meeting_i":"x"}})"));
  CHECK_FALSE(parse(R"({"action":"meeting_ended","payload":{"internal_meeting_id2":"x"}})"));
}

TEST_CASE("a payload may be a text with JSON, plain or base64") {
  // {"internal_meeting_id":"i-1?>"} has '/' and '+' nowhere by chance, so two forms are tried.
  for (const auto* payload :
       {R"({\"internal_meeting_id\":\"i-1\"})",
        "eyJpbnRlcm5hbF9tZWV0aW5nX2lkIjoiaS0xIn0=", "eyJpbnRlcm5hbF9tZWV0aW5nX2lkIjoiaS0xIn0",
        "eyJpbnRlcm5hbF9tZWV0aW5n\\nX2lkIjoiaS0xIn0=\\n"}) {
    const auto event =
        parse_one(fmt::format(R"({{"Action":"meeting_set_running","Payload":"{}"}})", payload));
    CHECK(event.kind == Event::Kind::running);
    CHECK(event.internal_id == "i-1");
    CHECK(event.running == true);
  }
  // {"internal_meeting_id":"~~~???"}
  CHECK(parse_one(R"({"action":"meeting_ended",
                  "payload":"eyJpbnRlcm5hbF9tZWV0aW5nX2lkIjoifn5+Pz8/In0="})")
            .internal_id == "~~~???");
}

TEST_CASE("an attendee is read with all its fields") {
  const auto event = parse_one(R"({"action":"meeting_add_attendee","payload":{
    "InternalMeetingID":"i-1","Attendee":{"InternalUserID":"w_1","UserID":"u1","FullName":"Anna",
    "Role":"moderator","IsPresenter":true,"IsListeningOnly":"true","HasJoinedVoice":false,
    "HasVideo":true,"ClientType":"FLASH"}}})");
  CHECK(event.kind == Event::Kind::add);
  const auto& attendee = event.attendee;
  CHECK(attendee.internal_user_id == "w_1");
  CHECK(attendee.user_id == "u1");
  CHECK(attendee.full_name == "Anna");
  CHECK(attendee.role == "MODERATOR");
  CHECK(attendee.client_type == "FLASH");
  CHECK(attendee.is_presenter);
  CHECK(attendee.is_listening_only);
  CHECK_FALSE(attendee.has_joined_voice);
  CHECK(attendee.has_video);
  const auto sparse = parse_one(R"({"action":"meeting_add_attendee","payload":{
    "internal_meeting_id":"i-1","attendee":{"internal_user_id":"w_1","role":"GUEST"}}})");
  CHECK(sparse.attendee.user_id == "w_1");
  CHECK(sparse.attendee.role == "VIEWER");
  CHECK(sparse.attendee.client_type == "HTML5");
}

TEST_CASE("a reset comes as an object or as the node's own element") {
  const auto object = parse_one(R"({"action":"meeting_state_reset","payload":{"meeting":{
    "InternalMeetingID":"i-1","Running":false,"Attendees":[{"UserID":"a"},{"UserID":"b"}]}}})");
  CHECK(object.kind == Event::Kind::reset);
  CHECK(object.running == false);
  CHECK(object.attendees.size() == 2);
  CHECK_FALSE(object.node_meeting);
  const auto empty = parse_one(R"({"action":"meeting_state_reset","payload":{"meeting":{
    "InternalMeetingID":"i-1","Attendees":null}}})");
  CHECK(empty.attendees.empty());
  CHECK_FALSE(empty.running);
  const auto xml = parse_one(R"({"action":"meeting_state_reset","payload":{"meeting_xml":
    "<meeting><meetingID>m</meetingID><internalMeetingID>i-1</internalMeetingID><running>true</running><participantCount>4</participantCount></meeting>"}})");
  REQUIRE(xml.node_meeting);
  CHECK(xml.internal_id == "i-1");
  CHECK(xml.running == true);
  CHECK(xml.node_meeting->counts.participants == 4);
}

TEST_CASE("what cannot be read is refused in words") {
  const auto refusal = [](std::string_view text) {
    const auto events = parse(text);
    REQUIRE_FALSE(events);
    return events.error();
  };
  CHECK(refusal("{}") == "action is missing");
  CHECK(refusal(R"({"action":null})") == "action is missing");
  CHECK(refusal(R"({"action":7})") == "action must be a text");
  CHECK(refusal(R"({"action":"x"})") == "payload is missing");
  CHECK(refusal(R"({"action":"x","payload":null})") == "payload is missing");
  CHECK(refusal(R"({"action":"x","payload":{}})") == "this action is not known");
  CHECK(refusal(R"({"action":"meeting_ended","payload":[]})").contains("must be an object"));
  CHECK(refusal(R"({"action":"meeting_ended","payload":"%%%"})").contains("base64"));
  CHECK(refusal(R"({"action":"meeting_ended","payload":"[1]"})").contains("no JSON object"));
  CHECK(refusal(R"({"action":"meeting_ended","payload":{}})") == "internal_meeting_id is missing");
  CHECK(refusal(
            fmt::format(R"({{"action":"meeting_ended","payload":{{"internal_meeting_id":"{}"}}}})",
                        std::string(1'001, 'x')))
            .contains("1000 bytes"));
  const std::string about = R"("internal_meeting_id":"i-1")";
  const auto payload = [&](std::string_view action, std::string_view rest) {
    return refusal(fmt::format(R"({{"action":"{}","payload":{{{}{}}}}})", action, about, rest));
  };
  CHECK(payload("meeting_set_running", R"(,"running":1)") == "running must be true or false");
  CHECK(payload("meeting_add_attendee", "") == "attendee is missing");
  CHECK(payload("meeting_add_attendee", R"(,"attendee":"x")") == "an attendee must be an object");
  CHECK(payload("meeting_add_attendee", R"(,"attendee":{"user_id":"u"})") ==
        "attendee.internal_user_id is missing");
  CHECK(
      payload("meeting_add_attendee", R"(,"attendee":{"internal_user_id":"w","has_video":"x"})") ==
      "attendee.has_video must be true or false");
  CHECK(payload("meeting_remove_attendee", "") == "internal_user_id is missing");
  CHECK(payload("meeting_state_reset", "") == "meeting is missing");
  CHECK(payload("meeting_state_reset", R"(,"meeting":{"attendees":[]})") ==
        "internal_meeting_id is missing");
  CHECK(
      payload("meeting_state_reset", R"(,"meeting":{"internal_meeting_id":"i","attendees":{}})") ==
      "meeting.attendees must be a list");
  for (const auto* xml : {"", "<meeting>", "<meeting/>", "</meetings></response>",
                          "<meeting><meetingID>a</meetingID></meeting><meeting><meetingID>b"
                          "</meetingID></meeting>"}) {
    CHECK(payload("meeting_state_reset", fmt::format(R"(,"meeting_xml":"{}")", xml))
              .contains("meeting_xml"));
  }
}

TEST_CASE("a refresh is about no meeting") {
  const auto event = parse_one(R"({"action":"backend_refresh","payload":{}})");
  CHECK(event.kind == Event::Kind::refresh);
  CHECK(event.internal_id.empty());
  CHECK_FALSE(parse(R"({"action":"backend_refresh"})"));
}

TEST_CASE("a batch is read call by call") {
  const auto events = parse(R"({"action":"batch","payload":{"calls":[
    {"action":"meeting_ended","payload":{"internal_meeting_id":"i-1"}},
    7, {"action":"batch","payload":{"calls":[]}}, {"action":"meeting_ended"},
    {"action":"meeting_set_running","payload":{"internal_meeting_id":"i-2"}}]}})");
  REQUIRE(events);
  REQUIRE(events->size() == 5);
  CHECK((*events)[0].internal_id == "i-1");
  CHECK((*events)[1].kind == Event::Kind::malformed);
  CHECK((*events)[1].problem == "a call must be an object");
  CHECK((*events)[2].problem == "a batch cannot be in a batch");
  CHECK((*events)[3].problem == "payload is missing");
  CHECK((*events)[4].internal_id == "i-2");
  CHECK(parse(R"({"action":"batch","payload":{"calls":[]}})")->empty());
  CHECK_FALSE(parse(R"({"action":"batch","payload":{"calls":null}})"));
  std::string calls = "7";
  for (std::size_t i = 1; i < most_calls_in_batch; ++i) calls += ",7";
  const auto batch = [](const std::string& list) {
    return parse(fmt::format(R"({{"action":"batch","payload":{{"calls":[{}]}}}})", list));
  };
  CHECK(batch(calls)->size() == most_calls_in_batch);
  CHECK_FALSE(batch(calls + ",7"));
}

}  // namespace
}  // namespace b3::events
