#include <fmt/format.h>

#include "store/columns.h"
#include "store/meeting_removal.h"
#include "store/queries.h"
#include "store/settings_merge.h"

namespace b3::store::queries {

namespace {

std::optional<Backend> lock_backend(Connection& connection, std::string_view id) {
  const auto sql =
      fmt::format("SELECT {} FROM backends WHERE id = $1{}", backend_columns(connection.dialect()),
                  for_update(connection.dialect()));
  return read_first(connection.execute(sql, {id}), read_backend);
}

void apply_patch(Backend& backend, const BackendPatch& patch) {
  if (patch.host) backend.host = *patch.host;
  if (patch.secret) backend.secret = *patch.secret;
  if (patch.load_factor) backend.load_factor = *patch.load_factor;
  if (patch.admin_state) backend.admin_state = *patch.admin_state;
  if (patch.forced_health) backend.forced_health = *patch.forced_health;
  if (patch.agent_ref) backend.agent_ref = *patch.agent_ref;
  if (patch.settings_merge_json) {
    backend.settings_json = merge_settings(backend.settings_json, *patch.settings_merge_json);
  }
}

std::optional<std::string_view> forced_health_of(const Backend& backend) {
  if (!backend.forced_health) return std::nullopt;
  return to_string(*backend.forced_health);
}

}  // namespace

std::vector<Backend> list_backends(Connection& connection) {
  const auto sql =
      fmt::format("SELECT {} FROM backends ORDER BY host", backend_columns(connection.dialect()));
  return read_all(connection.execute(sql), read_backend);
}

std::optional<Backend> find_backend(Connection& connection, std::string_view id) {
  const auto sql =
      fmt::format("SELECT {} FROM backends WHERE id = $1", backend_columns(connection.dialect()));
  return read_first(connection.execute(sql, {id}), read_backend);
}

Backend insert_backend(Connection& connection, const Backend& backend) {
  const auto sql = fmt::format(
      "INSERT INTO backends (id, host, secret, settings, load_factor, admin_state, node_state, "
      "last_error, latency_microseconds, meetings_count, attendees_count, agent_heartbeat, "
      "synced_at, created_at, updated_at, forced_health, health, health_reason, agent_ref, "
      "agent_report) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
      "$16, $17, $18, $19, $20) RETURNING {}",
      backend_columns(connection.dialect()));
  auto rows = connection.execute(sql, {backend.id,
                                       backend.host,
                                       backend.secret,
                                       backend.settings_json,
                                       backend.load_factor,
                                       to_string(backend.admin_state),
                                       to_string(backend.node_state),
                                       backend.last_error,
                                       backend.latency_microseconds,
                                       backend.meetings_count,
                                       backend.attendees_count,
                                       backend.agent_heartbeat,
                                       backend.synced_at,
                                       backend.created_at,
                                       backend.updated_at,
                                       forced_health_of(backend),
                                       to_string(backend.health),
                                       backend.health_reason,
                                       backend.agent_ref,
                                       backend.agent_report});
  return read_backend(rows.at(0));
}

std::expected<Backend, WriteError> update_backend(Connection& connection, std::string_view id,
                                                  const BackendPatch& patch, WallTime now) {
  auto backend = lock_backend(connection, id);
  if (!backend) return std::unexpected(WriteError::not_found);
  apply_patch(*backend, patch);
  const auto sql = fmt::format(
      "UPDATE backends SET host = $2, secret = $3, settings = $4, load_factor = $5, "
      "admin_state = $6, updated_at = $7, forced_health = $8, agent_ref = $9 WHERE id = $1 "
      "RETURNING {}",
      backend_columns(connection.dialect()));
  auto rows = connection.execute(
      sql, {id, backend->host, backend->secret, backend->settings_json, backend->load_factor,
            to_string(backend->admin_state), now, forced_health_of(*backend), backend->agent_ref});
  return read_backend(rows.at(0));
}

std::expected<Backend, WriteError> delete_backend(Connection& connection, std::string_view id,
                                                  bool force, WallTime now) {
  wait_for_creates(connection);
  auto backend = lock_backend(connection, id);
  if (!backend) return std::unexpected(WriteError::not_found);
  if (force) {
    remove_meetings(connection, MeetingHolder::backend, id, TombstoneKind::ended, now);
  } else if (has_meetings(connection, MeetingHolder::backend, id)) {
    return std::unexpected(WriteError::in_use);
  }
  connection.execute("DELETE FROM backends WHERE id = $1", {id});
  return std::move(*backend);
}

// Refreshes and reservations of this backend are kept out until the end.
std::expected<GiveUpOutcome, WriteError> give_up_backend(Connection& connection,
                                                         std::string_view id,
                                                         std::string_view reason, WallTime now) {
  wait_for_creates(connection);
  if (!lock_backend(connection, id)) return std::unexpected(WriteError::not_found);
  const auto sql =
      fmt::format("UPDATE backends SET health = $2, health_reason = $3 WHERE id = $1 RETURNING {}",
                  backend_columns(connection.dialect()));
  auto rows = connection.execute(sql, {id, to_string(Health::given_up), reason});
  return GiveUpOutcome{read_backend(rows.at(0)), remove_meetings(connection, MeetingHolder::backend,
                                                                 id, TombstoneKind::detached, now)};
}

std::optional<Backend> record_heartbeat(Connection& connection, std::string_view id, WallTime now) {
  const auto sql =
      fmt::format("UPDATE backends SET agent_heartbeat = $2 WHERE id = $1 RETURNING {}",
                  backend_columns(connection.dialect()));
  return read_first(connection.execute(sql, {id, now}), read_backend);
}

}  // namespace b3::store::queries
