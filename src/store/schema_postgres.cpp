#include <array>

#include "store/migrations.h"
#include "store/schema_creates.h"
#include "store/schema_creates_recorded.h"

namespace b3::store {

namespace {

// COLLATE "C" makes PostgreSQL order texts by their bytes, as SQLite and this program do.
constexpr std::array migrations{
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
    // What creates write, in functions, because a session keeps their plans: as statements they
    // cost more to parse and to plan than to execute. The plans are made once, for tables of any
    // size, so they must not be ones for small tables: all is bounded by an index and ANY, and
    // bind_meetings() compares no pairs. Functions are never changed: a new version gets new names.
    //
    // A second statement sees what others have committed while the first one waited for them. Where
    // an id has a row again, what its old node may still hold is over.
    //
    // Epochs above 3e12 come from the sequence, those of programs of version 2 are unix
    // milliseconds. (Where the sequence counts from less, it is asked twice.) Half of each page is
    // left for the next version of its rows, so that binding a meeting touches no index.
    Migration{4, "creates in groups", R"(
CREATE FUNCTION reserve_meetings(
  ids text[], tenants_ids text[], frontends_ids text[], backends_ids text[], owners text[],
  names text[], sizes bigint[], documents text[], explanations text[], milliseconds bigint[])
RETURNS TABLE (given_id text, given_epoch bigint, given_in bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    INSERT INTO meetings (scoped_id, meeting_id, frontend_id, backend_id, phase, epoch, owner,
      internal_id, name, running, participants, moderators, listeners, voices, videos,
      expected_size, document, placement, reserved_at)
    SELECT wanted.scoped_id, wanted.meeting_id, frontends.id, backends.id, 'reserved',
      nextval('meeting_epochs'), wanted.owner, '', wanted.name, FALSE, 0, 0, 0, 0, 0, wanted.size,
      wanted.document, wanted.placement,
      to_timestamp(CAST(wanted.millisecond AS double precision) / 1000)
    FROM unnest(ids, tenants_ids, frontends_ids, backends_ids, owners, names, sizes, documents,
      explanations, milliseconds) WITH ORDINALITY
      AS wanted(scoped_id, meeting_id, frontend_id, backend_id, owner, name, size, document,
        placement, millisecond, place)
    JOIN frontends ON frontends.id = wanted.frontend_id
    JOIN backends ON backends.id = wanted.backend_id
    ORDER BY wanted.place
    ON CONFLICT (scoped_id) DO NOTHING
    RETURNING meetings.scoped_id, meetings.epoch,
      CAST(CAST(pg_current_xact_id() AS text) AS bigint);
  UPDATE tombstones SET kind = 'ended' WHERE kind = 'detached' AND scoped_id = ANY (ids)
    AND EXISTS (SELECT 1 FROM meetings WHERE meetings.scoped_id = tombstones.scoped_id);
END $$;
CREATE FUNCTION bind_meetings(
  ids text[], epochs bigint[], internal_ids text[], names text[], documents text[],
  replaced_ids text[], bound_time timestamptz)
RETURNS TABLE (given_id text, tenants_id text, frontends_id text, backends_id text,
  given_owner text, size bigint, milliseconds bigint, given_in bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    UPDATE meetings SET phase = 'bound', internal_id = wanted.internal_id, name = wanted.name,
      document = wanted.document, bound_at = bound_time, seen_at = NULL, running = FALSE,
      participants = 0, moderators = 0, listeners = 0, voices = 0, videos = 0
    FROM unnest(ids, epochs, internal_ids, names, documents, replaced_ids)
      AS wanted(scoped_id, epoch, internal_id, name, document, replaces)
    WHERE meetings.scoped_id = wanted.scoped_id AND meetings.scoped_id = ANY (ids)
      AND meetings.epoch = wanted.epoch
      AND NOT (meetings.phase = 'bound' AND (meetings.internal_id = wanted.internal_id
        OR meetings.internal_id <> wanted.replaces))
      AND NOT EXISTS (SELECT 1 FROM tombstones
        WHERE tombstones.internal_id = wanted.internal_id
          AND tombstones.internal_id = ANY (internal_ids) AND tombstones.kind = 'ended')
    RETURNING meetings.scoped_id, meetings.meeting_id, meetings.frontend_id, meetings.backend_id,
      meetings.owner, meetings.expected_size,
      CAST(date_part('epoch', meetings.reserved_at) * 1000 AS bigint),
      CAST(CAST(pg_current_xact_id() AS text) AS bigint);
  IF EXISTS (SELECT 1 FROM tombstones WHERE internal_id = ANY (internal_ids)) THEN
    DELETE FROM tombstones WHERE internal_id = ANY (internal_ids)
      AND EXISTS (SELECT 1 FROM unnest(ids, internal_ids) AS bound(scoped_id, internal_id)
        JOIN meetings ON meetings.scoped_id = bound.scoped_id AND meetings.scoped_id = ANY (ids)
          AND meetings.phase = 'bound' AND meetings.internal_id = bound.internal_id
        WHERE bound.internal_id = tombstones.internal_id);
  END IF;
END $$;
DROP TRIGGER meetings_epoch_insert ON meetings;
CREATE TRIGGER meetings_epoch_insert BEFORE INSERT ON meetings
  FOR EACH ROW WHEN (NEW.epoch < 3000000000000) EXECUTE FUNCTION hand_out_epoch();
ALTER TABLE meetings SET (fillfactor = 50);
)",
              2},
    // A meeting's next run on its node knows nobody by the ids of the last.
    Migration{5, "agents, commands, audit and revoked tokens", R"(
ALTER TABLE backends
  ADD COLUMN agent_ref text COLLATE "C",
  ADD COLUMN agent_report text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX backends_by_agent ON backends (agent_ref);
ALTER TABLE meetings ADD COLUMN attendee_ids text NOT NULL DEFAULT '{}';
CREATE FUNCTION forget_attendee_ids() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.attendee_ids := '{}';
  RETURN NEW;
END $$;
CREATE TRIGGER meetings_next_run BEFORE UPDATE OF internal_id ON meetings
  FOR EACH ROW WHEN (NEW.internal_id <> OLD.internal_id AND NEW.attendee_ids <> '{}')
  EXECUTE FUNCTION forget_attendee_ids();
CREATE TABLE commands (
  id           text COLLATE "C" NOT NULL PRIMARY KEY,
  action       text NOT NULL,
  backend_id   text COLLATE "C" NOT NULL,
  parameters   text NOT NULL,
  state        text NOT NULL,
  progress     text NOT NULL,
  result       text NOT NULL,
  requested_by text NOT NULL,
  created_at   timestamptz NOT NULL,
  started_at   timestamptz,
  finished_at  timestamptz,
  holder       text COLLATE "C" NOT NULL
);
CREATE INDEX commands_by_time ON commands (created_at);
CREATE TABLE audit (
  number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          timestamptz NOT NULL,
  subject     text COLLATE "C" NOT NULL,
  token_id    text NOT NULL,
  request_id  text NOT NULL,
  action      text NOT NULL,
  kind        text NOT NULL,
  object_id   text COLLATE "C" NOT NULL,
  object_name text NOT NULL,
  before      text NOT NULL,
  after       text NOT NULL
);
CREATE INDEX audit_by_object ON audit (object_id, number);
CREATE INDEX audit_by_subject ON audit (subject, number);
CREATE TABLE revoked_tokens (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  expires_at timestamptz,
  revoked_at timestamptz NOT NULL,
  revoked_by text NOT NULL
);
)",
              2},
    Migration{6, "creates in one function", creates_in_one_function, 2},
    Migration{7, "creates with one change", creates_with_one_change, 6},
};

}  // namespace

std::span<const Migration> postgres_migrations() {
  return migrations;
}

}  // namespace b3::store
