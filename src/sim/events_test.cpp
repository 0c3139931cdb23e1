#include "sim/events.h"

#include <doctest/doctest.h>

#include "base/json.h"

using namespace b3;
using namespace b3::sim;

namespace {

const Now now{WallTime{seconds{1'700'000'000}}, SteadyTime{} + std::chrono::hours{1}};

struct Rig {
  NodeState node{"node1", 7};
  Rig() {
    node.records_events = true;
    node.settings.empty = seconds{5};
    create("k~algebra", false);
  }
  void create(std::string id, bool breakout) {
    CreateRequest request;
    request.meeting_id = std::move(id);
    request.breakout = breakout;
    if (breakout) request.parent_meeting_id = "k~algebra";
    REQUIRE(node.create(request, now).has_value());
  }
  // The names of the messages since the last time.
  std::string said() {
    std::string names;
    for (const auto& event : node.take_events()) {
      for (const auto& text : to_messages(event)) {
        const auto message = parse_json_object(text).value();
        const auto& core = message.at("core").as_object();
        CHECK(core.at("header").at("meetingId").as_string().starts_with(event.meeting_internal_id));
        names += std::string(message.at("envelope").at("name").as_string()) + " ";
      }
    }
    return names;
  }
};

}  // namespace

TEST_CASE("a node tells what happens in its meetings") {
  Rig rig;
  CHECK(rig.said() == "MeetingCreatedEvtMsg ");
  rig.create("k~algebra", false);  // a repetition
  CHECK(rig.said() == "");
  rig.node.change_people("k~algebra", {.join = 2, .voice = 1, .video = 2}, now);
  CHECK(rig.said() ==
        "UserJoinedMeetingEvtMsg UserJoinedMeetingEvtMsg UserJoinedVoiceConfToClientEvtMsg "
        "UserBroadcastCamStartedEvtMsg UserBroadcastCamStartedEvtMsg ");
  rig.node.change_people("k~algebra", {.leave = 1, .voice = 0, .video = 0}, now);
  CHECK(rig.said() ==
        "UserLeftMeetingEvtMsg UserLeftVoiceConfToClientEvtMsg UserBroadcastCamStoppedEvtMsg ");
  rig.create("k~room", true);
  CHECK(rig.said() == "MeetingCreatedEvtMsg BreakoutRoomStartedEvtMsg ");
  CHECK(rig.node.end("k~room", std::nullopt, now).has_value());
  CHECK(rig.said() ==
        "BreakoutRoomEndedEvtMsg MeetingEndingEvtMsg MeetingEndedEvtMsg MeetingDestroyedEvtMsg ");
}

TEST_CASE("a meeting that ends late or by itself ends once") {
  Rig rig;
  rig.said();
  SUBCASE("late") {
    rig.node.settings.end_delay = seconds{1};
    CHECK(rig.node.end("k~algebra", std::nullopt, now).has_value());
  }
  SUBCASE("by itself") {
    rig.node.change_people("k~algebra", {.join = 1}, now);
    rig.node.change_people("k~algebra", {.leave = 1}, now);
    rig.said();
  }
  rig.node.expire({now.wall, now.steady + seconds{10}});
  CHECK(rig.node.meetings().empty());
  CHECK(rig.said() == "MeetingEndingEvtMsg MeetingEndedEvtMsg MeetingDestroyedEvtMsg ");
}

TEST_CASE("a machine that loses its meetings tells nobody") {
  Rig rig;
  rig.said();
  rig.node.lose_all_meetings();
  CHECK(rig.said() == "");
}

TEST_CASE("quirks of the stream") {
  EventQuirks quirks{.duplicate = true, .silent = false, .lose = 1};
  CHECK(distort(quirks, {"a", "b"}) == std::vector<std::string>{"b", "b"});
  CHECK(quirks.lose == 0);
  quirks.silent = true;
  CHECK(distort(quirks, {"a"}).empty());
}

TEST_CASE("quirks as the control API takes them") {
  const auto settings = parse_event_settings(R"({"lose": 3, "reconnect": true})").value();
  CHECK(settings.quirks.lose == 3);
  CHECK(settings.reconnect);
  CHECK(!settings.quirks.duplicate);
  for (const char* text :
       {"", "[]", R"({"lose":-1})", R"({"lose":1.5})", R"({"silent":1})", R"({"loose":1})"}) {
    CAPTURE(text);
    CHECK(!parse_event_settings(text));
  }
}
