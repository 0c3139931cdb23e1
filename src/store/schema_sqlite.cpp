#include <array>

#include "store/migrations.h"

namespace b3::store {

namespace {

constexpr std::array migrations{
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
    Migration{4, "nothing; PostgreSQL has something here", "", 2},
    // A meeting's next run on its node knows nobody by the ids of the last.
    Migration{5, "agents, commands, audit and revoked tokens", R"(
ALTER TABLE backends ADD COLUMN agent_ref TEXT;
ALTER TABLE backends ADD COLUMN agent_report TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX backends_by_agent ON backends (agent_ref);
ALTER TABLE meetings ADD COLUMN attendee_ids TEXT NOT NULL DEFAULT '{}';
CREATE TRIGGER meetings_next_run AFTER UPDATE OF internal_id ON meetings
WHEN NEW.internal_id <> OLD.internal_id AND NEW.attendee_ids <> '{}' BEGIN
  UPDATE meetings SET attendee_ids = '{}' WHERE scoped_id = NEW.scoped_id;
END;
CREATE TABLE commands (
  id           TEXT NOT NULL PRIMARY KEY,
  action       TEXT NOT NULL,
  backend_id   TEXT NOT NULL,
  parameters   TEXT NOT NULL,
  state        TEXT NOT NULL,
  progress     TEXT NOT NULL,
  result       TEXT NOT NULL,
  requested_by TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  started_at   INTEGER,
  finished_at  INTEGER,
  holder       TEXT NOT NULL
) STRICT;
CREATE INDEX commands_by_time ON commands (created_at);
CREATE TABLE audit (
  number      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at          INTEGER NOT NULL,
  subject     TEXT NOT NULL,
  token_id    TEXT NOT NULL,
  request_id  TEXT NOT NULL,
  action      TEXT NOT NULL,
  kind        TEXT NOT NULL,
  object_id   TEXT NOT NULL,
  object_name TEXT NOT NULL,
  before      TEXT NOT NULL,
  after       TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_object ON audit (object_id, number);
CREATE INDEX audit_by_subject ON audit (subject, number);
CREATE TABLE revoked_tokens (
  id         TEXT NOT NULL PRIMARY KEY,
  expires_at INTEGER,
  revoked_at INTEGER NOT NULL,
  revoked_by TEXT NOT NULL
) STRICT;
)",
              2},
    Migration{6, "nothing; PostgreSQL has something here", "", 2},
    Migration{7, "creates with one change", R"(
ALTER TABLE instances ADD COLUMN reads_groups INTEGER NOT NULL DEFAULT 0;
)",
              6},
};

}  // namespace

std::span<const Migration> sqlite_migrations() {
  return migrations;
}

}  // namespace b3::store
