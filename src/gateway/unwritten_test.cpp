// Meetings that tenants have been told of and the store has not.
#include <optional>
#include <string>

#include "gateway/clustered_rig_test.h"

namespace b3::gateway {
namespace {

using test::math;
using test::Rig;

// The database hangs while the node works, so that the binding cannot be written.
struct Unwritten : Rig {
  Unwritten() {
    node.while_at_work = [this] { hang(); };
    created = begin("create");
  }
  std::shared_ptr<Asked> created;
};

TEST_CASE_FIXTURE(Unwritten, "a tenant hears of its meeting when its node has it") {
  REQUIRE(created->response);
  CHECK(created->success());
  CHECK(gateway->unwritten() == 1);
  const auto joined = begin("join");
  REQUIRE(joined->response);
  CHECK(joined->response->status == 302);
  recover();
  CHECK(gateway->unwritten() == 0);
  REQUIRE(row());
  CHECK(row()->phase == MeetingPhase::bound);
  CHECK(row()->internal_id == "run-1");
}

TEST_CASE_FIXTURE(Unwritten, "the same create waits until the binding is written") {
  const auto again = begin("create");
  CHECK_FALSE(again->response);
  CHECK(node.count("create") == 1);
  recover();
  REQUIRE(again->response);
  CHECK(again->success());
  CHECK(again->text("internalMeetingID") == "run-1");
  CHECK(row()->internal_id == "run-1");
}

TEST_CASE_FIXTURE(Unwritten, "an end before the binding is written ends the meeting for good") {
  const auto ended = begin("end");
  recover();
  REQUIRE(ended->response);
  CHECK(ended->success());
  CHECK_FALSE(row());
  CHECK_FALSE(view.meeting(math));
  CHECK(node.meetings.empty());
  CHECK(gateway->unwritten() == 0);
}

TEST_CASE_FIXTURE(Unwritten, "a refresh that binds first is no trouble") {
  in_store([&](store::Store& store) {
    return store.bind(math, store.find_meeting(math)->epoch, {"run-1", "Math", "<doc/>"},
                      clock().wall);
  });
  recover();
  REQUIRE(row());
  CHECK(row()->name == "Math");
  CHECK(view.meeting(math)->phase() == MeetingPhase::bound);
  CHECK(node.meetings.at(math) == "run-1");
  CHECK(node.count("end") == 0);
}

TEST_CASE_FIXTURE(Unwritten, "a database that stays away leaves the meeting in use") {
  executor.stop();
  workers->hanging.clear();
  pass(milliseconds{0});
  CHECK(begin("join")->response->status == 302);
  CHECK(node.count("end") == 0);
}

TEST_CASE_FIXTURE(Rig, "what a node had already is bound before the tenant hears of it") {
  node.meetings[math] = "run-0";
  node.while_at_work = [this] { hang(); };
  const auto created = begin("create");
  CHECK_FALSE(created->response);
  recover();
  REQUIRE(created->response);
  CHECK(created->success());
  CHECK(row()->internal_id == "run-0");
}

TEST_CASE_FIXTURE(Rig, "people join a meeting whose instance died before the store knew of it") {
  held_by_other("");
  node.meetings[math] = "run-0";
  CHECK(ask("join")->response->status == 302);
  CHECK(node.count("getMeetingInfo") == 1);
}

TEST_CASE_FIXTURE(Rig,
                  "the node is asked about a meeting whose instance died before it was bound") {
  held_by_other("");
  node.meetings[math] = "run-0";
  const auto info = ask("getMeetingInfo");
  CHECK(info->success());
  CHECK(info->text("internalMeetingID") == "run-0");
  node.meetings.clear();
  CHECK(ask("getMeetingInfo")->text("messageKey") == "notFound");
}

TEST_CASE_FIXTURE(Rig, "what was ended while its node was away is not offered for a reservation") {
  const auto old = held_by_other("run-0");
  in_store([&](store::Store& store) { return store.end(math, old.epoch, clock().wall); });
  view.erase_meeting(math, old.epoch);
  held_by_other("");
  node.meetings[math] = "run-0";
  CHECK(ask("join")->response->status == 200);
  CHECK(ask("getMeetingInfo")->text("messageKey") == "notFound");
}

TEST_CASE_FIXTURE(Rig, "what a node had already is not acknowledged without the database") {
  node.meetings[math] = "run-0";  // ended while the node was away, for all we know
  node.while_at_work = [this] { executor.stop(); };
  CHECK_FALSE(ask("create")->success());
  CHECK(view.meeting(math)->phase() == MeetingPhase::reserved);
}

TEST_CASE_FIXTURE(Rig, "nobody hears of a meeting before its tenant does") {
  node.takes = milliseconds{100};
  const auto created = begin("create");
  CHECK_FALSE(created->response);
  CHECK(ask("getMeetingInfo")->text("messageKey") == "notFound");
  CHECK(ask("join")->response->status == 200);
  CHECK(node.calls == std::vector<std::string>{"create"});
  pass(node.takes);
  CHECK(created->success());
}

TEST_CASE_FIXTURE(Rig, "people wait for a reservation that its node knows nothing of") {
  held_by_other("");
  const auto joined = ask("join");
  CHECK(joined->response->status == 200);
  CHECK(node.count("getMeetingInfo") == 1);
  CHECK(node.count("create") == 0);
}

}  // namespace
}  // namespace b3::gateway
