#include "store/meeting_removal.h"

#include <fmt/format.h>

namespace b3::store::queries {

namespace {

std::string_view column_of(MeetingHolder holder) {
  return holder == MeetingHolder::frontend ? "frontend_id" : "backend_id";
}

}  // namespace

bool has_meetings(Connection& connection, MeetingHolder holder, std::string_view id) {
  const auto sql =
      fmt::format("SELECT scoped_id FROM meetings WHERE {} = $1 LIMIT 1", column_of(holder));
  return !connection.execute(sql, {id}).empty();
}

void remove_meetings(Connection& connection, MeetingHolder holder, std::string_view id,
                     WallTime now) {
  const auto lock = fmt::format("SELECT scoped_id FROM meetings WHERE {} = $1 ORDER BY scoped_id{}",
                                column_of(holder), for_update(connection.dialect()));
  connection.execute(lock, {id});
  const auto bury = fmt::format(
      "INSERT INTO tombstones (internal_id, scoped_id, backend_id, ended_at) "
      "SELECT internal_id, min(scoped_id), min(backend_id), CAST($2 AS {}) FROM meetings "
      "WHERE {} = $1 AND internal_id <> '' GROUP BY internal_id "
      "ON CONFLICT (internal_id) DO UPDATE SET ended_at = excluded.ended_at",
      time_type(connection.dialect()), column_of(holder));
  connection.execute(bury, {id, now});
  connection.execute(fmt::format("DELETE FROM meetings WHERE {} = $1", column_of(holder)), {id});
}

}  // namespace b3::store::queries
