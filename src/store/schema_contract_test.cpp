// Programs and schemas of neighbouring versions on one database
// (docs/decisions/0007-schema-versions.md).
#include <doctest/doctest.h>

#include "store/migrations.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

void add_version(Connection& connection, std::int64_t version, std::int64_t compatible_with) {
  connection.execute(
      "INSERT INTO schema_versions (version, compatible_with, name, applied_at) "
      "VALUES ($1, $2, $3, $4)",
      {version, compatible_with, std::string_view{"from the future"}, at(1)});
}

// The schema as a program of version 2 leaves it.
std::unique_ptr<Connection> make_version_2(std::unique_ptr<Connection> connection) {
  const bool sqlite = connection->dialect() == Dialect::sqlite;
  connection->execute_script(
      sqlite ? "CREATE TABLE schema_migrations (version INTEGER NOT NULL PRIMARY KEY, "
               "name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT"
             : "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, "
               "name text NOT NULL, applied_at timestamptz NOT NULL)");
  for (const auto& migration : migrations_of(connection->dialect())) {
    if (migration.version > 2) break;
    connection->execute_script(std::string(migration.sql));
    connection->execute(
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
        {migration.version, migration.name, at(0)});
  }
  return connection;
}

// What a program of version 2 writes.
void insert_as_version_2(Connection& connection, const Cluster& cluster, std::string_view id,
                         std::int64_t epoch) {
  connection.execute(
      "INSERT INTO meetings (scoped_id, meeting_id, frontend_id, backend_id, phase, epoch, owner, "
      "internal_id, name, running, participants, moderators, listeners, voices, videos, "
      "expected_size, document, placement, reserved_at) VALUES ($1, $1, $2, $3, 'reserved', $4, "
      "'me', '', '', FALSE, 0, 0, 0, 0, 0, 0, '', '{}', $5)",
      {id, cluster.frontend.id, cluster.backend_a.id, epoch, at(0)});
}

B3_DATABASE_TEST("a newer schema that this version may use is used and left alone") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto connection = database.connect();
  const auto known = newest_schema_version(connection->dialect());
  add_version(*connection, known + 1, known);
  const auto status = store->migrate(at(2));
  CHECK(status.before == known + 1);
  CHECK(status.current == known + 1);
  CHECK(store->schema_version() == known + 1);
  insert_cluster(*store);
}

B3_DATABASE_TEST("a newer schema that this version may not use is refused, with what to do") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto connection = database.connect();
  const auto known = newest_schema_version(connection->dialect());
  add_version(*connection, known + 2, known + 1);
  std::string text;
  try {
    store->migrate(at(2));
  } catch (const StoreCorrupt& refused) {
    text = refused.what();
  }
  CHECK(text.find("schema version " + std::to_string(known + 2)) != std::string::npos);
  CHECK(text.find("knows version " + std::to_string(known + 1)) != std::string::npos);
  CHECK(text.find("run a newer b3scaled") != std::string::npos);
}

B3_DATABASE_TEST("a program of version 2 may still start on this schema") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  // All that it looks at.
  auto rows = database.connect()->execute("SELECT max(version) FROM schema_migrations");
  CHECK(RowReader(rows.at(0)).integer() == 2);
}

B3_DATABASE_TEST("a database of version 2 is brought up and keeps what is in it") {
  if (!Database::available()) return;
  const Database database;
  const auto old = make_version_2(database.connect());
  Cluster cluster{make_frontend("moodle"), make_backend("a"), make_backend("b")};
  const auto& [frontend, backend, other] = cluster;
  old->execute(
      "INSERT INTO frontends (id, key, secret, active, settings, created_at, updated_at) "
      "VALUES ($1, 'moodle', 's', TRUE, '{}', $2, $2)",
      {frontend.id, at(0)});
  old->execute(
      "INSERT INTO backends (id, host, secret, settings, load_factor, admin_state, node_state, "
      "last_error, latency_microseconds, meetings_count, attendees_count, created_at, updated_at) "
      "VALUES ($1, $2, 's', '{}', 1.0, 'ready', 'ready', '', 0, 0, 0, $3, $3)",
      {backend.id, backend.host, at(0)});
  constexpr std::int64_t far_ahead = 8'000'000'000'000;
  insert_as_version_2(*old, cluster, "moodle~old", far_ahead);
  old->execute(
      "INSERT INTO tombstones (internal_id, scoped_id, backend_id, ended_at) "
      "VALUES ('i-gone', 'moodle~gone', $1, $2)",
      {backend.id, at(0)});

  const auto store = database.open();
  const auto status = store->migrate(at(1));
  CHECK(status.before == 2);
  CHECK(status.current == newest_schema_version(old->dialect()));
  const auto found = *store->find_backend(backend.id);
  CHECK(found.health == Health::usable);
  CHECK_FALSE(found.forced_health);
  CHECK(store->list_tombstones(backend.id)[0].kind == TombstoneKind::ended);
  CHECK(store->find_meeting("moodle~old")->epoch == far_ahead);
  CHECK(store->reserve(make_meeting(frontend, backend, "new"))->meeting.epoch > far_ahead);
}

TEST_CASE("epochs of programs of version 2 fit in with those of the store") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto before = insert_meeting(*store, cluster.frontend, cluster.backend_a, "before", "");
  CHECK(before.epoch > to_unix_milliseconds(start_time) * 2);
  const auto old = database.connect();
  insert_as_version_2(*old, cluster, "moodle~theirs", to_unix_milliseconds(at(5)));
  const auto theirs = *store->find_meeting("moodle~theirs");
  CHECK(theirs.epoch > before.epoch);
  const auto ours = insert_meeting(*store, cluster.frontend, cluster.backend_a, "ours", "");
  CHECK(ours.epoch > theirs.epoch);
  auto moved = old->execute(
      "UPDATE meetings SET epoch = epoch + 1 WHERE scoped_id = 'moodle~theirs' RETURNING epoch");
  CHECK(RowReader(moved.at(0)).integer() > ours.epoch);
}

}  // namespace
}  // namespace b3::store::testing
