// In which order writers lock rows: where two of them do it differently, they wait in a circle, and
// the database ends one of them.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <functional>
#include <string>

#include "store/queries.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

constexpr int meetings = 40;
constexpr int rounds = 60;

std::string name_of(int number) {
  return std::to_string(100 + number);
}

// How often two that run together were ended as the loser. On connections of their own: a Store
// would try again, and nobody would notice.
int conflicts_of(const PostgresDatabase& database,
                 const std::array<std::function<void(Connection&)>, 2>& writers) {
  std::atomic<int> conflicts = 0;
  run_together(2, [&](int number) {
    const auto connection = database.connect();
    for (int round = 0; round < rounds; ++round) {
      try {
        connection->begin(Access::write);
        writers[std::size_t(number)](*connection);
        connection->commit();
      } catch (const TransactionConflict&) {
        ++conflicts;
        connection->rollback();
      }
    }
  });
  return conflicts;
}

TEST_CASE("refreshes lock their rows in the order of groups of bindings") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  // Stored, and listed by the node, the other way round.
  RefreshResult result;
  result.backend_id = cluster.backend_a.id;
  result.reachable = true;
  for (int number = meetings; number > 0; --number) {
    const auto name = name_of(number);
    const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, name, "i" + name);
    result.changed.push_back(seen_as(row, row.internal_id));
  }
  const auto refresh = [&](Connection& connection) {
    queries::record_refresh(connection, result, at(1));
  };
  const auto lock_in_order = [&](Connection& connection) {
    connection.execute("SELECT scoped_id FROM meetings ORDER BY scoped_id FOR UPDATE");
  };
  CHECK(conflicts_of(database, {refresh, lock_in_order}) == 0);
}

// The other half: the rows are locked by what the test believes, not by chance.
TEST_CASE("rows that are locked in two orders make a circle") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  for (int number = meetings; number > 0; --number) {
    insert_meeting(*store, cluster.frontend, cluster.backend_a, name_of(number), "");
  }
  const auto forwards = [](Connection& connection) {
    connection.execute("SELECT scoped_id FROM meetings ORDER BY scoped_id FOR UPDATE");
  };
  const auto backwards = [](Connection& connection) {
    connection.execute("SELECT scoped_id FROM meetings ORDER BY scoped_id DESC FOR UPDATE");
  };
  int conflicts = 0;
  for (int tries = 0; tries < 20 && conflicts == 0; ++tries) {
    conflicts += conflicts_of(database, {forwards, backwards});
  }
  CHECK(conflicts > 0);
}

B3_DATABASE_TEST("a copy is buried unless its id's row names this very run") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const Tombstone stone{"run-2", "moodle~math", cluster.backend_a.id, at(1)};
  CHECK_FALSE(store->bury_unless_named(stone));
  CHECK(store->list_tombstones(cluster.backend_a.id).size() == 1);
  store->prune_tombstones(at(2));

  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "run-2");
  const auto named = store->bury_unless_named(stone);
  REQUIRE(named);
  CHECK(named->internal_id == "run-2");
  CHECK(store->list_tombstones(cluster.backend_a.id).empty());

  const auto other =
      store->bury_unless_named({"run-1", "moodle~math", cluster.backend_a.id, at(1)});
  REQUIRE(other);
  CHECK(other->epoch == row.epoch);
  REQUIRE(store->list_tombstones(cluster.backend_a.id).size() == 1);
  CHECK(store->list_tombstones(cluster.backend_a.id)[0].internal_id == "run-1");
}

// A transaction that runs on holds up what is behind it in the feed, and what it wrote itself.
TEST_CASE("pruning keeps the newest change that followers can have read") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto settled = store->feed_position();
  const auto slow = database.connect();
  slow->begin(Access::write);
  slow->execute("UPDATE backends SET load_factor = 3 WHERE id = $1", {cluster.backend_a.id});
  // Newer, and nobody can read it before the slow one has ended.
  insert_meeting(*store, cluster.frontend, cluster.backend_b, "math", "internal");
  CHECK(store->feed_position() == settled);
  store->prune_changes(from_unix_milliseconds(4'000'000'000'000));
  const auto meanwhile = store->read_changes(settled, 100);
  CHECK_FALSE(meanwhile.gap);
  CHECK(meanwhile.position == settled);
  slow->commit();
  const auto later = store->read_changes(settled, 100);
  CHECK_FALSE(later.gap);
  CHECK(later.meetings.size() == 1);
  CHECK(later.backends.size() == 1);
}

}  // namespace
}  // namespace b3::store::testing
