#include "agent/state.h"

#include <doctest/doctest.h>

#include "base/json.h"

using namespace b3;
using namespace b3::agent;
using Kind = Message::Kind;

namespace {

constexpr SteadyTime start{};

Message created(std::string id, std::string external) {
  return {.kind = Kind::meeting_created,
          .meeting_id = std::move(id),
          .external_id = std::move(external),
          .parent_id = {},
          .stream = {},
          .person = {}};
}

Message about(Kind kind, std::string person, std::string meeting = "m", std::string stream = {}) {
  Message message;
  message.kind = kind;
  message.meeting_id = std::move(meeting);
  message.stream = std::move(stream);
  message.person.internal_id = person;
  message.person.user_id = "user-" + person;
  return message;
}

std::string text(const std::vector<Call>& calls) {
  std::string all;
  for (const auto& call : calls) {
    if (is_refresh(call)) {
      all += "refresh ";
      continue;
    }
    const auto& payload = call.body.at("payload").as_object();
    all += std::string(call.body.at("action").as_string()).substr(8) + "(" + call.meeting_id;
    if (const auto* user = find_string(payload, "internal_user_id")) {
      all += " " + std::string(*user);
    }
    if (const auto* attendee = payload.if_contains("attendee")) {
      const auto& who = attendee->as_object();
      all += " " + std::string(who.at("internal_user_id").as_string());
      for (const char* flag :
           {"is_presenter", "is_listening_only", "has_joined_voice", "has_video"}) {
        if (who.at(flag).as_bool()) all += std::string(" ") + flag;
      }
      if (who.at("role").as_string() == "MODERATOR") all += " moderator";
    }
    all += ") ";
  }
  return all;
}

SeenMeeting seen(std::string id, std::vector<std::string> people, std::string external = "k~x") {
  SeenMeeting meeting{.internal_id = std::move(id),
                      .external_id = std::move(external),
                      .ended = false,
                      .document = "<meeting/>",
                      .people = {}};
  for (auto& person : people) {
    meeting.people.push_back({.internal_id = {}, .user_id = "user-" + person, .full_name = {}});
  }
  return meeting;
}

struct Rig {
  State state;
  SteadyTime time = start;
  std::string apply(const Message& message) { return text(state.apply(message, time)); }
  std::string look(const std::vector<SeenMeeting>& list) {
    const auto request = state.begin_snapshot(time);
    return text(state.finish_snapshot(request, list, time));
  }
};

}  // namespace

TEST_CASE("what people do is told at once") {
  Rig rig;
  CHECK(rig.apply(created("m", "k~x")) == "");
  CHECK(rig.apply(about(Kind::joined, "a")) == "add_attendee(m a) ");
  CHECK(rig.apply(about(Kind::joined, "a")) == "");
  CHECK(rig.apply(about(Kind::voice_joined, "a")) == "add_attendee(m a has_joined_voice) ");
  auto listening = about(Kind::voice_joined, "a");
  listening.person.listening_only = true;
  CHECK(rig.apply(listening) == "add_attendee(m a is_listening_only) ");
  CHECK(rig.apply(about(Kind::joined, "a")) == "");  // told again: the sound is not lost
  CHECK(rig.apply(about(Kind::voice_left, "a")) == "add_attendee(m a) ");
  CHECK(rig.apply(about(Kind::camera_on, "a", "m", "1")) == "add_attendee(m a has_video) ");
  CHECK(rig.apply(about(Kind::camera_on, "a", "m", "2")) == "");
  CHECK(rig.apply(about(Kind::camera_off, "a", "m", "1")) == "");
  CHECK(rig.apply(about(Kind::camera_off, "a", "m", "2")) == "add_attendee(m a) ");
  CHECK(rig.apply(about(Kind::presenter_assigned, "a")) == "add_attendee(m a is_presenter) ");
  CHECK(rig.apply(about(Kind::presenter_unassigned, "a")) == "add_attendee(m a) ");
  auto promoted = about(Kind::role_changed, "a");
  promoted.person.moderator = true;
  CHECK(rig.apply(promoted) == "add_attendee(m a moderator) ");
  CHECK(rig.apply(about(Kind::left, "a")) == "remove_attendee(m a) ");
  CHECK(rig.apply(about(Kind::meeting_over, "")) == "ended(m) ");
  CHECK(rig.apply(about(Kind::meeting_over, "")) == "");
  CHECK(rig.apply(about(Kind::joined, "a")) == "");
  CHECK(!rig.state.snapshot_due());
}

TEST_CASE("meetings of others are nobody's business") {
  Rig rig;
  rig.apply(created("m", "somebody's"));
  CHECK(rig.apply(about(Kind::joined, "a")) == "");
  CHECK(rig.apply(about(Kind::meeting_over, "")) == "");
  CHECK(!rig.state.snapshot_due());
}

TEST_CASE("a message that does not fit has the meeting looked at half a second later") {
  Rig rig;
  rig.apply(created("m", "k~x"));
  rig.apply(about(Kind::joined, "a"));
  rig.time += seconds{10};
  SUBCASE("somebody unknown leaves") {
    CHECK(rig.apply(about(Kind::left, "z")) == "");
  }
  SUBCASE("somebody unknown speaks") {
    CHECK(rig.apply(about(Kind::voice_joined, "z")) == "");
  }
  CHECK(rig.state.snapshot_due() == rig.time + milliseconds{500});
  CHECK(!rig.state.begin_snapshot(rig.time).all);
  rig.time += seconds{1};
  CHECK(rig.look({seen("m", {"a", "b"}), seen("other", {"c"})}) ==
        "state_reset(m) add_attendee(m a) ");
  CHECK(!rig.state.snapshot_due());
}

TEST_CASE("an unknown meeting is looked at") {
  Rig rig;
  CHECK(rig.apply(about(Kind::joined, "a")) == "");
  rig.time += seconds{1};
  CHECK(rig.look({seen("m", {"a"})}) == "state_reset(m) ");
  CHECK(rig.apply(about(Kind::joined, "b")) == "add_attendee(m b) ");
}

TEST_CASE("a snapshot of everything") {
  Rig rig;
  rig.apply(created("m", "k~x"));
  rig.apply(created("gone", "k~y"));
  rig.apply(about(Kind::joined, "a"));
  rig.apply(about(Kind::joined, "b"));
  rig.time += seconds{10};
  rig.apply(created("new", "k~z"));
  rig.state.want_everything(rig.time);
  CHECK(rig.state.snapshot_due() == rig.time);
  // a has left unnoticed, "gone" has ended unnoticed, "new" is too new to be missed.
  CHECK(rig.look({seen("m", {"b"}), seen("foreign", {}, "plain")}) ==
        "state_reset(m) add_attendee(m b) ended(gone) refresh ");
  CHECK(rig.state.people() == 1);
  CHECK(rig.state.meetings() == 2);
  CHECK(rig.apply(about(Kind::joined, "q", "foreign")) == "");
  CHECK(!rig.state.snapshot_due());
}

TEST_CASE("a snapshot that overlaps messages is repeated, later and later, until it is quiet") {
  Rig rig;
  rig.apply(created("m", "k~x"));
  rig.time += seconds{1};
  rig.state.want_everything(rig.time);
  milliseconds pause{500};
  for (int i = 0; i < 8; ++i) {
    const auto request = rig.state.begin_snapshot(rig.time);
    rig.time += milliseconds{50};
    rig.apply(about(Kind::joined, "p" + std::to_string(i)));
    // Whoever came meanwhile stays, although the node did not list them yet.
    const auto calls = text(rig.state.finish_snapshot(request, {seen("m", {})}, rig.time));
    const std::string end = i == 0 ? ") refresh " : ") ";
    CHECK(calls == "state_reset(m) add_attendee(m p" + std::to_string(i) + end);
    CHECK(rig.state.snapshot_due() == rig.time + pause);
    rig.time += pause;
    pause = std::min(pause * 2, milliseconds{8'000});
  }
  CHECK(rig.look({seen("m", {"p7"})}) == "state_reset(m) add_attendee(m p7) ");
  CHECK(!rig.state.snapshot_due());
}

TEST_CASE("a snapshot that fails is wanted again, a refused meeting three times") {
  Rig rig;
  rig.apply(created("m", "k~x"));
  rig.state.want_everything(rig.time);
  rig.state.fail_snapshot(rig.state.begin_snapshot(rig.time), rig.time);
  CHECK(rig.state.snapshot_due() == rig.time + seconds{1});
  rig.time += seconds{1};
  CHECK(rig.look({seen("m", {})}) == "state_reset(m) refresh ");
  for (int i = 0; i < 3; ++i) {
    rig.state.refused("m", rig.time);
    CHECK(rig.state.snapshot_due() == rig.time + seconds{5});
    rig.time += seconds{5};
    rig.look({seen("m", {})});
  }
  rig.state.refused("m", rig.time);
  rig.state.refused("nobody's", rig.time);
  CHECK(!rig.state.snapshot_due());
}

TEST_CASE("one of two cameras that were on before the agent came goes off") {
  Rig rig;
  rig.apply(created("m", "k~x"));
  rig.apply(about(Kind::joined, "a"));
  rig.time += seconds{10};
  rig.state.want_everything(rig.time);
  auto filming = seen("m", {"a"});
  filming.people[0].video = true;
  CHECK(rig.look({filming}) == "state_reset(m) add_attendee(m a has_video) refresh ");
  rig.time += seconds{10};
  CHECK(rig.apply(about(Kind::camera_off, "a", "m", "1")) == "add_attendee(m a) ");
  CHECK(rig.state.snapshot_due() == rig.time + milliseconds{500});
  rig.time += seconds{1};
  CHECK(rig.look({filming}) == "state_reset(m) add_attendee(m a has_video) ");
  CHECK(!rig.state.snapshot_due());
}

TEST_CASE("breakout rooms change their parent") {
  Rig rig;
  rig.apply(created("m", "k~x"));
  auto room = created("b", "0123-45");
  room.parent_id = "m";
  rig.apply(room);
  rig.time += seconds{1};
  CHECK(rig.look({seen("m", {}), seen("b", {}, "0123-45")}) == "state_reset(m) ");
}

TEST_CASE("meetings about to end are not told of") {
  Rig rig;
  rig.state.want_everything(rig.time);
  auto ending = seen("m", {"a"});
  ending.ended = true;
  CHECK(rig.look({ending}) == "refresh ");
}

TEST_CASE("what the node's list says") {
  const auto list = read_snapshot(
      "<response><returncode>SUCCESS</returncode><meetings><meeting><meetingID>k~x</meetingID>"
      "<internalMeetingID>m</internalMeetingID><attendees><attendee><userID>42</userID>"
      "<fullName>Ada &amp; B</fullName><role>MODERATOR</role><hasVideo>true</hasVideo></attendee>"
      "</attendees></meeting><meeting><meetingID>no internal id</meetingID></meeting></meetings>"
      "</response>");
  REQUIRE(list.has_value());
  REQUIRE(list->size() == 1);
  CHECK(list->front().external_id == "k~x");
  CHECK(list->front().people == std::vector<Person>{{.internal_id = {},
                                                     .user_id = "42",
                                                     .full_name = "Ada & B",
                                                     .moderator = true,
                                                     .video = true}});
  CHECK(!read_snapshot("<html>"));
  CHECK(read_snapshot("<response><returncode>FAILED</returncode>"
                      "<messageKey>checksumError</messageKey></response>")
            .error() == "the node refuses the secret");
}
