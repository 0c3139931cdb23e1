#include "agent/messages.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace b3::agent;
using Kind = Message::Kind;

namespace {

std::string wrap(std::string_view name, std::string_view body) {
  return fmt::format(
      R"({{"envelope":{{"name":"{0}","routing":{{"meetingId":"m1","userId":"w_a"}},"timestamp":17}},)"
      R"("core":{{"header":{{"name":"{0}","meetingId":"m1","userId":"w_header"}},"body":{1}}}}})",
      name, body);
}

Message parse(std::string_view name, std::string_view body) {
  const auto message = parse_message(wrap(name, body));
  REQUIRE(message.has_value());
  REQUIRE(message->has_value());
  return **message;
}

}  // namespace

TEST_CASE("a meeting begins and ends") {
  const auto created = parse(
      "MeetingCreatedEvtMsg",
      R"({"props":{"meetingProp":{"name":"Algebra","extId":"math~algebra","intId":"m1","isBreakout":false},
          "breakoutProps":{"parentId":"bbb-none"}}})");
  CHECK(created.kind == Kind::meeting_created);
  CHECK(created.meeting_id == "m1");
  CHECK(created.external_id == "math~algebra");
  CHECK(created.parent_id == "");
  for (const char* name : {"MeetingEndingEvtMsg", "MeetingEndedEvtMsg", "MeetingDestroyedEvtMsg"}) {
    CHECK(parse(name, R"({"meetingId":"m1"})").kind == Kind::meeting_over);
  }
  const auto room = parse("MeetingCreatedEvtMsg",
                          R"({"props":{"meetingProp":{"extId":"x","intId":"m2","isBreakout":true},
          "breakoutProps":{"parentId":"m1"}}})");
  CHECK(room.meeting_id == "m2");
  CHECK(room.parent_id == "m1");
}

TEST_CASE("people come, change and go") {
  const auto joined = parse("UserJoinedMeetingEvtMsg",
                            R"({"intId":"w_a","extId":"42","name":"Ada","role":"MODERATOR",
                              "guest":false,"authed":true,"presenter":true})");
  CHECK(joined.kind == Kind::joined);
  CHECK(joined.person == Person{.internal_id = "w_a",
                                .user_id = "42",
                                .full_name = "Ada",
                                .moderator = true,
                                .presenter = true});
  CHECK(parse("UserLeftMeetingEvtMsg", R"({"intId":"w_a","eject":false})").person.internal_id ==
        "w_a");
  CHECK(parse("UserEjectedFromMeetingEvtMsg", R"({"userId":"w_x"})").person.internal_id ==
        "w_header");
  const auto role = parse("UserRoleChangedEvtMsg", R"({"userId":"w_b","role":"VIEWER"})");
  CHECK(role.person.internal_id == "w_b");
  CHECK(!role.person.moderator);
  CHECK(parse("PresenterAssignedEvtMsg", R"({"presenterId":"w_c"})").person.internal_id == "w_c");
  CHECK(parse("PresenterUnassignedEvtMsg", R"({"intId":"w_d"})").kind ==
        Kind::presenter_unassigned);
  const auto voice =
      parse("UserJoinedVoiceConfToClientEvtMsg", R"({"intId":"w_a","listenOnly":true})");
  CHECK(voice.kind == Kind::voice_joined);
  CHECK(voice.person.listening_only);
  const auto camera = parse("UserBroadcastCamStartedEvtMsg", R"({"userId":"w_a","stream":"s1"})");
  CHECK(camera.kind == Kind::camera_on);
  CHECK(camera.stream == "s1");
}

TEST_CASE("breakout rooms name their parent") {
  CHECK(
      parse("BreakoutRoomEndedEvtMsg", R"({"parentMeetingId":"m9","breakoutId":"b"})").parent_id ==
      "m9");
  CHECK(parse("BreakoutRoomsListEvtMsg", R"({"meetingId":"m1","rooms":[]})").parent_id == "m1");
}

TEST_CASE("other messages are passed over, malformed ones refused without being quoted") {
  CHECK(!parse_message(wrap("GroupChatMessageBroadcastEvtMsg", "{}")).value());
  CHECK(!parse_message(std::string(2 << 20, ' ')).value());
  for (
      const std::string& text :
      {std::string(), std::string("{"), std::string("[]"), std::string("{}"),
       std::string(R"({"core":{"header":{"name":5}}})"), std::string("\xff"),
       std::string(R"({"envelope":{"name":"UserLeftMeetingEvtMsg"},"core":{"body":7}})"),
       std::string(R"({"envelope":{"name":"UserLeftMeetingEvtMsg"},"core":{"body":{}}})"),
       std::string(
           R"({"envelope":{"name":"UserLeftMeetingEvtMsg"},"core":{"header":{"meetingId":"m"},"body":{"secret":"Ada"}}})")}) {
    CAPTURE(text);
    const auto message = parse_message(text);
    REQUIRE(!message);
    CHECK(!message.error().contains("Ada"));
  }
}

TEST_CASE("channels") {
  CHECK(is_wanted_channel("from-akka-apps-redis-channel"));
  CHECK(!is_wanted_channel("from-akka-apps-wb-redis-channel"));
  CHECK(!is_wanted_channel("to-akka-apps-redis-channel"));
}
