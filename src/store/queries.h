// The store's calls as SQL, the same for both databases. Each runs inside a transaction that the
// caller (store/sql_store.h) begins and ends, and throws what Connection::execute throws:
// UniqueViolation and ForeignKeyViolation are answers that the caller turns into WriteErrors.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <span>
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
std::expected<GiveUpOutcome, WriteError> give_up_backend(Connection& connection,
                                                         std::string_view id,
                                                         std::string_view reason, WallTime now);
std::optional<Backend> record_heartbeat(Connection& connection, std::string_view id, WallTime now);

std::vector<Meeting> list_meetings(Connection& connection);
void visit_placements(Connection& connection, const std::function<void(Meeting)>& visit);
std::vector<MeetingDocument> documents_of_frontend(Connection& connection,
                                                   std::string_view frontend_id);
std::vector<MeetingDocument> documents_after(Connection& connection, std::string_view scoped_id,
                                             std::int64_t limit);
std::optional<Meeting> find_meeting(Connection& connection, std::string_view scoped_id);
std::vector<std::optional<Meeting>> find_meetings(Connection& connection,
                                                  std::span<const std::string> scoped_ids);
// In the order of `meetings`. nullopt: the row that was in the way is gone again; the call may be
// repeated for that one.
std::vector<std::optional<std::expected<ReserveOutcome, WriteError>>> reserve_all(
    Connection& connection, std::span<const Meeting> meetings);
std::optional<Meeting> move_reservation(Connection& connection, std::string_view scoped_id,
                                        std::int64_t epoch, std::string_view owner,
                                        std::string_view backend_id,
                                        std::string_view placement_json);
std::vector<std::optional<Meeting>> bind_all(Connection& connection,
                                             std::span<const Store::BindRequest> requests,
                                             WallTime now);
bool release(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
             std::string_view owner);
std::optional<Meeting> end(Connection& connection, std::string_view scoped_id, std::int64_t epoch,
                           WallTime now);

// Makes `count` epochs ready for the next statement of the transaction, see epoch_expression().
void draw_epochs(Connection& connection, std::int64_t count);
// Deletes the tombstones of these internal ids.
void unbury(Connection& connection, std::span<const Meeting> meetings);

// At most six statements, whatever the number of meetings.
RefreshOutcome record_refresh(Connection& connection, const RefreshResult& result, WallTime now);
std::vector<Tombstone> list_tombstones(Connection& connection, std::string_view backend_id);
void bury(Connection& connection, const Tombstone& tombstone);
void prune_tombstones(Connection& connection, WallTime older_than);

FeedPosition feed_position(Connection& connection);
Changes read_changes(Connection& connection, const FeedPosition& after, std::int64_t limit);
void prune_changes(Connection& connection, WallTime older_than);

Membership beat(Connection& connection, std::string_view instance_id, std::string_view host,
                WallTime now);
std::vector<std::string> claim_leases(Connection& connection, std::string_view instance_id,
                                      const std::vector<LeaseClaim>& claims);
void release_leases(Connection& connection, std::string_view instance_id,
                    const std::vector<std::string>& names);
bool remove_instance(Connection& connection, std::string_view instance_id,
                     std::optional<std::int64_t> beat);

}  // namespace b3::store::queries
