#include <fmt/format.h>

#include "store/columns.h"
#include "store/meeting_removal.h"
#include "store/queries.h"
#include "store/settings_merge.h"

namespace b3::store::queries {

namespace {

std::optional<Frontend> lock_frontend(Connection& connection, std::string_view id) {
  const auto sql =
      fmt::format("SELECT {} FROM frontends WHERE id = $1{}",
                  frontend_columns(connection.dialect()), for_update(connection.dialect()));
  return read_first(connection.execute(sql, {id}), read_frontend);
}

void apply_patch(Frontend& frontend, const FrontendPatch& patch) {
  if (patch.key) frontend.key = *patch.key;
  if (patch.secret) frontend.secret = *patch.secret;
  if (patch.active) frontend.active = *patch.active;
  if (patch.account_ref) frontend.account_ref = *patch.account_ref;
  if (patch.settings_merge_json) {
    frontend.settings_json = merge_settings(frontend.settings_json, *patch.settings_merge_json);
  }
}

}  // namespace

std::vector<Frontend> list_frontends(Connection& connection) {
  const auto sql =
      fmt::format("SELECT {} FROM frontends ORDER BY key", frontend_columns(connection.dialect()));
  return read_all(connection.execute(sql), read_frontend);
}

std::optional<Frontend> find_frontend(Connection& connection, std::string_view id) {
  const auto sql =
      fmt::format("SELECT {} FROM frontends WHERE id = $1", frontend_columns(connection.dialect()));
  return read_first(connection.execute(sql, {id}), read_frontend);
}

Frontend insert_frontend(Connection& connection, const Frontend& frontend) {
  const auto sql = fmt::format(
      "INSERT INTO frontends (id, key, secret, active, settings, account_ref, created_at, "
      "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {}",
      frontend_columns(connection.dialect()));
  auto rows = connection.execute(
      sql, {frontend.id, frontend.key, frontend.secret, frontend.active, frontend.settings_json,
            frontend.account_ref, frontend.created_at, frontend.updated_at});
  return read_frontend(rows.at(0));
}

std::expected<Frontend, WriteError> update_frontend(Connection& connection, std::string_view id,
                                                    const FrontendPatch& patch, WallTime now) {
  if (patch.key) wait_for_creates(connection);
  auto frontend = lock_frontend(connection, id);
  if (!frontend) return std::unexpected(WriteError::not_found);
  const bool renames = patch.key && *patch.key != frontend->key;
  if (renames && has_meetings(connection, MeetingHolder::frontend, id)) {
    return std::unexpected(WriteError::in_use);
  }
  apply_patch(*frontend, patch);
  const auto sql = fmt::format(
      "UPDATE frontends SET key = $2, secret = $3, active = $4, settings = $5, account_ref = $6, "
      "updated_at = $7 WHERE id = $1 RETURNING {}",
      frontend_columns(connection.dialect()));
  auto rows = connection.execute(sql, {id, frontend->key, frontend->secret, frontend->active,
                                       frontend->settings_json, frontend->account_ref, now});
  return read_frontend(rows.at(0));
}

std::expected<Frontend, WriteError> delete_frontend(Connection& connection, std::string_view id,
                                                    bool force, WallTime now) {
  wait_for_creates(connection);
  auto frontend = lock_frontend(connection, id);
  if (!frontend) return std::unexpected(WriteError::not_found);
  if (force) {
    remove_meetings(connection, MeetingHolder::frontend, id, TombstoneKind::ended, now);
  } else if (has_meetings(connection, MeetingHolder::frontend, id)) {
    return std::unexpected(WriteError::in_use);
  }
  connection.execute("DELETE FROM frontends WHERE id = $1", {id});
  return std::move(*frontend);
}

}  // namespace b3::store::queries
