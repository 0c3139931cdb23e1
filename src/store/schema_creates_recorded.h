// Step 7 of the schema in PostgreSQL: what creates write costs half of what it did. Private to this
// room. docs/decisions/0012-creates-with-one-change.md says what costs how much, and why this is as
// right as what was before.
//
// record_creates() does what write_creates() does where nothing is in the way, and nearly always
// nothing is. Where something is, it raises B3001 or finds an id taken (23505), nothing has
// happened, and the caller asks write_creates().
//
// A group is one row of the change feed, whose id is a JSON list of ids. Programs of version 6 do
// not know such rows: while one of them is there (instances.reads_groups), there are none; and when
// one comes, the feed begins anew, so that nobody has to understand what is in it.
//
// A reservation is shorter than the bound row that follows it, as is its explanation, so that less
// of a page may be filled if binding is to touch no index.
//
// Nobody's row is locked against being deleted. Instead, whoever deletes frontends or backends
// waits for the creates that are under way, and those that come later see what is gone. Deleting
// is rare. The lock is an advisory one ("b3writes" in ASCII), because one of the table would also
// wait for VACUUM, and for whatever somebody has begun in psql.
#pragma once

#include <string_view>

namespace b3::store {

inline constexpr std::string_view creates_with_one_change = R"(
ALTER TABLE instances ADD COLUMN reads_groups boolean NOT NULL DEFAULT FALSE;
CREATE INDEX instances_without_groups ON instances (id) WHERE NOT reads_groups;
CREATE FUNCTION record_creates(
  ids text[], tenants_ids text[], frontends_ids text[], backends_ids text[], owners text[],
  names text[], sizes bigint[], documents text[], explanations text[], reserved_times bigint[],
  bound_ids text[], epochs bigint[], internal_ids text[], bound_names text[],
  bound_documents text[], replaced_ids text[], bound_time timestamptz)
RETURNS TABLE (given_in bigint, given_id text, given_epoch bigint, tenants_id text,
  frontends_id text, backends_id text, given_owner text, size bigint, milliseconds bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
SET b3scale.recorded = 'on' AS $$
#variable_conflict use_column
DECLARE
  this_transaction CONSTANT bigint := CAST(CAST(pg_current_xact_id() AS text) AS bigint);
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7076130772808394099);
  IF EXISTS (SELECT 1 FROM instances WHERE NOT reads_groups) THEN
    RAISE EXCEPTION 'there are programs that read no groups' USING ERRCODE = 'B3001';
  END IF;
  IF bound_ids <> '{}' THEN
    RETURN QUERY
      UPDATE meetings SET phase = 'bound', internal_id = wanted.internal_id, name = wanted.name,
        document = wanted.document, bound_at = bound_time, seen_at = NULL, running = FALSE,
        participants = 0, moderators = 0, listeners = 0, voices = 0, videos = 0
      FROM (SELECT unnest(bound_ids) AS scoped_id, unnest(epochs) AS epoch,
        unnest(internal_ids) AS internal_id, unnest(bound_names) AS name,
        unnest(bound_documents) AS document, unnest(replaced_ids) AS replaces) AS wanted
      WHERE meetings.scoped_id = wanted.scoped_id AND meetings.epoch = wanted.epoch
        AND NOT (meetings.phase = 'bound' AND (meetings.internal_id = wanted.internal_id
          OR meetings.internal_id <> wanted.replaces))
      RETURNING this_transaction, meetings.scoped_id, CAST(0 AS bigint), meetings.meeting_id,
        meetings.frontend_id, meetings.backend_id, meetings.owner, meetings.expected_size,
        CAST(date_part('epoch', meetings.reserved_at) * 1000 AS bigint);
    IF EXISTS (SELECT 1 FROM tombstones WHERE internal_id = ANY (internal_ids)) THEN
      RAISE EXCEPTION 'there are tombstones' USING ERRCODE = 'B3001';
    END IF;
  END IF;
  IF ids <> '{}' THEN
    RETURN QUERY
      INSERT INTO meetings (scoped_id, meeting_id, frontend_id, backend_id, phase, epoch, owner,
        internal_id, name, running, participants, moderators, listeners, voices, videos,
        expected_size, document, placement, reserved_at)
      SELECT wanted.scoped_id, wanted.meeting_id, wanted.frontend_id, wanted.backend_id,
        'reserved', nextval('meeting_epochs'), wanted.owner, '', wanted.name, FALSE, 0, 0, 0, 0, 0,
        wanted.size, wanted.document, wanted.placement,
        to_timestamp(CAST(wanted.milliseconds AS double precision) / 1000)
      FROM (SELECT unnest(ids) AS scoped_id, unnest(tenants_ids) AS meeting_id,
        unnest(frontends_ids) AS frontend_id, unnest(backends_ids) AS backend_id,
        unnest(owners) AS owner, unnest(names) AS name, unnest(sizes) AS size,
        unnest(documents) AS document, unnest(explanations) AS placement,
        unnest(reserved_times) AS milliseconds) AS wanted
      WHERE wanted.frontend_id = ANY (ARRAY(
          SELECT frontends.id FROM frontends WHERE frontends.id = ANY (frontends_ids)))
        AND wanted.backend_id = ANY (ARRAY(
          SELECT backends.id FROM backends WHERE backends.id = ANY (backends_ids)))
      RETURNING this_transaction, meetings.scoped_id, meetings.epoch, '', '', '', '',
        CAST(0 AS bigint), CAST(0 AS bigint);
    IF EXISTS (SELECT 1 FROM tombstones WHERE kind = 'detached' AND scoped_id = ANY (ids)) THEN
      UPDATE tombstones SET kind = 'ended' WHERE kind = 'detached' AND scoped_id = ANY (ids)
        AND EXISTS (SELECT 1 FROM meetings WHERE meetings.scoped_id = tombstones.scoped_id);
    END IF;
  END IF;
  INSERT INTO changes (kind, id)
    VALUES ('meetings', CAST(array_to_json(bound_ids || ids) AS text));
END $$;
CREATE FUNCTION record_written_meetings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('b3scale.recorded', TRUE) IS DISTINCT FROM 'on' THEN
    INSERT INTO changes (kind, id)
      SELECT 'meeting', changed.scoped_id FROM changed ORDER BY changed.scoped_id;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION require_holders_of_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  frontends_ids text[];
  backends_ids text[];
  found bigint;
BEGIN
  IF current_setting('b3scale.recorded', TRUE) IS NOT DISTINCT FROM 'on' THEN
    RETURN NULL;
  END IF;
  SELECT array_agg(DISTINCT frontend_id), array_agg(DISTINCT backend_id)
    INTO frontends_ids, backends_ids FROM changed;
  SELECT count(*) INTO found
    FROM (SELECT id FROM frontends WHERE id = ANY (frontends_ids) FOR KEY SHARE) AS held;
  IF found < cardinality(frontends_ids) THEN
    RAISE EXCEPTION 'a meeting of a frontend that is not there'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  SELECT count(*) INTO found
    FROM (SELECT id FROM backends WHERE id = ANY (backends_ids) FOR KEY SHARE) AS held;
  IF found < cardinality(backends_ids) THEN
    RAISE EXCEPTION 'a meeting on a backend that is not there'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION wait_for_creates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7076130772808394099);
  RETURN NULL;
END $$;
CREATE FUNCTION require_no_meetings_under_old_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7076130772808394099);
  PERFORM FROM meetings WHERE frontend_id = OLD.id;
  IF FOUND THEN
    RAISE EXCEPTION 'there are meetings of this frontend' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION begin_feed_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM instances WHERE id = NEW.id) THEN
    PERFORM pg_advisory_xact_lock(7076130772808394099);
    TRUNCATE changes;
    INSERT INTO changes (kind, id) VALUES ('instance', NEW.id);
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER meetings_insert ON meetings;
DROP TRIGGER meetings_update ON meetings;
DROP TRIGGER meetings_holders ON meetings;
CREATE TRIGGER meetings_insert AFTER INSERT ON meetings REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_written_meetings();
CREATE TRIGGER meetings_update AFTER UPDATE ON meetings REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION record_written_meetings();
CREATE TRIGGER meetings_holders AFTER INSERT ON meetings REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION require_holders_of_written();
CREATE TRIGGER frontends_wait BEFORE DELETE ON frontends
  FOR EACH STATEMENT EXECUTE FUNCTION wait_for_creates();
CREATE TRIGGER frontends_renamed AFTER UPDATE OF key ON frontends
  FOR EACH ROW WHEN (NEW.key <> OLD.key) EXECUTE FUNCTION require_no_meetings_under_old_key();
CREATE TRIGGER backends_wait BEFORE DELETE ON backends
  FOR EACH STATEMENT EXECUTE FUNCTION wait_for_creates();
CREATE TRIGGER instances_feed BEFORE INSERT ON instances
  FOR EACH ROW WHEN (NOT NEW.reads_groups) EXECUTE FUNCTION begin_feed_anew();
ALTER TABLE meetings SET (fillfactor = 40);
DROP INDEX changes_by_time;
DROP INDEX changes_by_transaction;
ALTER TABLE changes DROP CONSTRAINT changes_pkey, ADD PRIMARY KEY (transaction, sequence);
)";

}  // namespace b3::store
