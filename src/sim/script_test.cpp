#include "sim/script.h"

#include <doctest/doctest.h>

using namespace b3;
using namespace b3::sim;
using namespace std::chrono_literals;

TEST_CASE("steps come at the rate that is set, however the time is cut") {
  const Script script{.people_per_minute = 90};
  double carry = 0;
  std::size_t steps = 0;
  for (int i = 0; i < 600; ++i) steps += due_steps(script, 100ms, carry);
  CHECK(steps >= 89);
  CHECK(steps <= 90);
  CHECK(due_steps(Script{}, 1h, carry = 0.0) == 0);
}

TEST_CASE("the script fills meetings, never beyond the limit and never to nobody") {
  NodeState node("n", 1);
  const Now now{from_unix_milliseconds(1'700'000'000'000), SteadyTime{}};
  const Script script{.people_per_minute = 1, .max_people = 4};
  std::mt19937_64 random(1);
  CHECK_FALSE(script_step(node, script, random, now));
  for (const std::string id : {"math", "music"}) {
    CreateRequest request;
    request.meeting_id = id;
    REQUIRE(node.create(request, now));
  }
  std::size_t most = 0;
  bool somebody_left = false;
  for (int i = 0; i < 500; ++i) {
    std::size_t before = 0, after = 0;
    for (const auto& [id, meeting] : node.meetings()) before += meeting.attendees.size();
    REQUIRE(script_step(node, script, random, now));
    for (const auto& [id, meeting] : node.meetings()) {
      after += meeting.attendees.size();
      most = std::max(most, meeting.attendees.size());
      if (meeting.has_user_joined) CHECK_FALSE(meeting.attendees.empty());
    }
    somebody_left = somebody_left || after < before;
  }
  CHECK(most == 4);
  CHECK(somebody_left);
}
