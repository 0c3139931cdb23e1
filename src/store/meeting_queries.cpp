#include <fmt/format.h>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

std::vector<Meeting> list_meetings(Connection& connection) {
  const auto sql = fmt::format("SELECT {} FROM meetings ORDER BY scoped_id",
                               meeting_columns(connection.dialect()));
  return read_all(connection.execute(sql), read_meeting);
}

// In slices where the database can: the whole result at once is several times as large as what
// becomes of it, and leaves the memory in pieces.
void visit_placements(Connection& connection, const std::function<void(Meeting)>& visit) {
  const auto sql = fmt::format("SELECT {} FROM meetings",
                               meeting_columns(connection.dialect(), MeetingTexts::none));
  const auto visit_all = [&](Rows rows) {
    for (auto& row : rows) visit(read_meeting(row));
  };
  if (connection.dialect() == Dialect::sqlite) {
    visit_all(connection.execute(sql));
    return;
  }
  connection.execute_later(fmt::format("DECLARE placements NO SCROLL CURSOR FOR {}", sql));
  const std::string some = "FETCH 1000 FROM placements";
  connection.ask_ahead(some);
  for (auto rows = connection.rows_ahead(); !rows.empty(); rows = connection.rows_ahead()) {
    connection.ask_ahead(some);
    visit_all(std::move(rows));
  }
  connection.execute_later("CLOSE placements");
}

namespace {

MeetingDocument read_document(Row& row) {
  RowReader reader{row};
  MeetingDocument document;
  document.scoped_id = reader.text();
  document.epoch = reader.integer();
  document.document = reader.text();
  return document;
}

}  // namespace

std::vector<MeetingDocument> documents_of_frontend(Connection& connection,
                                                   std::string_view frontend_id) {
  return read_all(
      connection.execute("SELECT scoped_id, epoch, document FROM meetings WHERE frontend_id = $1",
                         {frontend_id}),
      read_document);
}

std::vector<MeetingDocument> documents_after(Connection& connection, std::string_view scoped_id,
                                             std::int64_t limit) {
  return read_all(connection.execute("SELECT scoped_id, epoch, document FROM meetings "
                                     "WHERE scoped_id > $1 ORDER BY scoped_id LIMIT $2",
                                     {scoped_id, limit}),
                  read_document);
}

std::optional<Meeting> find_meeting(Connection& connection, std::string_view scoped_id) {
  const auto sql = fmt::format("SELECT {} FROM meetings WHERE scoped_id = $1",
                               meeting_columns(connection.dialect()));
  return read_first(connection.execute(sql, {scoped_id}), read_meeting);
}

// PostgreSQL's sequence needs no preparation.
void draw_epochs(Connection& connection, std::int64_t count) {
  if (connection.dialect() == Dialect::postgres) return;
  connection.execute("UPDATE meeting_epochs SET last = last + $1", {count});
}

std::optional<Meeting> move_reservation(Connection& connection, std::string_view scoped_id,
                                        std::int64_t epoch, std::string_view owner,
                                        std::string_view backend_id,
                                        std::string_view placement_json) {
  draw_epochs(connection, 1);
  const auto sql = fmt::format(
      "UPDATE meetings SET backend_id = $4, "
      "placement = CASE WHEN $5 = '' THEN meetings.placement ELSE $5 END, epoch = {} "
      "WHERE scoped_id = $1 AND epoch = $2 AND owner = $3 AND phase = 'reserved' RETURNING {}",
      epoch_expression(connection.dialect()), meeting_columns(connection.dialect()));
  return read_first(connection.execute(sql, {scoped_id, epoch, owner, backend_id, placement_json}),
                    read_meeting);
}

bool release(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
             std::string_view owner) {
  return !connection
              .execute(
                  "DELETE FROM meetings WHERE scoped_id = $1 AND epoch = $2 AND owner = $3 "
                  "AND phase = 'reserved' RETURNING scoped_id",
                  {scoped_id, epoch, owner})
              .empty();
}

std::optional<Meeting> end(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
                           WallTime now) {
  const auto sql =
      fmt::format("DELETE FROM meetings WHERE scoped_id = $1 AND epoch = $2 RETURNING {}",
                  meeting_columns(connection.dialect()));
  auto meeting = read_first(connection.execute(sql, {scoped_id, epoch}), read_meeting);
  if (meeting && !meeting->internal_id.empty()) {
    bury(connection, {meeting->internal_id, meeting->scoped_id, meeting->backend_id, now,
                      TombstoneKind::ended});
  }
  return meeting;
}

void bury(Connection& connection, const Tombstone& tombstone) {
  connection.execute(
      "INSERT INTO tombstones (internal_id, scoped_id, backend_id, ended_at, kind) "
      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (internal_id) DO UPDATE SET "
      "scoped_id = excluded.scoped_id, backend_id = excluded.backend_id, "
      "ended_at = excluded.ended_at, kind = excluded.kind",
      {tombstone.internal_id, tombstone.scoped_id, tombstone.backend_id, tombstone.ended_at,
       to_string(tombstone.kind)});
}

// The row stays locked, so that nobody binds it to this run before the tombstone is there.
std::optional<Meeting> bury_unless_named(Connection& connection, const Tombstone& tombstone) {
  const auto dialect = connection.dialect();
  const auto sql =
      fmt::format("SELECT {} FROM meetings WHERE scoped_id = $1{}",
                  meeting_columns(dialect, MeetingTexts::no_explanation), for_update(dialect));
  auto row = read_first(connection.execute(sql, {tombstone.scoped_id}), read_meeting);
  if (!row || row->internal_id != to_storable_text(tombstone.internal_id)) {
    bury(connection, tombstone);
  }
  return row;
}

}  // namespace b3::store::queries
