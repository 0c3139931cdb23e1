#include <doctest/doctest.h>

#include "refresh/plan_fixture_test.h"

using namespace b3;
using namespace b3::refresh;
using namespace b3::refresh::test;

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
  CHECK(plan(seconds{3600}).expired.empty());
}

TEST_CASE_FIXTURE(Fixture, "a reservation expires only after its time and only by a later poll") {
  view.put(row("math", MeetingPhase::reserved));
  start_poll();
  CHECK(plan(seconds{60}).expired.empty());
  const auto result = plan(seconds{61});
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
  bury("math-internal");
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
  auto meeting = row("math");
  meeting.document = "<meeting/>";
  view.put(meeting);
  start_poll();
  poll.meetings = {listed("math")};
  poll.meetings[0].document = "<meeting/>";
  CHECK(plan().changed.empty());
  SUBCASE("other counters") {
    poll.meetings[0].counts.participants = 1;
  }
  SUBCASE("another document") {
    poll.meetings[0].document = "<meeting>2</meeting>";
  }
  CHECK(plan().changed.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a meeting without a document gets it from the next poll") {
  view.put(row("math"));
  start_poll();
  poll.meetings = {listed("math")};
  poll.meetings[0].document = "<meeting/>";
  const auto result = plan();
  REQUIRE(result.changed.size() == 1);
  CHECK(result.changed[0].document == "<meeting/>");
}

TEST_CASE_FIXTURE(Fixture,
                  "while documents are still being read, one that is missing is not a change") {
  view.put(row("math"));
  view.set_documents_read(false);
  start_poll();
  poll.meetings = {listed("math")};
  poll.meetings[0].document = "<meeting/>";
  CHECK(plan().changed.empty());
  view.set_documents_read(true);
  CHECK(plan().changed.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "the poll that sees a meeting replaced under its id follows it") {
  view.put(row("math"));
  start_poll();
  auto successor = listed("math");
  successor.internal_id = "math-second";
  successor.counts.participants = 4;
  poll.meetings = {successor};
  CHECK(needs_tombstones(view, poll));
  const auto result = plan();
  CHECK(result.lost.empty());
  REQUIRE(result.followed.size() == 1);
  CHECK(result.followed[0].scoped_id == "moodle~math");
  CHECK(result.followed[0].epoch == 7);
  CHECK(result.followed[0].binding.internal_id == "math-second");
  REQUIRE(result.changed.size() == 1);
  CHECK(result.changed[0].internal_id == "math-second");
  CHECK(result.changed[0].counts.participants == 4);
}

TEST_CASE_FIXTURE(Fixture, "an ended meeting is not followed, and neither is one without an id") {
  view.put(row("math"));
  start_poll();
  auto other = listed("math");
  SUBCASE("ended") {
    other.internal_id = "math-ended";
    bury("math-ended");
    poll.meetings = {other};
    CHECK(plan().ended_copies == std::vector<std::string>{"moodle~math"});
  }
  SUBCASE("without an id") {
    other.internal_id.clear();
    poll.meetings = {other};
  }
  const auto result = plan();
  REQUIRE(result.lost.size() == 1);
  CHECK(result.lost[0].internal_id == "math-internal");
  CHECK(result.followed.empty());
  CHECK(result.changed.empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "a meeting bound again to its old copy is refreshed in spite of a tombstone") {
  view.put(row("math"));
  start_poll();
  bury("math-internal");
  poll.meetings = {listed("math")};
  poll.meetings[0].counts.participants = 2;
  const auto result = plan();
  CHECK(result.changed.size() == 1);
  CHECK(result.ended_copies.empty());
}

TEST_CASE_FIXTURE(Fixture, "a reservation is not kept alive by an ended meeting of its id") {
  view.put(row("math", MeetingPhase::reserved));
  start_poll();
  bury("math-internal");
  poll.meetings = {listed("math")};
  CHECK(plan().changed.empty());
  CHECK(plan().expired.empty());
  CHECK(plan(seconds{61}).expired.size() == 1);
}

// -- agents -----------------------------------------------------------------------------------

namespace {

Meeting with_people(Meeting meeting, std::int64_t people) {
  meeting.counts.participants = people;
  meeting.document = "<meeting>" + std::to_string(people) + "</meeting>";
  return meeting;
}

bbb::NodeMeeting listed_with(std::string id, std::int64_t people) {
  auto meeting = Fixture::listed(std::move(id));
  meeting.counts.participants = people;
  meeting.document = "<meeting>" + std::to_string(people) + "</meeting>";
  return meeting;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what an agent tells during a poll is not undone by the poll") {
  view.put(with_people(row("math"), 1));
  auto art = row("art");
  art.epoch = 8;  // no two placements have the same
  view.put(with_people(art, 1));
  start_poll();
  tell(with_people(row("math"), 2));
  poll.meetings = {listed_with("math", 0), listed_with("art", 3)};
  const auto result = plan();
  REQUIRE(result.changed.size() == 1);  // what nobody told of is as the poll says
  CHECK(result.changed[0].scoped_id == "moodle~art");
  CHECK(result.lost.empty());
  start_poll();
  CHECK(plan().changed.size() == 2);  // the next poll may say what it likes
}

TEST_CASE_FIXTURE(Fixture, "somebody who came and went during a poll is not brought back by it") {
  view.put(with_people(row("math"), 1));
  start_poll();
  tell(with_people(row("math"), 2));
  tell(with_people(row("math"), 1));
  poll.meetings = {listed_with("math", 2)};
  CHECK(plan().changed.empty());
}

TEST_CASE_FIXTURE(Fixture, "a row that is put once more as it is does not stop a poll") {
  view.put(with_people(row("math"), 1));
  start_poll();
  tell(with_people(row("math"), 1));
  poll.meetings = {listed_with("math", 2)};
  CHECK(plan().changed.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a document that is read during a poll does not stop it") {
  view.set_documents_read(false);
  auto unread = with_people(row("math"), 1);
  unread.document.clear();
  view.put(unread);
  start_poll();
  view.put_document("moodle~math", 7, "<meeting>1</meeting>");
  poll.meetings = {listed_with("math", 2)};
  REQUIRE(plan().changed.size() == 1);
  CHECK(plan().changed[0].replaced_document == "<meeting>1</meeting>");
}

TEST_CASE_FIXTURE(Fixture, "a meeting that was bound during a poll is left to the next one") {
  start_poll();
  tell(with_people(row("math"), 2));
  poll.meetings = {listed_with("math", 1)};
  CHECK(plan().changed.empty());
  CHECK(plan().lost.empty());
}

TEST_CASE_FIXTURE(Fixture, "the store is told what the poll replaces") {
  view.put(with_people(row("math"), 1));
  start_poll();
  poll.meetings = {listed_with("math", 2)};
  SUBCASE("what is known") {
    CHECK(plan().changed[0].replaced_document == "<meeting>1</meeting>");
  }
  SUBCASE("nothing, while documents are not read") {
    view.set_documents_read(false);
    auto other = row("art");
    other.epoch = 8;
    view.put(other);
    start_poll();
    poll.meetings = {listed_with("art", 2)};
    REQUIRE(plan().changed.size() == 1);
    CHECK_FALSE(plan().changed[0].replaced_document);
  }
  SUBCASE("what the same refresh binds, where the node has replaced the meeting") {
    poll.meetings[0].internal_id = "math-second";
    REQUIRE(plan().changed.size() == 1);
    CHECK(plan().changed[0].replaced_document == "<meeting>2</meeting>");
  }
}

// -- clocks ----------------------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "a step of the wall clock neither expires a reservation nor keeps it") {
  view.put(row("math", MeetingPhase::reserved));
  start_poll();
  for (const auto step : {std::chrono::hours{-1}, std::chrono::hours{1}}) {
    CHECK(plan_at({now.wall + step, now.steady + seconds{60}}).expired.empty());
    CHECK(plan_at({now.wall + step, now.steady + seconds{61}}).expired.size() == 1);
  }
}
