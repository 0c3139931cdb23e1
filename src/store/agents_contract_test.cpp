// The Store's contract: what agents own and tell, on either database.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

B3_DATABASE_TEST("a backend belongs to one agent, and an agent has one backend") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto backend = make_backend("a");
  backend.agent_ref = "node-a";
  REQUIRE(store->insert_backend(backend));
  const auto id_b = store->insert_backend(make_backend("b")).value().id;
  const auto found = store->find_backend_of_agent("node-a");
  REQUIRE(found);
  CHECK(found->id == backend.id);
  CHECK(found->agent_ref == "node-a");
  CHECK_FALSE(store->find_backend_of_agent("node-b"));

  BackendPatch patch;
  patch.agent_ref = std::optional<std::string>("node-a");
  CHECK(store->update_backend(id_b, patch, at(1)).error() == WriteError::conflict);
  patch.agent_ref = std::optional<std::string>("node-b");
  CHECK(store->update_backend(id_b, patch, at(1))->agent_ref == "node-b");
  CHECK(store->update_backend(id_b, {}, at(2))->agent_ref == "node-b");
  patch.agent_ref = std::optional<std::string>();
  CHECK_FALSE(store->update_backend(id_b, patch, at(3))->agent_ref);
}

B3_DATABASE_TEST("heartbeats of many agents are written at once") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto& a = cluster.backend_a.id;
  const auto& b = cluster.backend_b.id;
  CHECK(store->record_heartbeats({}).empty());
  const auto written = store->record_heartbeats(
      {{b, "", at(1)}, {"gone", "{}", at(1)}, {a, R"({"load1":2})", at(2)}});
  CHECK(written.size() == 2);
  CHECK(written == std::vector{std::min(a, b), std::max(a, b)});
  CHECK(store->find_backend(a)->agent_heartbeat == at(2));
  CHECK(store->find_backend(a)->agent_report == R"({"load1":2})");
  CHECK(store->find_backend(b)->agent_report.empty());
  store->record_heartbeats({{a, "", at(3)}});
  CHECK(store->find_backend(a)->agent_heartbeat == at(3));
  CHECK(store->find_backend(a)->agent_report == R"({"load1":2})");
  store->record_heartbeats({{a, R"({"n":1})", at(4)}, {a, "", at(5)}});
  CHECK(store->find_backend(a)->agent_heartbeat == at(5));
  CHECK(store->find_backend(a)->agent_report == R"({"n":1})");
}

Revision fill_in(Meeting& meeting, std::int64_t people) {
  meeting.running = true;
  meeting.counts = {people, 1, 2, 3, 4};
  meeting.document = fmt::format("<meeting>{}</meeting>", people);
  meeting.attendee_ids = R"({"w_1":"u1"})";
  return Revision::changed;
}

B3_DATABASE_TEST("meetings are revised together, each by itself") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto& frontend = cluster.frontend;
  insert_meeting(*store, frontend, cluster.backend_a, "changed", "i-1");
  insert_meeting(*store, frontend, cluster.backend_a, "same", "i-2");
  insert_meeting(*store, frontend, cluster.backend_b, "ended", "i-3");
  const auto before = *store->find_meeting("moodle~same");

  std::vector<std::string> seen;
  const auto rows = store->revise_meetings(
      {"moodle~same", "moodle~gone", "moodle~ended", "moodle~changed"},
      [&](std::size_t index, Meeting& meeting) {
        seen.push_back(fmt::format("{} {}", index, meeting.meeting_id));
        CHECK(meeting.attendee_ids == "{}");
        CHECK(meeting.phase == MeetingPhase::bound);
        if (index == 3) return fill_in(meeting, 7);
        return index == 2 ? Revision::ended : Revision::unchanged;
      },
      at(9));
  CHECK(seen == std::vector<std::string>{"0 same", "2 ended", "3 changed"});
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]->scoped_id == "moodle~same");
  CHECK_FALSE(rows[1]);
  CHECK(rows[2]->internal_id == "i-3");
  CHECK(rows[3]->counts.participants == 7);

  const auto changed = *store->find_meeting("moodle~changed");
  CHECK(changed.running);
  CHECK(changed.counts == MeetingCounts{7, 1, 2, 3, 4});
  CHECK(changed.document == "<meeting>7</meeting>");
  CHECK(changed.attendee_ids == R"({"w_1":"u1"})");
  CHECK(changed.placement_json != "");  // the explanation is not touched
  CHECK(store->find_meeting("moodle~same")->document == before.document);
  CHECK_FALSE(store->find_meeting("moodle~ended"));
  const auto stones = store->list_tombstones(cluster.backend_b.id);
  REQUIRE(stones.size() == 1);
  CHECK(stones[0].internal_id == "i-3");
  CHECK(stones[0].kind == TombstoneKind::ended);
  CHECK(stones[0].ended_at == at(9));
}

B3_DATABASE_TEST("one meeting asked for twice is revised twice") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  insert_meeting(*store, cluster.frontend, cluster.backend_a, "m", "i-1");
  const auto add_one = [](std::size_t, Meeting& meeting) {
    ++meeting.counts.participants;
    return Revision::changed;
  };
  const auto rows = store->revise_meetings({"moodle~m", "moodle~m"}, add_one, at(1));
  CHECK(rows[0]->counts.participants == 2);
  CHECK(store->find_meeting("moodle~m")->counts.participants == 2);
  CHECK(store->revise_meetings({}, add_one, at(1)).empty());
}

B3_DATABASE_TEST("what throws while meetings are revised changes nothing") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  insert_meeting(*store, cluster.frontend, cluster.backend_a, "m", "i-1");
  struct Stop : std::exception {};
  const auto throwing = [](std::size_t, Meeting&) -> Revision { throw Stop{}; };
  CHECK_THROWS_AS(store->revise_meetings({"moodle~m"}, throwing, at(1)), Stop);
  CHECK(store->find_meeting("moodle~m")->counts.participants == 0);
}

B3_DATABASE_TEST("revisions of several instances are done one after the other") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const std::vector<std::string> up{"moodle~m1", "moodle~m2", "moodle~m3"};
  const std::vector<std::string> down{"moodle~m3", "moodle~m2", "moodle~m1"};
  for (const auto* id : {"m1", "m2", "m3"}) {
    insert_meeting(*store, cluster.frontend, cluster.backend_a, id, fmt::format("i-{}", id));
  }
  constexpr int rounds = 25;
  run_together(4, [&](int number) {
    const auto mine = database.open();
    for (int round = 0; round < rounds; ++round) {
      mine->revise_meetings(
          number % 2 == 0 ? up : down,
          [](std::size_t, Meeting& meeting) {
            ++meeting.counts.participants;
            return Revision::changed;
          },
          at(round));
    }
  });
  for (const auto& id : up) CHECK(store->find_meeting(id)->counts.participants == 4 * rounds);
}

B3_DATABASE_TEST("a meeting's next run on its node knows nobody by the ids of the last") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto meeting = insert_meeting(*store, cluster.frontend, cluster.backend_a, "m", "i-1");
  store->revise_meetings(
      {"moodle~m"}, [](std::size_t, Meeting& row) { return fill_in(row, 1); }, at(1));
  auto result = RefreshResult{};
  result.backend_id = cluster.backend_a.id;
  result.reachable = true;
  result.changed = {seen_as(meeting, "i-1")};
  store->record_refresh(result, at(2));
  CHECK(store->find_meeting("moodle~m")->attendee_ids == R"({"w_1":"u1"})");
  Binding binding;
  binding.internal_id = "i-2";
  binding.replaces = "i-1";
  REQUIRE(store->bind("moodle~m", meeting.epoch, binding, at(3)));
  CHECK(store->find_meeting("moodle~m")->attendee_ids == "{}");
}

B3_DATABASE_TEST("three hundred meetings are revised by a few statements") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::vector<Meeting> wanted;
  std::vector<std::string> ids;
  for (int i = 0; i < 300; ++i) {
    wanted.push_back(make_meeting(cluster.frontend, cluster.backend_a, fmt::format("m{}", i)));
    ids.push_back(wanted.back().scoped_id);
  }
  store->reserve_all(wanted);
  const std::string document = "<meeting>" + std::string(4'000, 'x') + "</meeting>";
  const auto began = std::chrono::steady_clock::now();
  const auto rows = store->revise_meetings(
      ids,
      [&](std::size_t, Meeting& meeting) {
        meeting.document = document;
        return Revision::changed;
      },
      at(1));
  const auto took = std::chrono::steady_clock::now() - began;
  MESSAGE("took ms: ", std::chrono::duration_cast<milliseconds>(took).count());
  CHECK(rows.size() == 300);
  CHECK(store->find_meeting("moodle~m299")->document == document);
}

}  // namespace
}  // namespace b3::store::testing
