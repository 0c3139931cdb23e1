// The store's calls as SQL, the same for both databases. Each runs inside a transaction that the
// caller (store/sql_store.h) begins and ends, and throws what Connection::execute throws:
// UniqueViolation and ForeignKeyViolation are answers that the caller turns into WriteErrors.
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "store/connection.h"
#include "store/store.h"

namespace b3::store::queries {

std::vector<Frontend> list_frontends(Connection& connection);
std::optional<Frontend> find_frontend(Connection& connection, std::string_view id);
Frontend insert_frontend(Connection& connection, const Frontend& frontend);
std::expected<Frontend, WriteError> update_frontend(Connection& connection, std::string_view id,
                                                    const FrontendPatch& patch, WallTime now);
// Meetings that go with it and have an internal id leave tombstones dated `now`.
std::expected<Frontend, WriteError> delete_frontend(Connection& connection, std::string_view id,
                                                    bool force, WallTime now);

std::vector<Backend> list_backends(Connection& connection);
std::optional<Backend> find_backend(Connection& connection, std::string_view id);
Backend insert_backend(Connection& connection, const Backend& backend);
std::expected<Backend, WriteError> update_backend(Connection& connection, std::string_view id,
                                                  const BackendPatch& patch, WallTime now);
std::expected<Backend, WriteError> delete_backend(Connection& connection, std::string_view id,
                                                  bool force, WallTime now);
std::optional<Backend> record_heartbeat(Connection& connection, std::string_view id, WallTime now);

std::vector<Meeting> list_meetings(Connection& connection);
std::optional<Meeting> find_meeting(Connection& connection, std::string_view scoped_id);
// nullopt: the row that was in the way is gone again; the whole call may be repeated.
std::optional<ReserveOutcome> reserve(Connection& connection, const Meeting& meeting);
std::optional<Meeting> move_reservation(Connection& connection, std::string_view scoped_id,
                                        std::int64_t epoch, std::string_view owner,
                                        std::string_view backend_id,
                                        std::string_view placement_json);
std::optional<Meeting> bind(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
                            const Binding& binding, WallTime now);
bool release(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
             std::string_view owner);
std::optional<Meeting> end(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
                           WallTime now);

// At most four statements, whatever the number of meetings.
RefreshOutcome record_refresh(Connection& connection, const RefreshResult& result, WallTime now);
std::vector<Tombstone> list_tombstones(Connection& connection, std::string_view backend_id);
void bury(Connection& connection, const Tombstone& tombstone);
void prune_tombstones(Connection& connection, WallTime older_than);

FeedPosition feed_position(Connection& connection);
Changes read_changes(Connection& connection, const FeedPosition& after, std::int64_t limit);
void prune_changes(Connection& connection, WallTime older_than);

}  // namespace b3::store::queries
