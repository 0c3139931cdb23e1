#include <fmt/format.h>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

std::vector<Meeting> list_meetings(Connection& connection) {
  const auto sql = fmt::format("SELECT {} FROM meetings ORDER BY scoped_id",
                               meeting_columns(connection.dialect()));
  return read_all(connection.execute(sql), read_meeting);
}

std::optional<Meeting> find_meeting(Connection& connection, std::string_view scoped_id) {
  const auto sql = fmt::format("SELECT {} FROM meetings WHERE scoped_id = $1",
                               meeting_columns(connection.dialect()));
  return read_first(connection.execute(sql, {scoped_id}), read_meeting);
}

std::optional<ReserveOutcome> reserve(Connection& connection, const Meeting& meeting) {
  const auto sql = fmt::format(
      "INSERT INTO meetings (scoped_id, meeting_id, frontend_id, backend_id, phase, epoch, owner, "
      "internal_id, name, running, participants, moderators, listeners, voices, videos, "
      "expected_size, document, placement, reserved_at) "
      "VALUES ($1, $2, $3, $4, 'reserved', $5, $6, '', $7, FALSE, 0, 0, 0, 0, 0, $8, $9, $10, $11) "
      "ON CONFLICT (scoped_id) DO NOTHING RETURNING {}",
      meeting_columns(connection.dialect()));
  auto inserted = read_first(
      connection.execute(
          sql, {meeting.scoped_id, meeting.meeting_id, meeting.frontend_id, meeting.backend_id,
                meeting.epoch, meeting.owner, meeting.name, meeting.expected_size, meeting.document,
                meeting.placement_json, meeting.reserved_at}),
      read_meeting);
  if (inserted) return ReserveOutcome{true, std::move(*inserted)};

  auto standing = find_meeting(connection, meeting.scoped_id);
  if (!standing) return std::nullopt;
  const bool ours = !meeting.owner.empty() && standing->owner == meeting.owner;
  return ReserveOutcome{ours, std::move(*standing)};
}

std::optional<Meeting> move_reservation(Connection& connection, std::string_view scoped_id,
                                        std::int64_t epoch, std::string_view owner,
                                        std::string_view backend_id,
                                        std::string_view placement_json) {
  const auto sql = fmt::format(
      "UPDATE meetings SET backend_id = $4, placement = $5, epoch = epoch + 1 "
      "WHERE scoped_id = $1 AND epoch = $2 AND owner = $3 AND phase = 'reserved' RETURNING {}",
      meeting_columns(connection.dialect()));
  return read_first(connection.execute(sql, {scoped_id, epoch, owner, backend_id, placement_json}),
                    read_meeting);
}

// A row already bound to this internal id stays as it is: what refreshes have written since is
// fresher than the create answer. A new internal id begins a new life with nobody in it.
std::optional<Meeting> bind(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
                            const Binding& binding, WallTime now) {
  const auto sql = fmt::format(
      "UPDATE meetings SET phase = 'bound', internal_id = $3, name = $4, document = $5, "
      "bound_at = $6, seen_at = NULL, running = FALSE, participants = 0, moderators = 0, "
      "listeners = 0, voices = 0, videos = 0 WHERE scoped_id = $1 AND epoch = $2 "
      "AND NOT (phase = 'bound' AND internal_id = $3) RETURNING {}",
      meeting_columns(connection.dialect()));
  auto bound = read_first(connection.execute(sql, {scoped_id, epoch, binding.internal_id,
                                                   binding.name, binding.document, now}),
                          read_meeting);
  if (bound) {
    connection.execute("DELETE FROM tombstones WHERE internal_id = $1", {binding.internal_id});
    return bound;
  }
  auto standing = find_meeting(connection, scoped_id);
  const bool repeated = standing && standing->epoch == epoch &&
                        standing->phase == MeetingPhase::bound &&
                        standing->internal_id == binding.internal_id;
  return repeated ? std::move(standing) : std::nullopt;
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
    bury(connection, {meeting->internal_id, meeting->scoped_id, meeting->backend_id, now});
  }
  return meeting;
}

void bury(Connection& connection, const Tombstone& tombstone) {
  connection.execute(
      "INSERT INTO tombstones (internal_id, scoped_id, backend_id, ended_at) "
      "VALUES ($1, $2, $3, $4) ON CONFLICT (internal_id) DO UPDATE SET "
      "scoped_id = excluded.scoped_id, backend_id = excluded.backend_id, "
      "ended_at = excluded.ended_at",
      {tombstone.internal_id, tombstone.scoped_id, tombstone.backend_id, tombstone.ended_at});
}

}  // namespace b3::store::queries
