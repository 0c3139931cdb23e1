#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>

#include "base/encoding.h"
#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

// Ids come from nodes. One that no index can hold must not make every refresh of its node fail.
constexpr std::size_t max_indexed_id = 1'500;  // bytes; PostgreSQL takes about 2,700

// What is compared instead of a document: the less is sent, the better.
std::string document_mark(Dialect dialect, std::string_view document) {
  auto stored = to_storable_text(document);
  if (dialect == Dialect::sqlite) return stored;
  return digest_hex(HashAlgorithm::sha256, stored);
}

std::string_view document_mark_column(Dialect dialect) {
  if (dialect == Dialect::sqlite) return "meetings.document";
  return "encode(sha256(convert_to(meetings.document, 'UTF8')), 'hex')";
}

std::string changed_list(Dialect dialect, const std::vector<SeenMeeting>& changed) {
  boost::json::array list;
  for (const auto& seen : changed) {
    if (seen.internal_id.size() > max_indexed_id) continue;
    list.push_back(boost::json::object{
        {"scoped_id", text_in_json(seen.scoped_id)},
        {"epoch", seen.epoch},
        {"internal_id", text_in_json(seen.internal_id)},
        {"name", text_in_json(seen.name)},
        {"running", seen.running},
        {"participants", seen.counts.participants},
        {"moderators", seen.counts.moderators},
        {"listeners", seen.counts.listeners},
        {"voices", seen.counts.voices},
        {"videos", seen.counts.videos},
        {"document", text_in_json(seen.document)},
        {"guarded", seen.replaced_document.has_value()},
        {"mark", seen.replaced_document ? document_mark(dialect, *seen.replaced_document) : ""},
    });
  }
  return boost::json::serialize(list);
}

std::string adopted_list(Dialect dialect, const std::vector<Meeting>& adopted, WallTime now) {
  boost::json::array list;
  for (const auto& meeting : adopted) {
    if (meeting.scoped_id.size() > max_indexed_id || meeting.internal_id.size() > max_indexed_id) {
      continue;
    }
    list.push_back(boost::json::object{
        {"scoped_id", text_in_json(meeting.scoped_id)},
        {"meeting_id", text_in_json(meeting.meeting_id)},
        {"frontend_id", text_in_json(meeting.frontend_id)},
        {"number", list.size()},
        {"owner", text_in_json(meeting.owner)},
        {"internal_id", text_in_json(meeting.internal_id)},
        {"name", text_in_json(meeting.name)},
        {"running", meeting.running},
        {"participants", meeting.counts.participants},
        {"moderators", meeting.counts.moderators},
        {"listeners", meeting.counts.listeners},
        {"voices", meeting.counts.voices},
        {"videos", meeting.counts.videos},
        {"expected_size", meeting.expected_size},
        {"document", text_in_json(meeting.document)},
        {"placement", text_in_json(meeting.placement_json)},
        {"reserved_at", time_in_json(dialect, meeting.reserved_at)},
        {"bound_at", time_in_json(dialect, meeting.bound_at.value_or(now))},
    });
  }
  return boost::json::serialize(list);
}

std::string lost_list(const std::vector<RefreshResult::Lost>& lost) {
  boost::json::array list;
  for (const auto& [scoped_id, epoch, internal_id] : lost) {
    list.push_back(boost::json::object{{"scoped_id", text_in_json(scoped_id)},
                                       {"epoch", epoch},
                                       {"internal_id", text_in_json(internal_id)}});
  }
  return boost::json::serialize(list);
}

// Also locks the backend's row, so that refreshes of one backend take turns and it cannot be
// deleted meanwhile. False when it is gone.
bool write_backend(Connection& connection, const RefreshResult& result, WallTime now) {
  const auto synced_at = result.reachable ? std::optional(now) : std::nullopt;
  return !connection
              .execute(
                  "UPDATE backends SET node_state = $2, last_error = $3, "
                  "latency_microseconds = $4, meetings_count = $5, attendees_count = $6, "
                  "synced_at = coalesce($7, synced_at), health = $8, health_reason = $9 "
                  "WHERE id = $1 RETURNING id",
                  {result.backend_id, to_string(result.node_state), result.last_error,
                   result.latency_microseconds, result.meetings_count, result.attendees_count,
                   synced_at, to_string(result.health), result.health_reason})
              .empty();
}

// In the order of groups of reservations and bindings: nobody waits for the other in a circle.
void lock_rows(Connection& connection, const RefreshResult& result) {
  const auto dialect = connection.dialect();
  if (dialect == Dialect::sqlite || result.changed.size() + result.lost.size() < 2) return;
  boost::json::array list;
  const auto add = [&](const auto& rows) {
    for (const auto& row : rows) {
      list.push_back(boost::json::object{{"id", text_in_json(row.scoped_id)}});
    }
  };
  add(result.changed);
  add(result.lost);
  const auto sql =
      fmt::format("SELECT scoped_id FROM meetings WHERE scoped_id IN ({}) ORDER BY scoped_id{}",
                  record_set(dialect, "$1", {{"id", ColumnType::text}}), for_update(dialect));
  connection.execute_later(sql, {boost::json::serialize(list)});
}

// A bound row that has meanwhile followed its node to another internal id is left alone, and a
// reservation is not bound to a meeting that has been ended. So is a row whose document somebody
// has changed: the documents of events' rows tell everything that events change.
std::vector<Meeting> write_changed(Connection& connection, const RefreshResult& result,
                                   WallTime now) {
  if (result.changed.empty()) return {};
  const auto dialect = connection.dialect();
  const auto sql = fmt::format(
      "WITH seen AS MATERIALIZED ({}) UPDATE meetings SET "
      "phase = 'bound', internal_id = seen.internal_id, "
      "bound_at = CASE WHEN meetings.phase = 'bound' THEN meetings.bound_at ELSE $3 END, "
      "seen_at = $3, name = seen.name, running = seen.running, "
      "participants = seen.participants, moderators = seen.moderators, "
      "listeners = seen.listeners, voices = seen.voices, videos = seen.videos, "
      "document = seen.document FROM seen "
      "WHERE meetings.scoped_id = seen.scoped_id AND meetings.epoch = seen.epoch "
      "AND meetings.backend_id = $2 AND seen.internal_id <> '' "
      "AND (CASE WHEN meetings.phase = 'bound' THEN meetings.internal_id = seen.internal_id "
      "ELSE NOT EXISTS (SELECT 1 FROM tombstones "
      "WHERE tombstones.internal_id = seen.internal_id) END) "
      "AND (NOT seen.guarded OR seen.mark = {}) RETURNING {}",
      record_set(dialect, "$1",
                 {{"scoped_id", ColumnType::text},
                  {"epoch", ColumnType::integer},
                  {"internal_id", ColumnType::text},
                  {"name", ColumnType::text},
                  {"guarded", ColumnType::boolean},
                  {"mark", ColumnType::text},
                  {"running", ColumnType::boolean},
                  {"participants", ColumnType::integer},
                  {"moderators", ColumnType::integer},
                  {"listeners", ColumnType::integer},
                  {"voices", ColumnType::integer},
                  {"videos", ColumnType::integer},
                  {"document", ColumnType::text}}),
      document_mark_column(dialect), meeting_columns(dialect, MeetingTexts::no_explanation));
  return read_all(
      connection.execute(sql, {changed_list(dialect, result.changed), result.backend_id, now}),
      read_meeting);
}

// What was detached when its node was given up comes back; what was ended does not.
std::vector<Meeting> insert_adopted(Connection& connection, const RefreshResult& result,
                                    WallTime now) {
  if (result.adopted.empty()) return {};
  const auto dialect = connection.dialect();
  draw_epochs(connection, std::int64_t(result.adopted.size()));
  const auto sql = fmt::format(
      "WITH found AS MATERIALIZED ({}) INSERT INTO meetings (scoped_id, meeting_id, frontend_id, "
      "backend_id, "
      "phase, epoch, owner, internal_id, name, running, participants, moderators, listeners, "
      "voices, videos, expected_size, document, placement, reserved_at, bound_at, seen_at) "
      "SELECT found.scoped_id, found.meeting_id, found.frontend_id, backends.id, 'bound', "
      "{}, found.owner, found.internal_id, found.name, found.running, "
      "found.participants, found.moderators, found.listeners, found.voices, found.videos, "
      "found.expected_size, found.document, found.placement, found.reserved_at, found.bound_at, "
      "CAST($3 AS {}) FROM found JOIN backends ON backends.id = $2 "
      "JOIN frontends ON frontends.id = found.frontend_id WHERE found.internal_id <> '' "
      "AND NOT EXISTS (SELECT 1 FROM tombstones "
      "WHERE tombstones.internal_id = found.internal_id AND tombstones.kind = 'ended') "
      "ON CONFLICT (scoped_id) DO NOTHING RETURNING {}",
      record_set(dialect, "$1",
                 {{"scoped_id", ColumnType::text},
                  {"meeting_id", ColumnType::text},
                  {"frontend_id", ColumnType::text},
                  {"number", ColumnType::integer},
                  {"owner", ColumnType::text},
                  {"internal_id", ColumnType::text},
                  {"name", ColumnType::text},
                  {"running", ColumnType::boolean},
                  {"participants", ColumnType::integer},
                  {"moderators", ColumnType::integer},
                  {"listeners", ColumnType::integer},
                  {"voices", ColumnType::integer},
                  {"videos", ColumnType::integer},
                  {"expected_size", ColumnType::integer},
                  {"document", ColumnType::text},
                  {"placement", ColumnType::text},
                  {"reserved_at", ColumnType::time},
                  {"bound_at", ColumnType::time}}),
      epoch_expression(dialect, "found.number"), time_type(dialect),
      meeting_columns(dialect, MeetingTexts::no_explanation));
  auto adopted = read_all(
      connection.execute(sql, {adopted_list(dialect, result.adopted, now), result.backend_id, now}),
      read_meeting);
  unbury(connection, adopted);
  return adopted;
}

std::vector<std::string> delete_lost(Connection& connection, const RefreshResult& result) {
  if (result.lost.empty()) return {};
  const auto sql = fmt::format(
      "DELETE FROM meetings WHERE backend_id = $2 AND phase = 'bound' "
      "AND (scoped_id, epoch, internal_id) IN ({}) RETURNING scoped_id",
      record_set(connection.dialect(), "$1",
                 {{"scoped_id", ColumnType::text},
                  {"epoch", ColumnType::integer},
                  {"internal_id", ColumnType::text}}));
  std::vector<std::string> removed;
  auto rows = connection.execute(sql, {lost_list(result.lost), result.backend_id});
  for (auto& row : rows) {
    removed.push_back(RowReader(row).text());
  }
  return removed;
}

}  // namespace

RefreshOutcome record_refresh(Connection& connection, const RefreshResult& result, WallTime now) {
  RefreshOutcome outcome;
  if (!write_backend(connection, result, now) || !result.reachable) return outcome;
  lock_rows(connection, result);
  outcome.written = write_changed(connection, result, now);
  auto adopted = insert_adopted(connection, result, now);
  outcome.written.insert(outcome.written.end(), std::make_move_iterator(adopted.begin()),
                         std::make_move_iterator(adopted.end()));
  outcome.removed = delete_lost(connection, result);
  return outcome;
}

std::vector<Tombstone> list_tombstones(Connection& connection, std::string_view backend_id) {
  const auto sql =
      fmt::format("SELECT {} FROM tombstones WHERE backend_id = $1 ORDER BY internal_id",
                  tombstone_columns(connection.dialect()));
  return read_all(connection.execute(sql, {backend_id}), read_tombstone);
}

void prune_tombstones(Connection& connection, WallTime older_than) {
  allow_long_transaction(connection);
  connection.execute("DELETE FROM tombstones WHERE ended_at < $1", {older_than});
}

}  // namespace b3::store::queries
