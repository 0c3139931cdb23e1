// PostgreSQL's record_creates(): one change for a group, and what it leaves to write_creates()
// (docs/decisions/0012-creates-with-one-change.md). What both do is in the other contract tests.
#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/group_statements.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

struct World {
  PostgresDatabase database;
  std::unique_ptr<Store> store = database.open_migrated();
  Cluster cluster = insert_cluster(*store);

  std::vector<Meeting> meetings(const std::vector<std::string>& ids) const {
    std::vector<Meeting> made;
    for (const auto& id : ids)
      made.push_back(make_meeting(cluster.frontend, cluster.backend_a, id));
    return made;
  }
  std::vector<std::string> kinds_of_changes() const {
    const auto connection = database.connect();
    connection->begin(Access::read);
    std::vector<std::string> kinds;
    for (auto& row : connection->execute("SELECT kind FROM changes ORDER BY sequence")) {
      kinds.push_back(RowReader(row).text());
    }
    connection->commit();
    return kinds;
  }
  void run(std::string_view sql) const {
    const auto connection = database.connect();
    connection->begin(Access::write);
    connection->execute(sql);
    connection->commit();
  }
  void beat_of_version_6() const {
    run("INSERT INTO instances (id, host, beat, started_at) VALUES ('old', 'h', 1, now()) "
        "ON CONFLICT (id) DO UPDATE SET beat = instances.beat + 1");
  }
};

std::set<std::string> ids_in(const Changes& changes) {
  std::set<std::string> ids;
  for (const auto& meeting : changes.meetings) ids.insert(meeting.meeting_id);
  return ids;
}

TEST_CASE("a group of creates is one change, which names them all") {
  if (!PostgresDatabase::available()) return;
  const World world;
  const auto position = world.store->feed_position();
  const auto first = world.store->write_creates(world.meetings({"a", "b \"c\",\n[d]"}), {}, at(1));
  const auto& a = first.reserved[0].value().meeting;
  world.store->write_creates(world.meetings({"e"}), {{a.scoped_id, a.epoch, {"i-a", "", ""}}},
                             at(2));
  const auto kinds = world.kinds_of_changes();
  REQUIRE(kinds.size() >= 2);
  CHECK(std::vector(kinds.end() - 2, kinds.end()) == std::vector<std::string>(2, "meetings"));
  const auto changes = world.database.open()->read_changes(position, 100);
  CHECK(ids_in(changes) == std::set<std::string>{"a", "b \"c\",\n[d]", "e"});
  CHECK(changes.gone_meetings.empty());
}

TEST_CASE("a feed of groups can be read in small pieces") {
  if (!PostgresDatabase::available()) return;
  const World world;
  auto position = world.store->feed_position();
  for (const auto* ids : {"abc", "def", "gh"}) {
    std::vector<std::string> names;
    for (const char* id = ids; *id != '\0'; ++id) names.emplace_back(1, *id);
    world.store->write_creates(world.meetings(names), {}, at(1));
  }
  const auto reader = world.database.open();
  std::vector<std::set<std::string>> pieces;
  for (int round = 0; round < 3; ++round) {
    const auto changes = reader->read_changes(position, 2);
    pieces.push_back(ids_in(changes));
    position = changes.position;
  }
  CHECK(pieces == std::vector<std::set<std::string>>{{"a", "b", "c"}, {"d", "e", "f"}, {"g", "h"}});
  CHECK(reader->read_changes(position, 2).position == position);
}

TEST_CASE("while a program of version 6 is there, each create is a change of its own") {
  if (!PostgresDatabase::available()) return;
  const World world;
  world.store->beat("new", "host", at(1));
  world.beat_of_version_6();
  const auto position = world.store->feed_position();
  const auto before = world.kinds_of_changes().size();
  const auto done = world.store->write_creates(world.meetings({"a", "b"}), {}, at(1));
  CHECK(done.reserved[0].value().won);
  CHECK(done.reserved[1].value().won);
  auto kinds = world.kinds_of_changes();
  kinds.erase(kinds.begin(), kinds.begin() + std::ptrdiff_t(before));
  CHECK(kinds == std::vector<std::string>(2, "meeting"));
  CHECK(ids_in(world.database.open()->read_changes(position, 9)) ==
        std::set<std::string>{"a", "b"});
  world.store->remove_instance("old", {});
  world.store->write_creates(world.meetings({"c", "d"}), {}, at(1));
  CHECK(world.kinds_of_changes().back() == "meetings");
}

TEST_CASE("a program of version 6 that starts does not have to read groups") {
  if (!PostgresDatabase::available()) return;
  const World world;
  world.store->write_creates(world.meetings({"a", "b"}), {}, at(1));
  const auto position = world.store->feed_position();
  // It has begun to read, and is not to be seen yet.
  world.store->write_creates(world.meetings({"c", "d"}), {}, at(1));
  world.beat_of_version_6();
  CHECK(world.kinds_of_changes() == std::vector<std::string>{"instance"});
  const auto reader = world.database.open();
  CHECK(reader->read_changes(position, 9).gap);
  const auto anew = reader->feed_position();
  world.beat_of_version_6();
  CHECK_FALSE(reader->read_changes(anew, 9).gap);
  world.store->write_creates(world.meetings({"e"}), {}, at(1));
  CHECK(ids_in(reader->read_changes(anew, 9)) == std::set<std::string>{"e"});
}

TEST_CASE("in a group with an id that is taken, the others get theirs") {
  if (!PostgresDatabase::available()) return;
  const World world;
  const auto taken = world.store->reserve(world.meetings({"b"})[0]).value().meeting;
  const auto position = world.store->feed_position();
  const auto done = world.store->write_creates(world.meetings({"a", "b", "c"}),
                                               {{taken.scoped_id, taken.epoch, {"i", "", ""}}}, {});
  CHECK(done.reserved[0].value().won);
  CHECK_FALSE(done.reserved[1].value().won);
  CHECK(done.reserved[1].value().meeting.epoch == taken.epoch);
  CHECK(done.reserved[2].value().won);
  CHECK(done.bound[0].value().internal_id == "i");
  CHECK(ids_in(world.database.open()->read_changes(position, 9)) ==
        std::set<std::string>{"a", "b", "c"});
}

TEST_CASE("in a group with a meeting that has ended, the others are bound") {
  if (!PostgresDatabase::available()) return;
  const World world;
  const auto reserved = world.store->write_creates(world.meetings({"a", "b"}), {}, at(1)).reserved;
  const auto& a = reserved[0].value().meeting;
  const auto& b = reserved[1].value().meeting;
  world.store->bury({"i-a", a.scoped_id, world.cluster.backend_a.id, at(2)});
  const auto done = world.store->write_creates(
      world.meetings({"c"}),
      {{a.scoped_id, a.epoch, {"i-a", "", ""}}, {b.scoped_id, b.epoch, {"i-b", "", ""}}}, at(3));
  CHECK_FALSE(done.bound[0]);
  CHECK(done.bound[1].value().internal_id == "i-b");
  CHECK(done.reserved[0].value().won);
}

// Nobody's row is locked by creates: who deletes waits for them.
TEST_CASE("a frontend or backend is not deleted or renamed beside a create under way") {
  if (!PostgresDatabase::available()) return;
  const World world;
  const auto& [frontend, backend_a, backend_b] = world.cluster;
  const auto attempt = [&](const std::string& id, const std::function<void(Store&)>& change) {
    const auto connection = world.database.connect();
    connection->begin(Access::write);
    const auto meetings = world.meetings({id});
    // Without its commit.
    connection->execute(
        "SELECT * FROM record_creates($1, $1, $2, $3, $1, $1, $4, $1, $1, $4, $5, $6, $5, $5, $5, "
        "$5, now())",
        {TextList{meetings[0].scoped_id}, TextList{frontend.id}, TextList{backend_a.id},
         IntegerList{1}, TextList{}, IntegerList{}});
    std::atomic<bool> changed = false;
    std::thread other([&] {
      change(*world.database.open());
      changed = true;
    });
    const auto watcher = world.database.connect();
    for (bool waits = false; !waits;) {
      watcher->begin(Access::read);
      waits = !watcher->execute("SELECT 1 FROM pg_locks WHERE NOT granted").empty();
      watcher->commit();
      REQUIRE_FALSE(changed);
    }
    connection->commit();
    other.join();
  };
  attempt("one", [&](Store& store) {
    CHECK(store.delete_frontend(frontend.id, false).error() == WriteError::in_use);
  });
  attempt("two", [&](Store& store) {
    CHECK(store.delete_backend(backend_a.id, false).error() == WriteError::in_use);
  });
  attempt("three", [&](Store& store) {
    FrontendPatch patch;
    patch.key = "renamed";
    CHECK(store.update_frontend(frontend.id, patch, at(1)).error() == WriteError::in_use);
  });
  attempt("four", [&](Store& store) {
    const auto outcome = store.give_up_backend(backend_a.id, "dead", at(1)).value();
    CHECK(outcome.detached.size() == 4);
  });
  CHECK(world.store->list_meetings().empty());
  // Whatever program does it, and people with psql.
  world.store->reserve(world.meetings({"five"})[0]);
  CHECK_THROWS_AS(world.run("UPDATE frontends SET key = 'renamed'"), ForeignKeyViolation);
  CHECK_THROWS_AS(world.run("DELETE FROM frontends"), ForeignKeyViolation);
}

}  // namespace
}  // namespace b3::store::testing
