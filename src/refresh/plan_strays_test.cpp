#include <doctest/doctest.h>

#include "refresh/plan_fixture_test.h"

using namespace b3;
using namespace b3::refresh;
using namespace b3::refresh::test;

// -- nodes that were given up ----------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "a detached meeting whose place nobody took comes back") {
  start_poll();
  bury("math-internal", store::TombstoneKind::detached);
  poll.meetings = {listed("math")};
  for (const auto mode : {Strays::adopt, Strays::adopt_detached}) {
    strays = mode;
    const auto result = plan();
    REQUIRE(result.adopted.size() == 1);
    CHECK(result.adopted[0].internal_id == "math-internal");
    CHECK(result.ended_copies.empty());
    CHECK_FALSE(result.stale_left);
  }
}

TEST_CASE_FIXTURE(Fixture, "what else a returning node holds of ours is ended there") {
  strays = Strays::adopt_detached;
  start_poll();
  bury("over-internal");
  poll.meetings = {listed("over"), listed("unknown")};
  const auto result = plan();
  CHECK(result.ended_copies == std::vector<std::string>{"moodle~over", "moodle~unknown"});
  CHECK(result.adopted.empty());
  CHECK(result.stale_left);
}

TEST_CASE_FIXTURE(Fixture, "a detached meeting that was created elsewhere meanwhile is ended") {
  strays = Strays::adopt_detached;
  auto elsewhere = row("math");
  elsewhere.backend_id = "b2";
  elsewhere.internal_id = "math-elsewhere";
  view.put(elsewhere);
  start_poll();
  bury("math-internal");
  poll.meetings = {listed("math")};
  const auto result = plan();
  CHECK(result.ended_copies == std::vector<std::string>{"moodle~math"});
  CHECK(result.adopted.empty());
  CHECK(result.stale_left);
}

TEST_CASE_FIXTURE(Fixture, "while its id is only reserved elsewhere a copy is left, and is stale") {
  strays = Strays::adopt_detached;
  auto elsewhere = row("math", MeetingPhase::reserved);
  elsewhere.backend_id = "b2";
  view.put(elsewhere);
  start_poll();
  poll.meetings = {listed("math")};
  CHECK(plan().ended_copies.empty());
  CHECK(plan().stale_left);
}

TEST_CASE_FIXTURE(Fixture, "a returning node with nothing but its own and strangers' is clean") {
  strays = Strays::adopt_detached;
  view.put(row("math"));
  start_poll();
  auto stranger = listed("x");
  stranger.scoped_id = "somebody~x";
  auto ending = listed("over");
  ending.ended = true;
  poll.meetings = {listed("math"), stranger, ending};
  const auto result = plan();
  CHECK_FALSE(result.stale_left);
  CHECK(result.ended_copies.empty());
}

TEST_CASE_FIXTURE(Fixture, "a create running here for a detached id is not disturbed") {
  strays = Strays::adopt_detached;
  start_poll();
  creating.insert("moodle~math");
  bury("math-internal", store::TombstoneKind::detached);
  poll.meetings = {listed("math")};
  const auto result = plan();
  CHECK(result.adopted.empty());
  CHECK(result.ended_copies.empty());
}

TEST_CASE_FIXTURE(Fixture, "of a node the operator gives up nothing is adopted or lost") {
  strays = Strays::leave;
  auto elsewhere = row("moved");
  elsewhere.backend_id = "b2";
  view.put(elsewhere);
  start_poll();
  bury("math-internal", store::TombstoneKind::detached);
  bury("over-internal");
  poll.meetings = {listed("math"), listed("unknown"), listed("over"), listed("moved")};
  const auto result = plan();
  CHECK(result.adopted.empty());
  CHECK(result.lost.empty());
  CHECK(result.ended_copies == std::vector<std::string>{"moodle~over", "moodle~moved"});
}

// -- tombstones are asked for only where they matter -----------------------------------------

TEST_CASE_FIXTURE(Fixture, "a poll that finds what is known needs no tombstones") {
  view.put(row("math"));
  auto elsewhere = row("art");
  elsewhere.backend_id = "b2";
  view.put(elsewhere);
  auto stranger = listed("x");
  stranger.scoped_id = "somebody~x";
  auto ended = listed("over");
  ended.ended = true;
  poll.meetings = {listed("math"), listed("art"), stranger, ended};
  CHECK_FALSE(needs_tombstones(view, poll));
}

TEST_CASE_FIXTURE(Fixture, "a stray and a reservation that shows up need tombstones") {
  SUBCASE("stray") {}
  SUBCASE("reservation") {
    view.put(row("math", MeetingPhase::reserved));
  }
  poll.meetings = {listed("math")};
  CHECK(needs_tombstones(view, poll));
}
