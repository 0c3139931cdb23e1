// The Runner's rules: what runs where, how much at a time, and what is left behind.
#include "command/runner.h"

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "command/rig_test.h"

namespace b3::command {
namespace {

namespace json = boost::json;
using test::Rig;

std::map<std::string, std::string> statuses(const store::CommandRow& command) {
  std::map<std::string, std::string> found;
  const auto result = json::parse(command.result_json);
  for (const auto& meeting : result.at("meetings").as_array()) {
    found[std::string(meeting.at("id").as_string())] = meeting.at("status").as_string();
  }
  return found;
}

}  // namespace

TEST_CASE("ending all meetings asks eight at a time and reports each") {
  Rig rig;
  rig.create_many(20);
  const auto command = rig.begin(end_all_meetings_action);
  CHECK(command.state == store::CommandState::requested);
  CHECK(statuses(command).at("moodle~100") == "pending");
  rig.pass(milliseconds{150});  // the first eight have answered, the next are asked
  CHECK(rig.stored(command.id)->state == store::CommandState::running);
  CHECK(rig.stored(command.id)->holder == "i1");
  CHECK(json::parse(rig.stored(command.id)->progress_json) ==
        json::parse(R"({"total":20,"done":8,"failed":0})"));
  const auto ended = rig.ended(command.id);
  CHECK(ended.state == store::CommandState::success);
  CHECK(rig.node.most_under_way == 8);
  CHECK(rig.node.ended.size() == 20);
  CHECK(rig.node.request_ids == std::set<std::string>{command.id});
  CHECK(statuses(ended).size() == 20);
  CHECK(json::parse(ended.progress_json) == json::parse(R"({"total":20,"done":20,"failed":0})"));
  CHECK(rig.rows() == 0);
  CHECK(rig.view.meeting_count() == 0);
  CHECK(rig.runners["i1"]->running() == 0);
}

TEST_CASE("a meeting that cannot be ended stops no other, and stays") {
  Rig rig;
  rig.create_many(12);
  rig.node.silent = {"moodle~100", "moodle~105"};
  const auto ended = rig.ended(rig.begin(end_all_meetings_action).id);
  CHECK(ended.state == store::CommandState::error);
  CHECK(json::parse(ended.progress_json) == json::parse(R"({"total":12,"done":10,"failed":2})"));
  for (const auto& [id, status] : statuses(ended)) {
    CHECK(status == (rig.node.silent.contains(id) ? "error" : "ended"));
  }
  CHECK(ended.result_json.contains("nobody is there"));
  CHECK(rig.rows() == 2);
}

TEST_CASE("what a node has forgotten is over, what it is still creating is not") {
  Rig rig;
  rig.create("lost");
  rig.node.meetings.clear();
  Meeting reserved;
  reserved.scoped_id = "moodle~open";
  reserved.meeting_id = "open";
  reserved.frontend_id = "f1";
  reserved.backend_id = "b1";
  reserved.owner = "owner";
  reserved.reserved_at = rig.clock().wall;
  rig.view.put(
      rig.in_store([&](store::Store& store) { return store.reserve(reserved).value().meeting; }));
  const auto ended = rig.ended(rig.begin(end_all_meetings_action).id);
  CHECK(statuses(ended) ==
        std::map<std::string, std::string>{{"moodle~lost", "ended"}, {"moodle~open", "error"}});
  CHECK(rig.rows() == 1);
}

TEST_CASE("meetings that begin after the command are left alone") {
  Rig rig;
  rig.create_many(9);  // one more than are ended at a time
  const auto command = rig.begin(end_all_meetings_action);
  rig.create("new");
  // The last one in line is ended by its tenant and created again before its turn has come.
  rig.in_store([&](store::Store& store) {
    const auto row = store.find_meeting("moodle~108").value();
    REQUIRE(store.end(row.scoped_id, row.epoch, rig.clock().wall));
  });
  rig.view.erase_meeting("moodle~108", rig.view.meeting("moodle~108")->epoch());
  rig.create("108", "second-run");
  const auto ended = rig.ended(command.id);
  CHECK(ended.state == store::CommandState::success);
  CHECK(statuses(ended).size() == 9);
  CHECK(rig.node.meetings == std::set<std::string>{"moodle~108", "moodle~new"});
  CHECK(rig.rows() == 2);
}

TEST_CASE("a command of a dead instance is taken over by who keeps house, and only then") {
  Rig rig;
  rig.create_many(30);
  const auto command = rig.begin(end_all_meetings_action);
  rig.pass(milliseconds{150});
  rig.kill("i1");
  rig.pass(seconds{30});
  CHECK(rig.stored(command.id)->holder == "i1");  // nobody keeps house
  CHECK(!rig.stored(command.id)->finished_at);
  const auto before = rig.node.ended.size();
  REQUIRE(before < 30);

  rig.housekeeper = "i2";
  rig.create("100", "second-run");  // ended by the dead one, created again since
  const auto ended = rig.ended(command.id);
  CHECK(ended.holder == "i2");
  CHECK(ended.state == store::CommandState::success);
  CHECK(ended.started_at == rig.stored(command.id)->started_at);
  CHECK(statuses(ended).size() == 30);  // those that the dead one had ended, too
  CHECK(json::parse(ended.progress_json) == json::parse(R"({"total":30,"done":30,"failed":0})"));
  CHECK(std::ranges::count(rig.node.ended, "moodle~100") == 1);
  CHECK(rig.node.meetings == std::set<std::string>{"moodle~100"});
}

TEST_CASE("commands of instances that live, and ended ones, are nobody else's") {
  Rig rig;
  rig.create("a");
  rig.housekeeper = "i2";
  const auto drain = rig.begin(drain_action);
  const auto refresh = rig.ended(rig.begin(refresh_action).id);
  rig.pass(seconds{20});
  CHECK(rig.stored(drain.id)->holder == "i1");
  CHECK(rig.runners["i2"]->running() == 0);
  rig.kill("i1");
  rig.pass(seconds{20});
  CHECK(rig.stored(drain.id)->holder == "i2");
  CHECK(rig.stored(refresh.id)->holder == "i1");
  CHECK(rig.polled == std::vector<std::string>{"b1"});
}

TEST_CASE("one instance that has been taken for dead lets go when it learns of it") {
  Rig rig;
  rig.create_many(12);
  rig.housekeeper = "i2";
  const auto command = rig.begin(end_all_meetings_action);
  rig.alive.erase("i1");  // it is not, it only did not beat
  rig.node.takes = seconds{3};
  const auto ended = rig.ended(command.id);
  rig.pass(seconds{20});
  CHECK(ended.holder == "i2");
  CHECK(ended.state == store::CommandState::success);
  CHECK(rig.runners["i1"]->running() == 0);
  CHECK(rig.rows() == 0);
}

TEST_CASE("a drain stops its backend at once and ends when it was seen empty twice") {
  Rig rig;
  rig.create("a");
  const auto command = rig.begin(drain_action);
  CHECK(rig.view.backend("b1")->backend.admin_state == AdminState::stopped);
  CHECK(rig.in_store([](store::Store& store) { return store.find_backend("b1")->admin_state; }) ==
        AdminState::stopped);
  rig.pass(seconds{60});
  CHECK(rig.stored(command.id)->state == store::CommandState::running);
  CHECK(rig.stored(command.id)->progress_json == R"({"meetings_left":1})");

  const auto epoch = rig.view.meeting("moodle~a")->epoch();
  rig.view.erase_meeting("moodle~a", epoch);
  rig.pass(milliseconds{1'000});
  CHECK(!rig.stored(command.id)->finished_at);
  rig.create("late");  // placed by another instance before it heard
  rig.pass(seconds{10});
  CHECK(!rig.stored(command.id)->finished_at);
  rig.view.erase_meeting("moodle~late", rig.view.meeting("moodle~late")->epoch());
  const auto ended = rig.ended(command.id);
  CHECK(ended.state == store::CommandState::success);
  CHECK(ended.result_json == R"({"meetings_left":0})");
  CHECK(rig.node.ended.empty());
}

TEST_CASE("a drain that is cancelled stays cancelled and is forgotten here") {
  Rig rig;
  rig.create("a");
  const auto command = rig.begin(drain_action);
  rig.pass(milliseconds{500});
  rig.in_store([&](store::Store& store) {
    CHECK(store.finish_command(command.id, "", store::CommandState::error, R"({"error":"c"})",
                               rig.clock().wall));
  });
  rig.runners["i1"]->cancelled(command.id);
  rig.pass(seconds{10});
  CHECK(rig.runners["i1"]->running() == 0);
  CHECK(rig.stored(command.id)->result_json == R"({"error":"c"})");
}

TEST_CASE("refresh asks the node and has its poller ask it, and says what came of it") {
  Rig rig;
  rig.create_many(3);
  const auto good = rig.ended(rig.begin(refresh_action).id);
  CHECK(good.state == store::CommandState::success);
  CHECK(json::parse(good.result_json).at("meetings").as_int64() == 3);
  CHECK(json::parse(good.result_json).at("latency_ms").to_number<double>() == 100);
  rig.node.away = true;
  const auto bad = rig.ended(rig.begin(refresh_action).id);
  CHECK(bad.state == store::CommandState::error);
  CHECK(bad.result_json.contains("nobody is there"));
  CHECK(rig.polled == std::vector<std::string>{"b1", "b1"});
}

TEST_CASE("a command for a backend that is not there is not stored, nor audited") {
  Rig rig;
  CHECK(rig.begin(refresh_action, "i1", "b9").id.empty());
  CHECK(rig.in_store([](store::Store& store) { return store.list_commands().size(); }) == 0);
  CHECK(rig.in_store([](store::Store& store) { return store.list_audit({}).total; }) == 0);
  rig.begin(refresh_action);
  CHECK(rig.in_store([](store::Store& store) { return store.list_audit({}).total; }) == 1);
}

TEST_CASE("a command whose backend goes away ends in an error, an unknown one too") {
  Rig rig;
  rig.create("a");
  store::CommandRow orphan;
  orphan.id = "orphan";
  orphan.action = end_all_meetings_action;
  orphan.backend_id = "gone";
  orphan.holder = "dead";
  auto newer = orphan;
  newer.id = "newer";
  newer.action = "paint";
  newer.backend_id = "b1";
  rig.in_store([&](store::Store& store) {
    store.insert_command(orphan);
    store.insert_command(newer);
  });
  CHECK(rig.ended("orphan").result_json == R"({"error":"the backend is gone"})");
  CHECK(rig.ended("newer").state == store::CommandState::error);
}

TEST_CASE("commands that ended are kept for a day, those that run for ever") {
  Rig rig;
  rig.create("a");
  const auto refresh = rig.begin(refresh_action);
  const auto drain = rig.begin(drain_action);
  rig.ended(refresh.id);
  rig.wall_step += std::chrono::hours{23};
  rig.pass(std::chrono::minutes{11});
  CHECK(rig.stored(refresh.id));
  rig.wall_step += std::chrono::hours{1};
  rig.pass(std::chrono::minutes{11});
  CHECK(!rig.stored(refresh.id));
  CHECK(rig.stored(drain.id));
}

TEST_CASE("an instance that stops leaves its commands as they are") {
  Rig rig;
  rig.create_many(20);
  const auto command = rig.begin(end_all_meetings_action);
  rig.pass(milliseconds{50});
  rig.runners["i1"]->stop();
  rig.pass(seconds{5});
  CHECK(rig.runners["i1"]->running() == 0);
  CHECK(!rig.stored(command.id)->finished_at);
  CHECK(rig.stored(command.id)->holder == "i1");
  CHECK(rig.begin(refresh_action).id == "command-2");  // stored, for others to run
  rig.pass(seconds{5});
  CHECK(rig.stored("command-2")->state == store::CommandState::requested);
}

TEST_CASE("a plan says what was there; documents that are none are not taken for one") {
  const std::vector<PlannedEnd> meetings{{"a~1", 7, "run"}, {"a~2", 8, ""}};
  const auto read = read_plan(plan_of(meetings));
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(read->at(0).internal_id == "run");
  CHECK(read->at(1).epoch == 8);
  CHECK(read->at(1).internal_id.empty());
  CHECK(read_plan(plan_of({}))->empty());
  for (const auto* text : {"{}", "", "[]", "{", R"({"meetings":1})", R"({"meetings":[1]})",
                           R"({"meetings":[{"id":"a"}]})", R"({"meetings":[{"id":1,"epoch":1}]})",
                           R"({"meetings":[{"id":"a","epoch":"1"}]})"}) {
    CHECK(!read_plan(text));
  }
}

}  // namespace b3::command
