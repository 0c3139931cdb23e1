#include "refresh/plan.h"

#include <doctest/doctest.h>

using namespace b3;
using namespace b3::refresh;

namespace {

const WallTime now = from_unix_milliseconds(1'800'000'000'000);

struct Fixture {
  view::View view;
  Poll poll;
  std::set<std::string, std::less<>> tombstones;
  std::set<std::string, std::less<>> creating;

  Fixture() {
    Frontend frontend;
    frontend.id = "f1";
    frontend.key = "moodle";
    frontend.secret = "s";
    view.put(frontend);
    for (const char* id : {"b1", "b2"}) {
      Backend backend;
      backend.id = id;
      backend.host = std::string("http://") + id + "/";
      view.put(backend);
    }
    poll.backend_id = "b1";
  }

  Meeting row(std::string id, MeetingPhase phase = MeetingPhase::bound) {
    Meeting meeting;
    meeting.scoped_id = "moodle~" + id;
    meeting.meeting_id = id;
    meeting.frontend_id = "f1";
    meeting.backend_id = "b1";
    meeting.phase = phase;
    meeting.epoch = 7;
    meeting.owner = "owner";
    if (phase == MeetingPhase::bound) meeting.internal_id = id + "-internal";
    meeting.reserved_at = now;
    return meeting;
  }

  static bbb::NodeMeeting listed(std::string id) {
    bbb::NodeMeeting meeting;
    meeting.scoped_id = "moodle~" + id;
    meeting.internal_id = id + "-internal";
    return meeting;
  }

  // The poll starts now, as far as the view is concerned.
  void start_poll() { poll.view_version = view.version(); }

  Plan plan(WallTime at = now) {
    const std::function<bool(std::string_view)> in_flight = [this](std::string_view id) {
      return creating.contains(id);
    };
    return make_plan({view, poll, tombstones, in_flight, at, milliseconds{60'000}});
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a bound meeting that its node does not list is lost") {
  view.put(row("math"));
  start_poll();
  const auto result = plan();
  REQUIRE(result.lost.size() == 1);
  CHECK(result.lost[0].scoped_id == "moodle~math");
  CHECK(result.lost[0].epoch == 7);
  CHECK(result.lost[0].internal_id == "math-internal");
}

TEST_CASE_FIXTURE(Fixture, "a create that overlaps a poll is not lost to it") {
  start_poll();
  view.put(row("math"));
  CHECK(plan().lost.empty());
}

TEST_CASE_FIXTURE(Fixture, "counters alone do not make a meeting younger than a poll") {
  view.put(row("math"));
  start_poll();
  auto update = row("math");
  update.counts.participants = 3;
  view.put(update);
  CHECK(plan().lost.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "meetings of other nodes are not lost by this node's poll") {
  auto elsewhere = row("math");
  elsewhere.backend_id = "b2";
  view.put(elsewhere);
  start_poll();
  CHECK(plan().lost.empty());
}

TEST_CASE_FIXTURE(Fixture, "a reservation that turns out to exist is bound") {
  view.put(row("math", MeetingPhase::reserved));
  start_poll();
  poll.meetings = {listed("math")};
  const auto result = plan();
  REQUIRE(result.changed.size() == 1);
  CHECK(result.changed[0].internal_id == "math-internal");
  CHECK(result.changed[0].epoch == 7);
}

TEST_CASE_FIXTURE(Fixture, "a running create is left alone") {
  view.put(row("math", MeetingPhase::reserved));
  creating.insert("moodle~math");
  start_poll();
  poll.meetings = {listed("math")};
  CHECK(plan().changed.empty());
  poll.meetings.clear();
  CHECK(plan(now + seconds{3600}).expired.empty());
}

TEST_CASE_FIXTURE(Fixture, "a reservation expires only after its time and only by a later poll") {
  view.put(row("math", MeetingPhase::reserved));
  start_poll();
  CHECK(plan(now + seconds{60}).expired.empty());
  const auto result = plan(now + seconds{61});
  REQUIRE(result.expired.size() == 1);
  CHECK(result.expired[0].owner == "owner");
  CHECK(result.lost.empty());
}

TEST_CASE_FIXTURE(Fixture, "a meeting without a row is adopted for the tenant its id names") {
  start_poll();
  poll.meetings = {listed("math")};
  const auto result = plan();
  REQUIRE(result.adopted.size() == 1);
  CHECK(result.adopted[0].frontend_id == "f1");
  CHECK(result.adopted[0].meeting_id == "math");
  CHECK(result.adopted[0].phase == MeetingPhase::bound);
}

TEST_CASE_FIXTURE(Fixture, "a meeting whose create is still running is not adopted") {
  creating.insert("moodle~math");
  start_poll();
  poll.meetings = {listed("math")};
  CHECK(plan().adopted.empty());
  creating.clear();
  CHECK(plan().adopted.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "meetings of nobody are not adopted") {
  start_poll();
  auto foreign = listed("x");
  foreign.scoped_id = "somebody~x";
  auto plain = listed("y");
  plain.scoped_id = "plain-id";
  poll.meetings = {foreign, plain};
  CHECK(plan().adopted.empty());
}

TEST_CASE_FIXTURE(Fixture, "an ended meeting that is still listed is ended, not adopted") {
  start_poll();
  tombstones.insert("math-internal");
  poll.meetings = {listed("math")};
  const auto result = plan();
  CHECK(result.adopted.empty());
  CHECK(result.ended_copies == std::vector<std::string>{"moodle~math"});
}

TEST_CASE_FIXTURE(Fixture, "a copy of a meeting that is bound elsewhere is ended") {
  auto elsewhere = row("math");
  elsewhere.backend_id = "b2";
  view.put(elsewhere);
  start_poll();
  poll.meetings = {listed("math")};
  CHECK(plan().ended_copies == std::vector<std::string>{"moodle~math"});
}

TEST_CASE_FIXTURE(Fixture, "a copy is left alone while the id's placement is newer than the poll") {
  start_poll();
  auto elsewhere = row("math");
  elsewhere.backend_id = "b2";
  view.put(elsewhere);
  poll.meetings = {listed("math")};
  CHECK(plan().ended_copies.empty());
}

TEST_CASE_FIXTURE(Fixture, "a copy is left alone while its id is only reserved elsewhere") {
  auto elsewhere = row("math", MeetingPhase::reserved);
  elsewhere.backend_id = "b2";
  view.put(elsewhere);
  start_poll();
  poll.meetings = {listed("math")};
  const auto result = plan();
  CHECK(result.ended_copies.empty());
  CHECK(result.adopted.empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "an old copy listed by a poll from before a new create changes nothing") {
  start_poll();
  auto again = row("math");
  again.internal_id = "math-second";
  view.put(again);
  poll.meetings = {listed("math")};
  const auto result = plan();
  CHECK(result.changed.empty());
  CHECK(result.lost.empty());
  CHECK(result.ended_copies.empty());
}

TEST_CASE_FIXTURE(Fixture, "a meeting the node has forcibly ended is lost even while listed") {
  view.put(row("math"));
  start_poll();
  auto ending = listed("math");
  ending.ended = true;
  poll.meetings = {ending};
  const auto result = plan();
  CHECK(result.lost.size() == 1);
  CHECK(result.changed.empty());
}

TEST_CASE_FIXTURE(Fixture, "an unchanged meeting is not written") {
  view.put(row("math"));
  start_poll();
  poll.meetings = {listed("math")};
  CHECK(plan().changed.empty());
  poll.meetings[0].counts.participants = 1;
  CHECK(plan().changed.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a meeting that its node replaced under the same id is lost") {
  view.put(row("math"));
  start_poll();
  auto successor = listed("math");
  successor.internal_id = "math-second";
  poll.meetings = {successor};
  const auto result = plan();
  REQUIRE(result.lost.size() == 1);
  CHECK(result.lost[0].internal_id == "math-internal");
  CHECK(result.changed.empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "a meeting bound again to its old copy is refreshed in spite of a tombstone") {
  view.put(row("math"));
  start_poll();
  tombstones.insert("math-internal");
  poll.meetings = {listed("math")};
  poll.meetings[0].counts.participants = 2;
  const auto result = plan();
  CHECK(result.changed.size() == 1);
  CHECK(result.ended_copies.empty());
}

TEST_CASE_FIXTURE(Fixture, "a reservation is not kept alive by an ended meeting of its id") {
  view.put(row("math", MeetingPhase::reserved));
  start_poll();
  tombstones.insert("math-internal");
  poll.meetings = {listed("math")};
  CHECK(plan().changed.empty());
  CHECK(plan().expired.empty());
  CHECK(plan(now + seconds{61}).expired.size() == 1);
}
