#include "store/migrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/fault_point.h"

namespace b3::store {

namespace {

// From here on the store hands out epochs.
constexpr std::int64_t epochs_version = 3;

// "b3scale" in ASCII; any constant will do, as long as every version uses the same.
constexpr std::int64_t migration_lock = 0x6233'7363'616c'65;

void lock_against_other_instances(Connection& connection) {
  if (connection.dialect() == Dialect::sqlite) return;  // the writing transaction is the lock
  // Transaction-scoped, so that it works and is always released behind a transaction pooler.
  // Another instance's migration may take longer than an ordinary statement.
  allow_long_transaction(connection);
  connection.execute("SELECT pg_advisory_xact_lock($1)", {migration_lock});
}

bool has_table(Connection& connection, std::string_view name) {
  const auto sql = connection.dialect() == Dialect::sqlite
                       ? "SELECT name FROM sqlite_schema WHERE name = $1"
                       : "SELECT 'found' WHERE to_regclass($1) IS NOT NULL";
  return !connection.execute(sql, {name}).empty();
}

void create_if_missing(Connection& connection, std::string_view table, std::string_view columns) {
  if (has_table(connection, table)) return;
  const bool sqlite = connection.dialect() == Dialect::sqlite;
  connection.execute_script(
      fmt::format("CREATE TABLE {} (version {} NOT NULL PRIMARY KEY, {}name text NOT NULL, "
                  "applied_at {} NOT NULL){}",
                  table, sqlite ? "integer" : "bigint", columns, sqlite ? "integer" : "timestamptz",
                  sqlite ? " STRICT" : ""));
}

// Programs of version 2 refuse whatever is newer than themselves in schema_migrations. What they
// can live with is listed in schema_versions, which they do not know.
void note(Connection& connection, const Migration& migration, WallTime now) {
  if (migration.compatible_with == migration.version) {
    connection.execute(
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
        {migration.version, migration.name, now});
    return;
  }
  connection.execute(
      "INSERT INTO schema_versions (version, compatible_with, name, applied_at) "
      "VALUES ($1, $2, $3, $4)",
      {migration.version, migration.compatible_with, migration.name, now});
}

// Above every epoch in use, and above those that programs of version 2 make of the wall clock (the
// unix milliseconds) for as long as anybody will run one.
void start_epochs(Connection& connection, WallTime now) {
  constexpr std::string_view in_use = "(SELECT coalesce(max(epoch), 0) FROM meetings)";
  const auto sql =
      connection.dialect() == Dialect::sqlite
          ? fmt::format("INSERT INTO meeting_epochs (last) VALUES (max($1, {}))", in_use)
          : fmt::format("SELECT setval('meeting_epochs', greatest($1, {}))", in_use);
  connection.execute(sql, {2 * to_unix_milliseconds(now)});
}

struct SchemaVersion {
  std::int64_t version = 0;
  std::int64_t compatible_with = 0;  // the oldest program that may use it
};

SchemaVersion read_schema(Connection& connection) {
  SchemaVersion schema;
  const auto look_at = [&](std::string_view table, std::string_view compatible_with) {
    if (!has_table(connection, table)) return;
    auto rows = connection.execute(fmt::format(
        "SELECT coalesce(max(version), 0), coalesce(max({}), 0) FROM {}", compatible_with, table));
    RowReader reader(rows.at(0));
    schema.version = std::max(schema.version, reader.integer());
    schema.compatible_with = std::max(schema.compatible_with, reader.integer());
  };
  look_at("schema_migrations", "version");
  look_at("schema_versions", "compatible_with");
  return schema;
}

}  // namespace

std::span<const Migration> migrations_of(Dialect dialect) {
  if (dialect == Dialect::sqlite) return sqlite_migrations();
  return postgres_migrations();
}

std::int64_t newest_schema_version(Dialect dialect) {
  return migrations_of(dialect).back().version;
}

std::int64_t read_schema_version(Connection& connection) {
  return read_schema(connection).version;
}

MigrationStatus apply_migrations(Connection& connection, WallTime now) {
  lock_against_other_instances(connection);
  const auto newest = newest_schema_version(connection.dialect());
  const auto found = read_schema(connection);
  MigrationStatus status{found.version, found.version};
  if (found.compatible_with > newest) {
    throw StoreCorrupt(
        fmt::format("the database has schema version {}, which needs a program that knows version "
                    "{} at least, this program knows versions up to {}: run a newer b3scaled or "
                    "restore a backup",
                    found.version, found.compatible_with, newest));
  }
  create_if_missing(connection, "schema_migrations", "");
  create_if_missing(connection, "schema_versions", "compatible_with integer NOT NULL, ");
  for (const auto& migration : migrations_of(connection.dialect())) {
    if (migration.version <= status.before) continue;
    connection.execute_script(std::string(migration.sql));
    if (migration.version == epochs_version) start_epochs(connection, now);
    note(connection, migration, now);
    status.current = migration.version;
  }
  fault_point("migration/before-commit");
  return status;
}

}  // namespace b3::store
