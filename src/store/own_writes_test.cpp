#include "store/own_writes.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "store/sql_store.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

constexpr SteadyTime start{seconds{100}};

TEST_CASE("transactions are remembered for a while, and not beyond a new connection") {
  OwnWrites own;
  own.note(7, start);
  own.note(8, start + seconds{1});
  CHECK(own.contains(7, start + OwnWrites::remembered));
  CHECK_FALSE(own.contains(7, start + OwnWrites::remembered + milliseconds{1}));
  CHECK(own.contains(8, start + OwnWrites::remembered + milliseconds{1}));
  CHECK_FALSE(own.contains(9, start));
  own.forget();
  CHECK_FALSE(own.contains(8, start + seconds{1}));
}

TEST_CASE("the feed leaves out what was put into the view already, and nothing else") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto other = database.open_migrated();
  const auto cluster = insert_cluster(*other);
  const auto own = std::make_shared<OwnWrites>();
  const auto connect = [&] { return database.connect(); };
  const auto writer = make_sql_store(connect, own);
  const auto follower = make_sql_store(connect, own);
  auto position = follower->feed_position();
  writer->ping();  // both are connected
  const auto read = [&](Store& store) {
    std::vector<std::string> ids;
    auto changes = store.read_changes(position, 100);
    for (const auto& row : changes.meetings) ids.push_back(row.meeting_id);
    position = changes.position;
    std::ranges::sort(ids);
    return ids;
  };
  const auto reserve = [&](Store& store, const std::string& id) {
    return store.reserve(make_meeting(cluster.frontend, cluster.backend_a, id)).value().meeting;
  };

  auto row = reserve(*writer, "known");
  writer->leave_out_last_write();
  reserve(*writer, "untold");
  reserve(*other, "theirs");
  const auto before = position;
  CHECK(read(*follower) == std::vector<std::string>{"theirs", "untold"});
  CHECK(position > before);

  writer->bind(row.scoped_id, row.epoch, {"i", "n", "d"}, at(1));
  writer->leave_out_last_write();
  const auto behind = position;
  CHECK(read(*follower).empty());
  CHECK(position > behind);
  CHECK(read(*follower).empty());

  // Somebody else's change of the same row is told, whatever of it is ours.
  row = reserve(*writer, "shared");
  writer->leave_out_last_write();
  other->bind(row.scoped_id, row.epoch, {"j", "n", "d"}, at(1));
  CHECK(read(*follower) == std::vector<std::string>{"shared"});

  // Who lost against another row has written nothing.
  writer->reserve(make_meeting(cluster.frontend, cluster.backend_b, "shared"));
  writer->leave_out_last_write();
  CHECK(read(*follower).empty());

  // After a new connection nothing is left out.
  reserve(*writer, "last");
  writer->leave_out_last_write();
  make_sql_store(connect, own)->ping();
  CHECK(read(*follower) == std::vector<std::string>{"last"});
}

}  // namespace
}  // namespace b3::store::testing
