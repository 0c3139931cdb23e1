#include "sim/node_state.h"

#include <doctest/doctest.h>

using namespace b3;
using namespace b3::sim;
using namespace std::chrono_literals;

namespace {

Now at(milliseconds since_start) {
  return {from_unix_milliseconds(1'700'000'000'000) + since_start, SteadyTime{} + since_start};
}

CreateRequest meeting(std::string id) {
  CreateRequest request;
  request.meeting_id = std::move(id);
  request.attendee_password = "ap";
  request.moderator_password = "mp";
  return request;
}

JoinRequest person(std::string id, std::string password = "ap") {
  JoinRequest request;
  request.meeting_id = std::move(id);
  request.full_name = "Ada";
  request.password = std::move(password);
  return request;
}

}  // namespace

TEST_CASE("create is idempotent under the same passwords") {
  NodeState node("n", 1);
  const auto first = node.create(meeting("math"), at(0ms));
  REQUIRE(first);
  CHECK_FALSE(first->duplicate);
  const std::string internal_id = first->meeting->internal_id;
  CHECK(internal_id == "7a488390a939c4795cc1a801e51751d5f25d800d-1700000000000");

  const auto again = node.create(meeting("math"), at(5s));
  REQUIRE(again);
  CHECK(again->duplicate);
  CHECK(again->meeting->internal_id == internal_id);
  CHECK(again->meeting->created == at(0ms).wall);

  auto other = meeting("math");
  other.moderator_password = "else";
  CHECK(node.create(other, at(5s)).error().message_key == "idNotUnique");

  auto silent = meeting("math");
  silent.attendee_password.reset();
  silent.moderator_password.reset();
  CHECK(node.create(silent, at(5s))->duplicate);
}

TEST_CASE("generated passwords differ and can be repeated") {
  NodeState node("n", 1);
  CreateRequest request;
  request.meeting_id = "math";
  const auto created = node.create(request, at(0ms));
  REQUIRE(created);
  CHECK(created->meeting->name == "math");
  const std::string attendee = created->meeting->attendee_password;
  CHECK(attendee != created->meeting->moderator_password);
  request.attendee_password = attendee;
  CHECK(node.create(request, at(1s))->duplicate);
  request.attendee_password = attendee + "x";
  CHECK(node.create(request, at(1s)).error().message_key == "idNotUnique");
}

TEST_CASE("meeting ids have 2 to 256 characters and no comma") {
  NodeState node("n", 1);
  const auto key = [&](std::string id) {
    const auto created = node.create(meeting(std::move(id)), at(0ms));
    return created ? std::string() : created.error().message_key;
  };
  CHECK(key("") == "validationError");
  CHECK(key("a") == "validationError");
  CHECK(key("a,b") == "validationError");
  CHECK(key(std::string(257, 'a')) == "validationError");
  CHECK(key(std::string(256, 'a')) == "");
  std::string umlauts;
  for (int i = 0; i < 256; ++i) umlauts += "ä";
  CHECK(key(umlauts) == "");
  CHECK(key("ää") == "");
}

TEST_CASE("a meeting made anew within one millisecond is another meeting") {
  NodeState node("n", 1);
  const std::string first = node.create(meeting("math"), at(0ms))->meeting->internal_id;
  REQUIRE(node.end("math", {}, at(0ms)));
  CHECK(node.create(meeting("math"), at(0ms))->meeting->internal_id != first);
}

TEST_CASE("join decides on role, password, room and createTime") {
  NodeState node("n", 1);
  auto limited = meeting("math");
  limited.max_participants = 2;
  REQUIRE(node.create(limited, at(0ms)));

  CHECK(node.join(person("none"), at(1s)).error().message_key == "notFound");
  CHECK(node.join(person("math", "no"), at(1s)).error().message_key == "invalidPassword");
  auto nameless = person("math");
  nameless.full_name.clear();
  CHECK(node.join(nameless, at(1s)).error().message_key == "validationError");
  auto late = person("math");
  late.create_time = "1699999999999";
  CHECK(node.join(late, at(1s)).error().message_key == "mismatchCreateTimeParam");
  CHECK(node.find("math", at(1s))->attendees.empty());

  auto right = person("math", "mp");
  right.create_time = "1700000000000";
  const auto moderator = node.join(right, at(2s));
  REQUIRE(moderator);
  CHECK(moderator->attendee.moderator);
  CHECK(moderator->attendee.presenter);
  CHECK(moderator->meeting->started == at(2s).wall);
  CHECK(node.find_session(moderator->attendee.session_token, at(2s)) == moderator->meeting);

  auto by_role = person("math", "whatever");
  by_role.moderator = false;
  by_role.user_id = "u7";
  const auto viewer = node.join(by_role, at(3s));
  REQUIRE(viewer);
  CHECK_FALSE(viewer->attendee.moderator);
  CHECK(viewer->attendee.user_id == "u7");

  CHECK(node.join(person("math"), at(4s)).error().message_key == "maxParticipantsReached");
}

TEST_CASE("meetings end by themselves") {
  NodeState node("n", 1);
  SUBCASE("nobody joined") {
    REQUIRE(node.create(meeting("math"), at(0ms)));
    CHECK(node.find("math", at(299'999ms)));
    CHECK_FALSE(node.find("math", at(300s)));
  }
  SUBCASE("everybody left") {
    REQUIRE(node.create(meeting("math"), at(0ms)));
    const auto joined = node.join(person("math"), at(1s));
    REQUIRE(joined);
    const std::string token = joined->attendee.session_token;
    CHECK(node.find("math", at(24h)));  // as long as somebody is there
    REQUIRE(node.change_people("math", {.leave = 1}, at(24h)));
    CHECK_FALSE(node.find("math", at(24h))->running());
    CHECK_FALSE(node.find_session(token, at(24h)));
    CHECK(node.find("math", at(24h + 59s)));
    REQUIRE(node.join(person("math"), at(24h + 59s)));  // somebody came back
    CHECK(node.find("math", at(30h)));
    REQUIRE(node.change_people("math", {.leave = 9}, at(30h)));
    node.expire(at(30h + 60s));
    CHECK(node.meetings().empty());
  }
  SUBCASE("its duration is over") {
    auto request = meeting("math");
    request.duration_minutes = 2;
    REQUIRE(node.create(request, at(0ms)));
    const auto joined = node.join(person("math"), at(1s));
    REQUIRE(joined);
    const std::string token = joined->attendee.session_token;
    CHECK(node.find_session(token, at(119s)));
    CHECK_FALSE(node.find_session(token, at(120s)));
    CHECK(node.meetings().empty());
  }
  SUBCASE("never, when told so") {
    node.settings.never_joined = 0ms;
    REQUIRE(node.create(meeting("math"), at(0ms)));
    CHECK(node.find("math", at(9'000h)));
  }
}

TEST_CASE("end") {
  NodeState node("n", 1);
  REQUIRE(node.create(meeting("math"), at(0ms)));
  REQUIRE(node.join(person("math"), at(1s)));
  CHECK(node.end("none", {}, at(1s)).error().message_key == "notFound");
  CHECK(node.end("math", "ap", at(1s)).error().message_key == "invalidPassword");

  SUBCASE("at once") {
    REQUIRE(node.end("math", "mp", at(2s)));
    CHECK_FALSE(node.find("math", at(2s)));
    CHECK(node.end("math", {}, at(2s)).error().message_key == "notFound");
  }
  SUBCASE("with a delay it stays listed, but is over") {
    node.settings.end_delay = 3s;
    REQUIRE(node.end("math", {}, at(2s)));
    const Meeting* ended = node.find("math", at(4s));
    REQUIRE(ended);
    CHECK(ended->forcibly_ended);
    CHECK(ended->ended == at(2s).wall);
    CHECK_FALSE(ended->running());
    CHECK(node.join(person("math"), at(4s)).error().message_key == "meetingForciblyEnded");
    CHECK_FALSE(node.change_people("math", {.join = 1}, at(4s)));
    CHECK(node.end("math", {}, at(4s)));
    CHECK_FALSE(node.find("math", at(5s)));
  }
  SUBCASE("its id is free at once, also while it is still listed") {
    node.settings.end_delay = 3s;
    REQUIRE(node.end("math", {}, at(2s)));
    const auto created = node.create(meeting("math"), at(2s));
    REQUIRE(created);
    CHECK_FALSE(created->duplicate);
    CHECK(node.find("math", at(10s)));
  }
}

TEST_CASE("people come and go from outside") {
  NodeState node("n", 1);
  REQUIRE(node.create(meeting("math"), at(0ms)));
  REQUIRE(node.change_people("math", {.join = 5, .moderators = 2, .voice = 3, .video = 1}, at(1s)));
  const Meeting* found = node.find("math", at(1s));
  const auto count = [&](bool Attendee::* flag) {
    std::size_t n = 0;
    for (const Attendee& each : found->attendees) n += each.*flag;
    return n;
  };
  CHECK(found->attendees.size() == 5);
  CHECK(count(&Attendee::moderator) == 2);
  CHECK(count(&Attendee::voice) == 3);
  CHECK(count(&Attendee::video) == 1);
  CHECK(count(&Attendee::presenter) == 1);
  REQUIRE(node.change_people("math", {.leave = 2, .join = 1, .voice = 99}, at(2s)));
  CHECK(found->attendees.size() == 4);
  CHECK(count(&Attendee::voice) == 4);
  CHECK(count(&Attendee::video) == 1);
  CHECK_FALSE(node.change_people("none", {.join = 1}, at(2s)));
}

TEST_CASE("breakout rooms belong to a parent and end with it") {
  NodeState node("n", 1);
  auto room = meeting("room");
  room.breakout = true;
  CHECK(node.create(room, at(0ms)).error().message_key == "parentMeetingIDMissing");
  room.parent_meeting_id = "math";
  CHECK(node.create(room, at(0ms)).error().message_key == "parentMeetingDoesNotExist");

  REQUIRE(node.create(meeting("math"), at(0ms)));
  const auto created = node.create(room, at(1s));
  REQUIRE(created);
  const Meeting* parent = node.find("math", at(1s));
  CHECK(created->meeting->parent_internal_id == parent->internal_id);
  CHECK(parent->breakout_rooms == std::vector{created->meeting->internal_id});

  SUBCASE("parent ends") {
    REQUIRE(node.end("math", {}, at(2s)));
    CHECK(node.meetings().empty());
  }
  SUBCASE("room ends") {
    REQUIRE(node.end("room", {}, at(2s)));
    CHECK(node.find("math", at(2s))->breakout_rooms.empty());
  }
}

TEST_CASE("a node that loses its memory forgets sessions too") {
  NodeState node("n", 1);
  REQUIRE(node.create(meeting("math"), at(0ms)));
  const std::string token = node.join(person("math"), at(0ms))->attendee.session_token;
  node.lose_all_meetings();
  CHECK_FALSE(node.find("math", at(0ms)));
  CHECK_FALSE(node.find_session(token, at(0ms)));
}

TEST_CASE("the same seed makes the same node") {
  const auto tokens = [](std::uint64_t seed) {
    NodeState node("n", seed);
    REQUIRE(node.create(meeting("math"), at(0ms)));
    return node.join(person("math"), at(0ms))->attendee.session_token;
  };
  CHECK(tokens(7) == tokens(7));
  CHECK(tokens(7) != tokens(8));
}
