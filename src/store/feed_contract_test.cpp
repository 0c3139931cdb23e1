// The Store's contract for the change feed, through which instances learn of each other's writes.
#include <doctest/doctest.h>

#include <mutex>
#include <set>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

constexpr std::int64_t plenty = 10'000;

B3_DATABASE_TEST("the feed has every row that changed after a position, as it is now") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto start = store->feed_position();
  const auto cluster = insert_cluster(*store);
  const auto row =
      insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "math-internal");

  const auto changes = store->read_changes(start, plenty);
  CHECK_FALSE(changes.gap);
  CHECK(changes.position > start);
  REQUIRE(changes.frontends.size() == 1);
  CHECK(changes.frontends[0].key == cluster.frontend.key);
  CHECK(changes.backends.size() == 2);
  REQUIRE(changes.meetings.size() == 1);
  CHECK(changes.meetings[0].internal_id == "math-internal");
  CHECK(changes.meetings[0].phase == MeetingPhase::bound);
  CHECK(changes.gone_meetings.empty());

  const auto nothing = store->read_changes(changes.position, plenty);
  CHECK_FALSE(nothing.gap);
  CHECK(nothing.position == changes.position);
  CHECK(nothing.meetings.empty());
  CHECK(store->feed_position() == changes.position);

  store->end(row.scoped_id, row.epoch, at(5));
  const auto after = store->read_changes(changes.position, plenty);
  CHECK(after.meetings.empty());
  CHECK(after.gone_meetings == std::vector<std::string>{row.scoped_id});
}

B3_DATABASE_TEST("a refresh, a patch and a forced deletion reach the feed too") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "internal");
  auto position = store->feed_position();

  RefreshResult result;
  result.backend_id = cluster.backend_a.id;
  result.reachable = true;
  SeenMeeting seen;
  seen.scoped_id = row.scoped_id;
  seen.epoch = row.epoch;
  seen.internal_id = "internal";
  seen.running = true;
  seen.document = "<meeting/>";
  result.changed = {seen};
  store->record_refresh(result, at(5));
  auto changes = store->read_changes(position, plenty);
  REQUIRE(changes.meetings.size() == 1);
  CHECK(changes.meetings[0].running);
  CHECK(changes.backends.size() == 1);
  position = changes.position;

  BackendPatch patch;
  patch.admin_state = AdminState::stopped;
  REQUIRE(store->update_backend(cluster.backend_b.id, patch, at(6)));
  changes = store->read_changes(position, plenty);
  REQUIRE(changes.backends.size() == 1);
  CHECK(changes.backends[0].admin_state == AdminState::stopped);
  position = changes.position;

  REQUIRE(store->delete_frontend(cluster.frontend.id, true));
  changes = store->read_changes(position, plenty);
  CHECK(changes.gone_frontends == std::vector<std::string>{cluster.frontend.id});
  CHECK(changes.gone_meetings == std::vector<std::string>{row.scoped_id});
}

B3_DATABASE_TEST("the feed can be read in small pieces") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto position = store->feed_position();
  const auto cluster = insert_cluster(*store);
  for (int i = 0; i < 7; ++i) {
    insert_meeting(*store, cluster.frontend, cluster.backend_a, "m" + std::to_string(i), "");
  }
  std::set<std::string> seen;
  for (int round = 0; round < 50; ++round) {
    const auto changes = store->read_changes(position, 2);
    REQUIRE_FALSE(changes.gap);
    if (changes.position == position) break;
    position = changes.position;
    for (const auto& meeting : changes.meetings) seen.insert(meeting.meeting_id);
  }
  CHECK(seen.size() == 7);
}

B3_DATABASE_TEST("a position that has been pruned away is a gap, the newest one is not") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto beginning = store->feed_position();
  const auto cluster = insert_cluster(*store);
  const auto old = store->feed_position();
  insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "internal");
  const auto newest = store->feed_position();
  CHECK(newest > old);

  store->prune_changes(from_unix_milliseconds(4'000'000'000'000));
  CHECK(store->read_changes(beginning, plenty).gap);
  CHECK(store->read_changes(old, plenty).gap);
  CHECK_FALSE(store->read_changes(newest, plenty).gap);
  CHECK(store->feed_position() == newest);
}

B3_DATABASE_TEST("of many writers at once a follower misses nothing") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  constexpr int writers = 6;
  constexpr int rows_each = 15;
  auto position = store->feed_position();
  std::set<std::string> seen;
  std::atomic<int> writing = writers;
  run_together(writers + 1, [&](int number) {
    const auto mine = database.open();
    if (number < writers) {
      for (int i = 0; i < rows_each; ++i) {
        const auto id = std::to_string(number) + "-" + std::to_string(i);
        CHECK(mine->reserve(make_meeting(cluster.frontend, cluster.backend_a, id)));
      }
      --writing;
      return;
    }
    for (bool last_round = false;;) {
      const auto changes = mine->read_changes(position, 10);
      position = changes.position;
      for (const auto& meeting : changes.meetings) seen.insert(meeting.meeting_id);
      if (last_round && changes.meetings.empty()) return;
      last_round = writing == 0;
    }
  });
  CHECK(seen.size() == std::size_t(writers * rows_each));
}

TEST_CASE("a change that commits after a later one is not missed") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto position = store->feed_position();

  // The first transaction takes its number and its change's sequence first, and commits last.
  const auto slow = database.connect();
  slow->begin(Access::write);
  slow->execute("UPDATE backends SET load_factor = 3 WHERE id = $1", {cluster.backend_a.id});
  insert_meeting(*store, cluster.frontend, cluster.backend_b, "math", "internal");
  const auto early = store->read_changes(position, plenty);
  slow->commit();
  const auto late = store->read_changes(early.position, plenty);

  std::set<std::string> backends;
  std::set<std::string> meetings;
  for (const auto* changes : {&early, &late}) {
    for (const auto& backend : changes->backends) backends.insert(backend.id);
    for (const auto& meeting : changes->meetings) meetings.insert(meeting.meeting_id);
  }
  CHECK(backends.contains(cluster.backend_a.id));
  CHECK(meetings.contains("math"));
}

}  // namespace
}  // namespace b3::store::testing
