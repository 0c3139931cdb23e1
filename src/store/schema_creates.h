// Step 6 of the schema in PostgreSQL: what creates write, in one function. Private to this room.
//
// Reservations and bindings in one function, because a commit costs as much as several rows of
// either. The plans are generic from the first call on: for a small group PostgreSQL would make
// a new one every time. The bindings come first, as in a refresh.
//
// Triggers for statements stand in for the foreign keys of meetings, which look up both holders
// for each row: a quarter of what a reservation cost. They lock what they find just as foreign
// keys do, and what they raise is the same error.
#pragma once

#include <string_view>

namespace b3::store {

inline constexpr std::string_view creates_in_one_function = R"(
CREATE FUNCTION write_creates(
  ids text[], tenants_ids text[], frontends_ids text[], backends_ids text[], owners text[],
  names text[], sizes bigint[], documents text[], explanations text[], reserved_times bigint[],
  bound_ids text[], epochs bigint[], internal_ids text[], bound_names text[],
  bound_documents text[], replaced_ids text[], bound_time timestamptz)
RETURNS TABLE (given_in bigint, given_id text, given_epoch bigint, tenants_id text,
  frontends_id text, backends_id text, given_owner text, size bigint, milliseconds bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off AS $$
#variable_conflict use_column
DECLARE
  this_transaction CONSTANT bigint := CAST(CAST(pg_current_xact_id() AS text) AS bigint);
BEGIN
  IF bound_ids <> '{}' THEN
    RETURN QUERY
      UPDATE meetings SET phase = 'bound', internal_id = wanted.internal_id, name = wanted.name,
        document = wanted.document, bound_at = bound_time, seen_at = NULL, running = FALSE,
        participants = 0, moderators = 0, listeners = 0, voices = 0, videos = 0
      FROM unnest(bound_ids, epochs, internal_ids, bound_names, bound_documents, replaced_ids)
        AS wanted(scoped_id, epoch, internal_id, name, document, replaces)
      WHERE meetings.scoped_id = wanted.scoped_id AND meetings.scoped_id = ANY (bound_ids)
        AND meetings.epoch = wanted.epoch
        AND NOT (meetings.phase = 'bound' AND (meetings.internal_id = wanted.internal_id
          OR meetings.internal_id <> wanted.replaces))
        AND NOT EXISTS (SELECT 1 FROM tombstones
          WHERE tombstones.internal_id = wanted.internal_id
            AND tombstones.internal_id = ANY (internal_ids) AND tombstones.kind = 'ended')
      RETURNING this_transaction, meetings.scoped_id, CAST(0 AS bigint), meetings.meeting_id,
        meetings.frontend_id, meetings.backend_id, meetings.owner, meetings.expected_size,
        CAST(date_part('epoch', meetings.reserved_at) * 1000 AS bigint);
    IF EXISTS (SELECT 1 FROM tombstones WHERE internal_id = ANY (internal_ids)) THEN
      DELETE FROM tombstones WHERE internal_id = ANY (internal_ids)
        AND EXISTS (SELECT 1 FROM unnest(bound_ids, internal_ids) AS bound(scoped_id, internal_id)
          JOIN meetings ON meetings.scoped_id = bound.scoped_id
            AND meetings.scoped_id = ANY (bound_ids)
            AND meetings.phase = 'bound' AND meetings.internal_id = bound.internal_id
          WHERE bound.internal_id = tombstones.internal_id);
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
      FROM unnest(ids, tenants_ids, frontends_ids, backends_ids, owners, names, sizes, documents,
        explanations, reserved_times)
        AS wanted(scoped_id, meeting_id, frontend_id, backend_id, owner, name, size, document,
          placement, milliseconds)
      WHERE wanted.frontend_id = ANY (ARRAY(
          SELECT frontends.id FROM frontends WHERE frontends.id = ANY (frontends_ids)))
        AND wanted.backend_id = ANY (ARRAY(
          SELECT backends.id FROM backends WHERE backends.id = ANY (backends_ids)))
      ON CONFLICT (scoped_id) DO NOTHING
      RETURNING this_transaction, meetings.scoped_id, meetings.epoch, '', '', '', '',
        CAST(0 AS bigint), CAST(0 AS bigint);
    IF EXISTS (SELECT 1 FROM tombstones WHERE kind = 'detached' AND scoped_id = ANY (ids)) THEN
      UPDATE tombstones SET kind = 'ended' WHERE kind = 'detached' AND scoped_id = ANY (ids)
        AND EXISTS (SELECT 1 FROM meetings WHERE meetings.scoped_id = tombstones.scoped_id);
    END IF;
  END IF;
END $$;
CREATE FUNCTION require_holders() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  frontends_ids text[];
  backends_ids text[];
  found bigint;
BEGIN
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
CREATE FUNCTION require_holders_of_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM frontends WHERE id = NEW.frontend_id FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a meeting of a frontend that is not there'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  PERFORM FROM backends WHERE id = NEW.backend_id FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a meeting on a backend that is not there'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION require_no_meetings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'frontends' THEN
    PERFORM FROM meetings WHERE frontend_id = OLD.id;
  ELSE
    PERFORM FROM meetings WHERE backend_id = OLD.id;
  END IF;
  IF FOUND THEN
    RAISE EXCEPTION 'there are meetings of this %', rtrim(TG_TABLE_NAME, 's')
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
ALTER TABLE meetings DROP CONSTRAINT meetings_frontend_id_fkey,
  DROP CONSTRAINT meetings_backend_id_fkey;
CREATE TRIGGER meetings_holders AFTER INSERT ON meetings REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION require_holders();
CREATE TRIGGER meetings_moved AFTER UPDATE OF frontend_id, backend_id ON meetings
  FOR EACH ROW WHEN (NEW.frontend_id <> OLD.frontend_id OR NEW.backend_id <> OLD.backend_id)
  EXECUTE FUNCTION require_holders_of_moved();
CREATE TRIGGER frontends_in_use AFTER DELETE ON frontends
  FOR EACH ROW EXECUTE FUNCTION require_no_meetings();
CREATE TRIGGER backends_in_use AFTER DELETE ON backends
  FOR EACH ROW EXECUTE FUNCTION require_no_meetings();
)";

}  // namespace b3::store
