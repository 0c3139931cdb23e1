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
#include "store/group_statements.h"
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
// Without their explanations, in the order of the ids.
std::vector<std::optional<Meeting>> find_meetings(Connection& connection,
                                                  std::span<const std::string> scoped_ids);
// What became of one reservation. nullopt: nothing yet, see tell_inserted() and tell_others().
using ReserveAnswer = std::optional<std::expected<ReserveOutcome, WriteError>>;
// In the order of `meetings`; nullopt where nothing was inserted.
std::vector<ReserveAnswer> tell_inserted(std::span<const Meeting> meetings,
                                         const RowsById& inserted);
// Looks up those that have no answer. What still has none then found a row in its way that is gone
// again: it may be tried once more.
void tell_others(Connection& connection, std::span<const Meeting> meetings,
                 std::vector<ReserveAnswer>& answers);
// Those of `answers` that are empty, where the row was bound so already.
void tell_bound(Connection& connection, std::span<const Store::BindRequest> requests,
                std::vector<std::optional<Meeting>>& answers);
std::optional<Meeting> move_reservation(Connection& connection, std::string_view scoped_id,
                                        std::int64_t epoch, std::string_view owner,
                                        std::string_view backend_id,
                                        std::string_view placement_json);
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
std::optional<Meeting> bury_unless_named(Connection& connection, const Tombstone& tombstone);
void prune_tombstones(Connection& connection, WallTime older_than);

FeedPosition feed_position(Connection& connection);
// Without what only transactions that are known have changed.
Changes read_changes(Connection& connection, const FeedPosition& after, std::int64_t limit,
                     const std::function<bool(std::int64_t)>& is_known);
void prune_changes(Connection& connection, WallTime older_than);

// Ordered by id.
std::vector<std::string> record_heartbeats(Connection& connection,
                                           const std::vector<Heartbeat>& heartbeats);
std::optional<Backend> find_backend_of_agent(Connection& connection, std::string_view agent_ref);
// Three round trips at most, whatever the number of meetings.
std::vector<std::optional<Meeting>> revise_meetings(
    Connection& connection, const std::vector<std::string>& scoped_ids,
    const std::function<Revision(std::size_t, Meeting&)>& revise, WallTime now);

void record_audit(Connection& connection, const AuditRecord& record);
AuditPage list_audit(Connection& connection, const AuditQuery& query);
void insert_command(Connection& connection, const CommandRow& command);
std::optional<CommandRow> find_command(Connection& connection, std::string_view id);
std::vector<CommandRow> list_commands(Connection& connection);
std::optional<CommandRow> claim_command(Connection& connection, std::string_view id,
                                        std::string_view expected_holder, std::string_view holder,
                                        WallTime now);
bool update_command(Connection& connection, std::string_view id, std::string_view holder,
                    std::string_view progress_json);
bool finish_command(Connection& connection, std::string_view id, std::string_view holder,
                    CommandState state, std::string_view result_json, WallTime now);
void prune_commands(Connection& connection, WallTime finished_before);
void revoke_token(Connection& connection, const RevokedToken& token);
std::vector<RevokedToken> list_revoked_tokens(Connection& connection);
void prune_revoked_tokens(Connection& connection, WallTime now);

Membership beat(Connection& connection, std::string_view instance_id, std::string_view host,
                WallTime now);
std::vector<std::string> claim_leases(Connection& connection, std::string_view instance_id,
                                      const std::vector<LeaseClaim>& claims);
void release_leases(Connection& connection, std::string_view instance_id,
                    const std::vector<std::string>& names);
bool remove_instance(Connection& connection, std::string_view instance_id,
                     std::optional<std::int64_t> beat);

}  // namespace b3::store::queries
