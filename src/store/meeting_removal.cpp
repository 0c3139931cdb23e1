#include "store/meeting_removal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "store/columns.h"

namespace b3::store::queries {

namespace {

// "b3writes" in ASCII, as in the functions of schema version 7.
constexpr std::int64_t creates_lock = 0x6233'7772'6974'6573;

std::string_view column_of(MeetingHolder holder) {
  return holder == MeetingHolder::frontend ? "frontend_id" : "backend_id";
}

}  // namespace

void wait_for_creates(Connection& connection) {
  if (connection.dialect() == Dialect::sqlite) return;  // the writing transaction is the lock
  connection.execute_later("SELECT pg_advisory_xact_lock($1)", {creates_lock});
}

bool has_meetings(Connection& connection, MeetingHolder holder, std::string_view id) {
  const auto sql =
      fmt::format("SELECT scoped_id FROM meetings WHERE {} = $1 LIMIT 1", column_of(holder));
  return !connection.execute(sql, {id}).empty();
}

std::vector<std::pair<std::string, std::int64_t>> remove_meetings(Connection& connection,
                                                                  MeetingHolder holder,
                                                                  std::string_view id,
                                                                  TombstoneKind kind,
                                                                  WallTime now) {
  const auto column = column_of(holder);
  const auto lock = fmt::format("SELECT scoped_id FROM meetings WHERE {} = $1 ORDER BY scoped_id{}",
                                column, for_update(connection.dialect()));
  if (connection.execute(lock, {id}).empty()) return {};
  const auto bury = fmt::format(
      "INSERT INTO tombstones (internal_id, scoped_id, backend_id, ended_at, kind) "
      "SELECT internal_id, min(scoped_id), min(backend_id), CAST($2 AS {}), CAST($3 AS text) "
      "FROM meetings WHERE {} = $1 AND internal_id <> '' GROUP BY internal_id "
      "ON CONFLICT (internal_id) DO UPDATE SET scoped_id = excluded.scoped_id, "
      "backend_id = excluded.backend_id, ended_at = excluded.ended_at, kind = excluded.kind",
      time_type(connection.dialect()), column);
  connection.execute(bury, {id, now, to_string(kind)});
  std::vector<std::pair<std::string, std::int64_t>> removed;
  const auto remove =
      fmt::format("DELETE FROM meetings WHERE {} = $1 RETURNING scoped_id, epoch", column);
  for (auto& row : connection.execute(remove, {id})) {
    RowReader reader(row);
    auto scoped_id = reader.text();
    removed.emplace_back(std::move(scoped_id), reader.integer());
  }
  std::ranges::sort(removed);
  return removed;
}

}  // namespace b3::store::queries
