#include "store/migrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/fault_point.h"

namespace b3::store {

namespace {

constexpr std::array sqlite_migrations{
    Migration{1, "frontends, backends, meetings and tombstones", R"(
CREATE TABLE frontends (
  id          TEXT NOT NULL PRIMARY KEY,
  key         TEXT NOT NULL UNIQUE,
  secret      TEXT NOT NULL CHECK (secret <> ''),
  active      INTEGER NOT NULL CHECK (active IN (0, 1)),
  settings    TEXT NOT NULL,
  account_ref TEXT,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE backends (
  id                   TEXT NOT NULL PRIMARY KEY,
  host                 TEXT NOT NULL UNIQUE,
  secret               TEXT NOT NULL,
  settings             TEXT NOT NULL,
  load_factor          REAL NOT NULL CHECK (load_factor > 0),
  admin_state          TEXT NOT NULL,
  node_state           TEXT NOT NULL,
  last_error           TEXT NOT NULL,
  latency_microseconds INTEGER NOT NULL,
  meetings_count       INTEGER NOT NULL,
  attendees_count      INTEGER NOT NULL,
  agent_heartbeat      INTEGER,
  synced_at            INTEGER,
  created_at           INTEGER NOT NULL,
  updated_at           INTEGER NOT NULL
) STRICT;
CREATE TABLE meetings (
  scoped_id     TEXT NOT NULL PRIMARY KEY,
  meeting_id    TEXT NOT NULL,
  frontend_id   TEXT NOT NULL REFERENCES frontends (id),
  backend_id    TEXT NOT NULL REFERENCES backends (id),
  phase         TEXT NOT NULL CHECK (phase IN ('reserved', 'bound')),
  epoch         INTEGER NOT NULL,
  owner         TEXT NOT NULL,
  internal_id   TEXT NOT NULL,
  name          TEXT NOT NULL,
  running       INTEGER NOT NULL CHECK (running IN (0, 1)),
  participants  INTEGER NOT NULL,
  moderators    INTEGER NOT NULL,
  listeners     INTEGER NOT NULL,
  voices        INTEGER NOT NULL,
  videos        INTEGER NOT NULL,
  expected_size INTEGER NOT NULL,
  document      TEXT NOT NULL,
  placement     TEXT NOT NULL,
  reserved_at   INTEGER NOT NULL,
  bound_at      INTEGER,
  seen_at       INTEGER
) STRICT;
CREATE INDEX meetings_by_frontend ON meetings (frontend_id);
CREATE INDEX meetings_by_backend ON meetings (backend_id);
CREATE TABLE tombstones (
  internal_id TEXT NOT NULL PRIMARY KEY,
  scoped_id   TEXT NOT NULL,
  backend_id  TEXT NOT NULL,
  ended_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX tombstones_by_backend ON tombstones (backend_id);
CREATE INDEX tombstones_by_time ON tombstones (ended_at);
)",
              1},
    Migration{2, "change feed", R"(
CREATE TABLE changes (
  sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
  kind       TEXT NOT NULL,
  id         TEXT NOT NULL,
  changed_at INTEGER NOT NULL
    DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
) STRICT;
CREATE INDEX changes_by_time ON changes (changed_at);
CREATE TRIGGER frontends_insert AFTER INSERT ON frontends BEGIN
  INSERT INTO changes (kind, id) VALUES ('frontend', NEW.id);
END;
CREATE TRIGGER frontends_update AFTER UPDATE ON frontends BEGIN
  INSERT INTO changes (kind, id) VALUES ('frontend', NEW.id);
END;
CREATE TRIGGER frontends_delete AFTER DELETE ON frontends BEGIN
  INSERT INTO changes (kind, id) VALUES ('frontend', OLD.id);
END;
CREATE TRIGGER backends_insert AFTER INSERT ON backends BEGIN
  INSERT INTO changes (kind, id) VALUES ('backend', NEW.id);
END;
CREATE TRIGGER backends_update AFTER UPDATE ON backends BEGIN
  INSERT INTO changes (kind, id) VALUES ('backend', NEW.id);
END;
CREATE TRIGGER backends_delete AFTER DELETE ON backends BEGIN
  INSERT INTO changes (kind, id) VALUES ('backend', OLD.id);
END;
CREATE TRIGGER meetings_insert AFTER INSERT ON meetings BEGIN
  INSERT INTO changes (kind, id) VALUES ('meeting', NEW.scoped_id);
END;
CREATE TRIGGER meetings_update AFTER UPDATE ON meetings BEGIN
  INSERT INTO changes (kind, id) VALUES ('meeting', NEW.scoped_id);
END;
CREATE TRIGGER meetings_delete AFTER DELETE ON meetings BEGIN
  INSERT INTO changes (kind, id) VALUES ('meeting', OLD.scoped_id);
END;
)",
              2},
    Migration{3, "health, epochs and leases", R"(
ALTER TABLE backends ADD COLUMN forced_health TEXT;
ALTER TABLE backends ADD COLUMN health TEXT NOT NULL DEFAULT 'usable';
ALTER TABLE backends ADD COLUMN health_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE tombstones ADD COLUMN kind TEXT NOT NULL DEFAULT 'ended'
  CHECK (kind IN ('ended', 'detached'));
CREATE INDEX tombstones_detached ON tombstones (scoped_id) WHERE kind = 'detached';
CREATE TABLE meeting_epochs (last INTEGER NOT NULL) STRICT;
CREATE TABLE instances (
  id         TEXT NOT NULL PRIMARY KEY,
  host       TEXT NOT NULL,
  beat       INTEGER NOT NULL,
  started_at INTEGER NOT NULL
) STRICT;
CREATE TABLE leases (
  name   TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL
) STRICT;
)",
              2},
};

// COLLATE "C" makes PostgreSQL order texts by their bytes, as SQLite and this program do.
constexpr std::array postgres_migrations{
    Migration{1, "frontends, backends, meetings and tombstones", R"(
CREATE TABLE frontends (
  id          text COLLATE "C" NOT NULL PRIMARY KEY,
  key         text COLLATE "C" NOT NULL UNIQUE,
  secret      text NOT NULL CHECK (secret <> ''),
  active      boolean NOT NULL,
  settings    text NOT NULL,
  account_ref text,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);
CREATE TABLE backends (
  id                   text COLLATE "C" NOT NULL PRIMARY KEY,
  host                 text COLLATE "C" NOT NULL UNIQUE,
  secret               text NOT NULL,
  settings             text NOT NULL,
  load_factor          double precision NOT NULL CHECK (load_factor > 0),
  admin_state          text NOT NULL,
  node_state           text NOT NULL,
  last_error           text NOT NULL,
  latency_microseconds bigint NOT NULL,
  meetings_count       bigint NOT NULL,
  attendees_count      bigint NOT NULL,
  agent_heartbeat      timestamptz,
  synced_at            timestamptz,
  created_at           timestamptz NOT NULL,
  updated_at           timestamptz NOT NULL
);
CREATE TABLE meetings (
  scoped_id     text COLLATE "C" NOT NULL PRIMARY KEY,
  meeting_id    text NOT NULL,
  frontend_id   text COLLATE "C" NOT NULL REFERENCES frontends (id),
  backend_id    text COLLATE "C" NOT NULL REFERENCES backends (id),
  phase         text NOT NULL CHECK (phase IN ('reserved', 'bound')),
  epoch         bigint NOT NULL,
  owner         text NOT NULL,
  internal_id   text COLLATE "C" NOT NULL,
  name          text NOT NULL,
  running       boolean NOT NULL,
  participants  bigint NOT NULL,
  moderators    bigint NOT NULL,
  listeners     bigint NOT NULL,
  voices        bigint NOT NULL,
  videos        bigint NOT NULL,
  expected_size bigint NOT NULL,
  document      text NOT NULL,
  placement     text NOT NULL,
  reserved_at   timestamptz NOT NULL,
  bound_at      timestamptz,
  seen_at       timestamptz
);
CREATE INDEX meetings_by_frontend ON meetings (frontend_id);
CREATE INDEX meetings_by_backend ON meetings (backend_id);
CREATE TABLE tombstones (
  internal_id text COLLATE "C" NOT NULL PRIMARY KEY,
  scoped_id   text NOT NULL,
  backend_id  text COLLATE "C" NOT NULL,
  ended_at    timestamptz NOT NULL
);
CREATE INDEX tombstones_by_backend ON tombstones (backend_id);
CREATE INDEX tombstones_by_time ON tombstones (ended_at);
)",
              1},
    Migration{2, "change feed", R"(
CREATE TABLE changes (
  sequence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction bigint NOT NULL DEFAULT CAST(CAST(pg_current_xact_id() AS text) AS bigint),
  kind        text NOT NULL,
  id          text COLLATE "C" NOT NULL,
  changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX changes_by_transaction ON changes (transaction, sequence);
CREATE INDEX changes_by_time ON changes (changed_at);
CREATE FUNCTION record_changed_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO changes (kind, id) SELECT TG_ARGV[0], changed.id FROM changed ORDER BY changed.id;
  RETURN NULL;
END $$;
CREATE FUNCTION record_changed_meeting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO changes (kind, id)
    SELECT TG_ARGV[0], changed.scoped_id FROM changed ORDER BY changed.scoped_id;
  RETURN NULL;
END $$;
CREATE TRIGGER frontends_insert AFTER INSERT ON frontends REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_id('frontend');
CREATE TRIGGER frontends_update AFTER UPDATE ON frontends REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_id('frontend');
CREATE TRIGGER frontends_delete AFTER DELETE ON frontends REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_id('frontend');
CREATE TRIGGER backends_insert AFTER INSERT ON backends REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_id('backend');
CREATE TRIGGER backends_update AFTER UPDATE ON backends REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_id('backend');
CREATE TRIGGER backends_delete AFTER DELETE ON backends REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_id('backend');
CREATE TRIGGER meetings_insert AFTER INSERT ON meetings REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_meeting('meeting');
CREATE TRIGGER meetings_update AFTER UPDATE ON meetings REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_meeting('meeting');
CREATE TRIGGER meetings_delete AFTER DELETE ON meetings REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_changed_meeting('meeting');
)",
              2},
    // The triggers give epochs to programs of version 2 as well, which bring their own.
    Migration{3, "health, epochs and leases", R"(
ALTER TABLE backends
  ADD COLUMN forced_health text,
  ADD COLUMN health text NOT NULL DEFAULT 'usable',
  ADD COLUMN health_reason text NOT NULL DEFAULT '';
ALTER TABLE tombstones ADD COLUMN kind text NOT NULL DEFAULT 'ended'
  CHECK (kind IN ('ended', 'detached'));
CREATE INDEX tombstones_detached ON tombstones (scoped_id) WHERE kind = 'detached';
CREATE SEQUENCE meeting_epochs;
CREATE FUNCTION hand_out_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.epoch := nextval('meeting_epochs');
  RETURN NEW;
END $$;
CREATE TRIGGER meetings_epoch_insert BEFORE INSERT ON meetings
  FOR EACH ROW EXECUTE FUNCTION hand_out_epoch();
CREATE TRIGGER meetings_epoch_update BEFORE UPDATE OF epoch ON meetings
  FOR EACH ROW EXECUTE FUNCTION hand_out_epoch();
CREATE TABLE instances (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  host       text NOT NULL,
  beat       bigint NOT NULL,
  started_at timestamptz NOT NULL
);
CREATE TABLE leases (
  name   text COLLATE "C" NOT NULL PRIMARY KEY,
  holder text COLLATE "C" NOT NULL
);
)",
              2},
};

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
  if (dialect == Dialect::sqlite) return sqlite_migrations;
  return postgres_migrations;
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
