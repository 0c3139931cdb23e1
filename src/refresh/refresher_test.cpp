#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "refresh/rig_test.h"

namespace b3::refresh {
namespace {

using http::ClientFailure;
using test::Rig;

TEST_CASE_FIXTURE(Rig, "a node nobody reaches is avoided at once, given up after 90 s") {
  create("math", "a", "math-1");
  pass(seconds{20});
  CHECK(is_health(Health::usable));
  network.nodes["a"].failure = ClientFailure::connect;
  const auto began = time.now();
  REQUIRE(pass_until([&] { return is_health(Health::avoided); }));
  CHECK(time.now() - began < seconds{6});
  CHECK(seen().node_state == NodeState::error);
  CHECK(row("math"));

  REQUIRE(pass_until([&] { return is_health(Health::given_up); }));
  CHECK(time.now() - began >= seconds{90});
  CHECK(time.now() - began < seconds{102});
  CHECK_FALSE(row("math"));
  CHECK_FALSE(view.meeting("moodle~math"));
  CHECK(stored().health_reason.starts_with("no connection for 9"));
  const auto stones =
      executor.run_blocking([](store::Store& store) { return store.list_tombstones("a"); });
  REQUIRE(stones.size() == 1);
  CHECK(stones[0].kind == store::TombstoneKind::detached);

  const auto polls = network.nodes["a"].polls;
  pass(seconds{30});
  CHECK(network.nodes["a"].polls >= polls + 5);
  CHECK(is_health(Health::given_up));
  CHECK(is_health(Health::usable, "b"));
}

TEST_CASE_FIXTURE(Rig, "error pages in place of BBB give a node up, silence and FAILED never do") {
  auto& node = network.nodes["a"];
  SUBCASE("error pages") {
    node.status = 502;
    CHECK(pass_until([&] { return is_health(Health::given_up); }));
  }
  SUBCASE("silence") {
    node.failure = ClientFailure::timeout;
    pass(seconds{1'000});
    CHECK(is_health(Health::avoided));
  }
}

TEST_CASE_FIXTURE(Rig, "nodes with more meetings than one transaction writes are recorded whole") {
  constexpr int many = 300;
  for (const auto* node : {"a", "b"}) {
    for (int i = 0; i < many; ++i) {
      const auto id = fmt::format("moodle~{}-{}", node, i);
      network.nodes[node].meetings[id] = id + "-run";
    }
  }
  const auto count = [&] {
    return executor.run_blocking([](store::Store& store) { return store.list_meetings().size(); });
  };
  REQUIRE(pass_until([&] { return view.meetings_of_backend("b").size() == many; }));
  REQUIRE(pass_until([&] { return view.meetings_of_backend("a").size() == many; }));
  CHECK(count() == 2 * many);
  CHECK(stored().meetings_count == many);

  network.nodes["a"].meetings.clear();
  REQUIRE(pass_until([&] { return view.meetings_of_backend("a").empty(); }));
  CHECK(count() == many);
  CHECK(view.meetings_of_backend("b").size() == many);
}

TEST_CASE_FIXTURE(Rig, "steps of the wall clock neither hasten giving up nor put it off") {
  pass(seconds{10});
  network.nodes["a"].failure = ClientFailure::connect;
  wall_step = std::chrono::hours{1};
  pass(seconds{60});
  CHECK(is_health(Health::avoided));
  wall_step = std::chrono::hours{-1};
  pass(seconds{25});
  CHECK(is_health(Health::avoided));
  pass(seconds{20});
  CHECK(is_health(Health::given_up));
}

TEST_CASE_FIXTURE(Rig, "meetings of a returning node go on where nobody took their place") {
  const auto before = create("math", "a", "math-1");
  pass(seconds{10});
  lose_a();
  network.nodes["a"].failure.reset();
  REQUIRE(pass_until([&] { return is_health(Health::avoided); }));
  const auto back = row("math");
  REQUIRE(back);
  CHECK(back->backend_id == "a");
  CHECK(back->internal_id == "math-1");
  CHECK(back->epoch > before.epoch);
  CHECK(view.meeting("moodle~math"));
  REQUIRE(pass_until([&] { return is_health(Health::usable); }));
  CHECK(seen().health_reason.empty());
  CHECK(network.nodes["a"].ended.empty());
  CHECK(row("math"));
}

TEST_CASE_FIXTURE(Rig, "what a returning node holds of meetings that moved is ended first") {
  create("math", "a", "math-1");
  create("art", "a", "art-1");
  pass(seconds{10});
  lose_a();
  create("math", "b", "math-2");
  network.nodes["a"].meetings["moodle~never-bound"] = "x";
  network.nodes["a"].meetings["stranger"] = "y";
  network.nodes["a"].failure.reset();
  REQUIRE(pass_until([&] { return is_health(Health::avoided); }));
  CHECK(row("math")->backend_id == "b");
  REQUIRE(pass_until([&] { return is_health(Health::usable); }));
  auto ended = network.nodes["a"].ended;
  std::ranges::sort(ended);
  CHECK(ended == std::vector<std::string>{"moodle~math", "moodle~never-bound"});
  CHECK(network.nodes["a"].meetings.contains("stranger"));
  CHECK(row("art")->backend_id == "a");
  CHECK(row("math")->internal_id == "math-2");
  CHECK(network.nodes["b"].ended.empty());
}

TEST_CASE_FIXTURE(Rig,
                  "what was given up stays given up for the next holder, the streak does not") {
  pass(seconds{10});
  network.nodes["a"].failure = ClientFailure::connect;
  pass(seconds{80});
  CHECK(is_health(Health::avoided));
  leases.lost.insert("refresh/a");
  const auto polls = network.nodes["a"].polls;
  pass(seconds{60});
  CHECK(network.nodes["a"].polls == polls);
  leases.lost.clear();
  pass(seconds{60});
  CHECK(network.nodes["a"].polls > polls);
  CHECK(is_health(Health::avoided));
  REQUIRE(pass_until([&] { return is_health(Health::given_up); }));
  leases.lost.insert("refresh/a");
  pass(seconds{5});
  leases.lost.clear();
  pass(seconds{30});
  CHECK(is_health(Health::given_up));
}

TEST_CASE_FIXTURE(Rig, "an agent that is heard keeps its node from being given up") {
  network.nodes["a"].failure = ClientFailure::connect;
  for (int i = 0; i < 100; ++i) {
    view.put(executor
                 .run_blocking(
                     [&](store::Store& store) { return store.record_heartbeat("a", clock().wall); })
                 .value());
    pass(seconds{2});
  }
  CHECK(stored().health == Health::avoided);
  CHECK(pass_until([&] { return is_health(Health::given_up); }));
}

TEST_CASE_FIXTURE(Rig, "what the operator gives up is detached at once, and back when he says so") {
  create("math", "a", "math-1");
  create("art", "a", "art-1");
  pass(seconds{10});
  force(Health::given_up);
  pass(seconds{1});
  CHECK(is_health(Health::given_up));
  CHECK(stored().health_reason == "given up by the operator");
  CHECK_FALSE(row("math"));
  CHECK_FALSE(view.meeting("moodle~math"));
  const auto calls = store_calls;
  pass(seconds{20});
  CHECK(is_health(Health::given_up));
  CHECK_FALSE(row("math"));
  CHECK(network.nodes["a"].ended.empty());
  CHECK(store_calls - calls < 12);  // it is not given up again and again

  create("art", "b", "art-2");
  pass(seconds{10});
  CHECK(network.nodes["a"].ended == std::vector<std::string>{"moodle~art"});
  force(std::nullopt);
  pass(seconds{1});
  CHECK(is_health(Health::avoided));
  CHECK(row("math")->internal_id == "math-1");
  REQUIRE(pass_until([&] { return is_health(Health::usable); }));
  CHECK(row("art")->backend_id == "b");
}

TEST_CASE_FIXTURE(Rig, "what the operator calls usable is not given up until he leaves it alone") {
  create("math", "a", "math-1");
  pass(seconds{10});
  force(Health::usable);
  network.nodes["a"].failure = ClientFailure::connect;
  pass(seconds{200});
  CHECK(stored().health == Health::avoided);
  CHECK(stored().effective_health() == Health::usable);
  CHECK(row("math"));
  force(std::nullopt);
  pass(seconds{2});
  CHECK(is_health(Health::given_up));
  CHECK_FALSE(row("math"));
}

TEST_CASE_FIXTURE(Rig, "a poll that is asked for comes at once") {
  pass(seconds{20});
  const auto polls = network.nodes["a"].polls;
  const auto others = network.nodes["b"].polls;
  refresher->poll_now("a");
  refresher->poll_now("nobody");
  pass(milliseconds{0});
  CHECK(network.nodes["a"].polls == polls + 1);
  CHECK(network.nodes["b"].polls == others);
}

TEST_CASE_FIXTURE(Rig, "a poll that is asked for while another is under way comes after it") {
  pass(seconds{20});
  network.nodes["a"].takes = seconds{2};
  refresher->poll_now("a");
  pass(seconds{1});
  const auto polls = network.nodes["a"].polls;
  refresher->poll_now("a");
  pass(milliseconds{900});
  CHECK(network.nodes["a"].polls == polls);
  pass(milliseconds{400});
  CHECK(network.nodes["a"].polls == polls + 1);
  pass(seconds{3});
  CHECK(network.nodes["a"].polls == polls + 1);
}

TEST_CASE_FIXTURE(Rig, "a poll is asked for where another instance polls: one, if it is answered") {
  create("math", "a", "math-1");
  leases.lost.insert("refresh/a");
  pass(seconds{20});
  const auto polls = network.nodes["a"].polls;
  network.nodes["a"].meetings.clear();
  refresher->poll_now("a");
  pass(seconds{20});
  CHECK(network.nodes["a"].polls == polls + 1);
  CHECK_FALSE(row("math"));
  CHECK(refresher->watched() == 1);

  const auto before = stored();
  network.nodes["a"].failure = ClientFailure::connect;
  refresher->poll_now("a");
  pass(seconds{20});
  CHECK(network.nodes["a"].polls == polls + 2);
  CHECK(stored().node_state == before.node_state);
  CHECK(seen().node_state == before.node_state);
}

// What an agent tells is written with this, as events are.
Meeting told(Rig& rig, std::string id, std::int64_t people) {
  const auto rows = rig.executor.run_blocking([&](store::Store& store) {
    return store.revise_meetings(
        {"moodle~" + id},
        [&](std::size_t, Meeting& meeting) {
          meeting.counts.participants = people;
          meeting.document = "<meeting>" + std::to_string(people) + "</meeting>";
          return store::Revision::changed;
        },
        rig.clock().wall);
  });
  return rows.at(0).value();
}

TEST_CASE_FIXTURE(Rig,
                  "an event that commits during a poll is not overwritten by its older answer") {
  create("math", "a", "math-1");
  pass(seconds{10});
  REQUIRE(row("math")->counts.participants == 2);
  network.nodes["a"].people = 3;
  network.nodes["a"].takes = seconds{2};
  const auto polls = network.nodes["a"].polls;
  REQUIRE(pass_until([&] { return network.nodes["a"].polls > polls; }));
  const auto event = told(*this, "math", 7);
  SUBCASE("here") {
    view.put(event);
  }
  SUBCASE("with another instance, of whose event we have not heard") {}
  pass(milliseconds{2'500});
  CHECK(row("math")->counts.participants == 7);
  CHECK(view.meeting("moodle~math")->counts().participants == 7);
  pass(seconds{10});  // the next poll is newer than the event
  CHECK(row("math")->counts.participants == 3);
  CHECK(view.meeting("moodle~math")->counts().participants == 3);
}

TEST_CASE_FIXTURE(Rig,
                  "an event that commits after a poll's write, and is shown before it, stays") {
  create("math", "a", "math-1");
  pass(seconds{10});
  network.nodes["a"].people = 3;
  // The poll's answer is written, then an event; their results come the other way round.
  after_store_call = [&] {
    if (row("math")->counts.participants != 3) return;
    after_store_call = nullptr;
    view.put(told(*this, "math", 9));
  };
  REQUIRE(pass_until([&] { return !after_store_call; }));
  pass(seconds{1});
  CHECK(row("math")->counts.participants == 9);
  CHECK(view.meeting("moodle~math")->counts().participants == 9);
}

TEST_CASE_FIXTURE(Rig, "a meeting replaced under its id is followed by the next poll, not lost") {
  const auto before = create("math", "a", "math-1");
  pass(seconds{10});
  network.nodes["a"].meetings["moodle~math"] = "math-2";
  std::vector<std::string> seen_ids;
  REQUIRE(pass_until([&] {
    REQUIRE(view.meeting("moodle~math"));
    return view.meeting("moodle~math")->internal_id() == "math-2";
  }));
  CHECK(row("math")->internal_id == "math-2");
  CHECK(row("math")->epoch == before.epoch);
  CHECK(row("math")->counts.participants == 2);
}

TEST_CASE_FIXTURE(Rig, "a poll of 200 meetings costs the database two calls, a quiet one none") {
  for (int i = 0; i < 200; ++i) {
    network.nodes["a"].meetings["moodle~m" + std::to_string(i)] = "i" + std::to_string(i);
  }
  leases.lost.insert("refresh/b");
  store_calls = 0;
  const auto polls = network.nodes["a"].polls;
  REQUIRE(pass_until([&] { return view.meeting_count() == 200; }));
  CHECK(network.nodes["a"].polls == polls + 1);
  CHECK(store_calls <= 3);  // housekeeping is the third
  pass(seconds{6});
  const auto calls = store_calls;
  pass(seconds{10});
  CHECK(network.nodes["a"].polls >= polls + 3);
  CHECK(store_calls == calls);
}

TEST_CASE_FIXTURE(Rig, "a decommissioned node that is given up goes") {
  create("math", "a", "math-1");
  pass(seconds{10});
  store::BackendPatch patch;
  patch.admin_state = AdminState::decommissioned;
  view.put(executor
               .run_blocking([&](store::Store& store) {
                 return store.update_backend("a", patch, clock().wall);
               })
               .value());
  network.nodes["a"].failure = ClientFailure::connect;
  CHECK(pass_until([&] { return view.backend("a") == nullptr; }));
}

}  // namespace
}  // namespace b3::refresh
