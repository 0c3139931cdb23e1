// Creates and ends beside other instances.
#include <optional>
#include <set>
#include <string>

#include "gateway/clustered_rig_test.h"

namespace b3::gateway {
namespace {

using test::math;
using test::Rig;

TEST_CASE_FIXTURE(Rig, "a known meeting waits a second at most for a database that hangs") {
  held_by_other("run-0");
  node.meetings[math] = "run-0";
  hangs = true;
  const auto repeated = begin("create");
  pass(milliseconds{999});
  CHECK_FALSE(repeated->response);
  CHECK(node.calls.empty());
  pass(milliseconds{1});
  REQUIRE(repeated->response);
  CHECK(repeated->success());
  CHECK(repeated->text("internalMeetingID") == "run-0");
  CHECK(node.count("create") == 0);  // it might have been ended elsewhere, and would come back

  const auto running = begin("isMeetingRunning");
  pass(milliseconds{1'000});
  CHECK(running->response);
}

TEST_CASE_FIXTURE(Rig, "an id nobody knows is 'not found' a second after the database hangs") {
  hangs = true;
  const auto ended = begin("end");
  pass(milliseconds{999});
  CHECK_FALSE(ended->response);
  pass(milliseconds{1});
  REQUIRE(ended->response);
  CHECK(ended->text("messageKey") == "notFound");
  CHECK(node.calls.empty());
}

TEST_CASE_FIXTURE(Rig, "who repeats an undecided create takes its reservation over first") {
  const auto held = held_by_other("");
  wait(seconds{4});  // longer than the other instance is waited for
  std::optional<Meeting> during;
  bool other_released = true;
  node.while_at_work = [&] {
    during = row();
    other_released =
        in_store([&](store::Store& store) { return store.release(math, held.epoch, held.owner); });
  };
  const auto repeated = ask("create");
  CHECK(repeated->success());
  REQUIRE(during);
  CHECK(during->epoch > held.epoch);
  CHECK(during->phase == MeetingPhase::reserved);
  CHECK_FALSE(other_released);  // nor could a refresh that saw the old one
  REQUIRE(row());
  CHECK(row()->epoch == during->epoch);
  CHECK(row()->internal_id == "run-1");
}

TEST_CASE_FIXTURE(Rig, "an undecided create that another instance has just begun is waited for") {
  const auto held = held_by_other("");
  const auto repeated = begin("create");
  pass(milliseconds{2'900});
  CHECK_FALSE(repeated->response);
  CHECK(node.calls.empty());
  CHECK(row()->epoch == held.epoch);
  pass(milliseconds{200});
  REQUIRE(repeated->response);
  CHECK(repeated->success());
}

// As a refresh of another instance does it: the node has forgotten the meeting.
TEST_CASE_FIXTURE(Rig, "a meeting that its node lost while its create is repeated is made again") {
  const auto held = held_by_other("run-0");
  node.while_at_work = [&] {
    in_store([&](store::Store& store) {
      store::RefreshResult result;
      result.backend_id = "b1";
      result.reachable = true;
      result.lost = {{math, held.epoch, "run-0"}};
      return store.record_refresh(result, clock().wall);
    });
    REQUIRE_FALSE(row());
  };
  const auto repeated = ask("create");
  CHECK(repeated->success());
  REQUIRE(row());
  CHECK(row()->phase == MeetingPhase::bound);
  CHECK(row()->epoch > held.epoch);
  CHECK(repeated->text("internalMeetingID") == row()->internal_id);
  CHECK(node.meetings.at(math) == row()->internal_id);
  CHECK(node.count("end") == 1);  // of what the first call has made
  const auto stones = in_store([](store::Store& store) { return store.list_tombstones("b1"); });
  REQUIRE(stones.size() == 1);
  CHECK(stones[0].internal_id == "run-1");
}

TEST_CASE_FIXTURE(Rig, "a new meeting that is ended while it is being created stays ended") {
  node.while_at_work = [&] {
    in_store([&](store::Store& store) {
      return store.end(math, store.find_meeting(math)->epoch, clock().wall);
    });
  };
  ask("create");  // whose answer may say either: it was under way when the end was answered
  CHECK_FALSE(row());
  CHECK_FALSE(view.meeting(math));
  CHECK(node.meetings.empty());
}

TEST_CASE_FIXTURE(Rig, "an end does not believe 'not there' while a create may be on its way") {
  held_by_other("");
  wait(seconds{10});
  const auto early = ask("end");
  CHECK_FALSE(early->success());
  CHECK(node.count("end") == 1);
  CHECK(row());
  wait(seconds{36});  // no create lives that long
  const auto late = ask("end");
  CHECK(late->success());
  CHECK_FALSE(row());
}

TEST_CASE_FIXTURE(Rig, "an end does not believe 'not there' while our own create is at work") {
  held_by_other("");
  wait(seconds{60});
  {
    const view::InFlight::Hold hold{in_flight, math};
    CHECK_FALSE(ask("end")->success());
    CHECK(row());
  }
  CHECK(ask("end")->success());
  CHECK_FALSE(row());
}

TEST_CASE_FIXTURE(Rig, "a binding is postponed only while nobody can have taken the reservation") {
  node.while_at_work = [this] { executor.stop(); };  // the database goes away
  SUBCASE("a quick node") {
    node.takes = milliseconds{2'900};
    const auto created = begin("create");
    pass(node.takes);
    REQUIRE(created->response);
    CHECK(created->success());
  }
  SUBCASE("a slow node") {
    node.takes = milliseconds{3'100};
    const auto created = begin("create");
    pass(node.takes);
    REQUIRE(created->response);
    CHECK_FALSE(created->success());
  }
}

TEST_CASE_FIXTURE(Rig,
                  "a meeting whose binding was postponed leaves a tombstone when it is ended") {
  auto assumed = held_by_other("");
  assumed.phase = MeetingPhase::bound;
  assumed.internal_id = "run-0";
  view.put(assumed);
  auto away = view.backend("b1")->backend;
  away.node_state = NodeState::error;
  view.put(away);
  CHECK(ask("end")->success());
  CHECK_FALSE(row());
  const auto stones = in_store([](store::Store& store) { return store.list_tombstones("b1"); });
  REQUIRE(stones.size() == 1);
  CHECK(stones[0].internal_id == "run-0");
}

TEST_CASE_FIXTURE(Rig, "a next run that only the view knows leaves a tombstone as well") {
  auto row = held_by_other("run-0");
  row.internal_id = "run-1";
  view.put(row);
  auto away = view.backend("b1")->backend;
  away.node_state = NodeState::error;
  view.put(away);
  CHECK(ask("end")->success());
  std::set<std::string> buried;
  for (const auto& stone :
       in_store([](store::Store& store) { return store.list_tombstones("b1"); })) {
    buried.insert(stone.internal_id);
  }
  CHECK(buried == std::set<std::string>{"run-0", "run-1"});
}

TEST_CASE_FIXTURE(Rig, "an undecided meeting that its node has ended is over at once") {
  held_by_other("");
  node.meetings[math] = "run-0";
  CHECK(ask("end")->success());
  CHECK_FALSE(row());
}

}  // namespace
}  // namespace b3::gateway
