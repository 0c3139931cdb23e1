// The durable state of the cluster, on SQLite or PostgreSQL.
//
// A Store is one database connection. All calls block; a Store belongs to one thread at a time
// (Executor in store/executor.h hands Stores to worker threads). Every call is one transaction:
// when it returns, its effect is durable; when it throws, either nothing happened or, where the
// connection broke during COMMIT, the outcome is unknown and the caller may repeat the call (all
// writes are safe to repeat).
//
// Throws StoreUnavailable when the database cannot be reached or refuses service (the next call
// reconnects), StoreCorrupt for anything a retry cannot cure. "No" answers are returned.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/backend.h"
#include "model/frontend.h"
#include "model/meeting.h"
#include "store/administration.h"

namespace b3::store {

class Curfew;
class OwnWrites;

struct StoreUnavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct StoreCorrupt : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class WriteError {
  not_found,
  conflict,  // a unique value (frontend key, backend host or agent, id) is taken
  in_use,    // it still has meetings
};

struct MeetingDocument {
  std::string scoped_id;
  std::int64_t epoch = 0;
  std::string document;
};

struct MigrationStatus {
  std::int64_t before = 0;   // schema version found
  std::int64_t current = 0;  // schema version now
};

// Fields that are set replace the stored value; `settings_merge_json`, a JSON object, is merged
// into the stored settings key by key inside the transaction (RFC 7396: null removes a key).
struct FrontendPatch {
  std::optional<std::string> key;
  std::optional<std::string> secret;
  std::optional<bool> active;
  std::optional<std::string> settings_merge_json;
  std::optional<std::optional<std::string>> account_ref;  // inner nullopt unsets it
};
struct BackendPatch {
  std::optional<std::string> host;
  std::optional<std::string> secret;
  std::optional<double> load_factor;
  std::optional<AdminState> admin_state;
  std::optional<std::optional<Health>> forced_health;  // inner nullopt: by evidence again
  std::optional<std::string> settings_merge_json;
  std::optional<std::optional<std::string>> agent_ref;  // inner nullopt unsets it
};

struct ReserveOutcome {
  bool won = false;
  Meeting meeting;  // ours when won, else the row that was there first
};

// What a node said when it confirmed a meeting.
struct Binding {
  std::string internal_id;
  std::string name;
  std::string document;
  // The internal id that a row which is bound already must still have; "" where none is expected.
  std::string replaces = {};
};

// What one refresh of one backend found; written as one transaction.
struct SeenMeeting {
  std::string scoped_id;
  std::int64_t epoch = 0;
  std::string internal_id;  // of the row or, for a reservation that turned out to exist, the node's
  std::string name;
  bool running = false;
  MeetingCounts counts;
  std::string document;
  // What the row's document must still be, so that what others wrote meanwhile is not undone;
  // nullopt: whatever it is.
  std::optional<std::string> replaced_document = {};
};
struct RefreshResult {
  std::string backend_id;
  NodeState node_state = NodeState::ready;
  std::string last_error;
  Health health = Health::usable;
  std::string health_reason;
  std::int64_t latency_microseconds = 0;
  std::int64_t meetings_count = 0;
  std::int64_t attendees_count = 0;
  bool reachable = false;  // only then synced_at and the lists below count
  // Update rows of this backend; epoch, id and replaced_document must match.
  std::vector<SeenMeeting> changed;
  // Insert if the scoped id is free; the store gives them their epochs. A tombstone of the internal
  // id goes.
  std::vector<Meeting> adopted;
  struct Lost {
    std::string scoped_id;
    std::int64_t epoch = 0;
    std::string internal_id;
  };
  std::vector<Lost> lost;  // delete bound rows whose epoch and internal id still match
};
struct RefreshOutcome {
  // Rows as they are now, without their explanations: changed, bound and adopted ones.
  std::vector<Meeting> written;
  std::vector<std::string> removed;  // scoped ids deleted as lost
};

// An ended meeting whose node may still hold a copy: a refresh that sees it ends it there and
// does not adopt it.
enum class TombstoneKind {
  ended,
  detached,  // its node was given up; becomes `ended` when the scoped id is reserved anew
};
struct Tombstone {
  std::string internal_id;
  std::string scoped_id;
  std::string backend_id;
  WallTime ended_at{};
  TombstoneKind kind = TombstoneKind::ended;
};

// What giving up a node did.
struct GiveUpOutcome {
  Backend backend;                                             // as it is now
  std::vector<std::pair<std::string, std::int64_t>> detached;  // scoped ids and epochs of its rows
};

// -- leases of periodic work (docs/decisions/0006-clustered.md) ----------------------------------
struct InstanceBeat {
  std::string id;
  std::int64_t beat = 0;
};
struct LeaseRow {
  std::string name;
  std::string holder;  // an instance's id, which may be gone
};
struct Membership {
  std::vector<InstanceBeat> instances;  // ordered by id, the caller's own among them
  std::vector<LeaseRow> leases;         // ordered by name
};
struct LeaseClaim {
  std::string name;
  std::string expected_holder;  // who was seen to hold it; empty: nobody
};

// A place in the change feed (docs/decisions/0005-change-feed.md). Ordered; opaque to callers.
struct FeedPosition {
  std::int64_t transaction = 0;
  std::int64_t sequence = 0;
  auto operator<=>(const FeedPosition&) const = default;
};

// What changed after a position: rows as they are now (meetings without their explanations), ids of
// rows that are gone.
struct Changes {
  bool gap = false;       // the feed no longer reaches back that far: load everything again
  FeedPosition position;  // where to go on
  std::vector<Frontend> frontends;
  std::vector<Backend> backends;
  std::vector<Meeting> meetings;
  std::vector<std::string> gone_frontends;
  std::vector<std::string> gone_backends;
  std::vector<std::string> gone_meetings;
};

class Store {
 public:
  virtual ~Store() = default;

  // -- schema ------------------------------------------------------------------------------
  // Brings the schema to this program's version under a lock that excludes other instances.
  // Throws StoreCorrupt when the database is too new for this program
  // (docs/decisions/0007-schema-versions.md).
  virtual MigrationStatus migrate(WallTime now) = 0;
  virtual std::int64_t schema_version() = 0;
  virtual void ping() = 0;

  // Several calls of this store as one transaction: all of it or nothing. `work` may be run again
  // after a conflict. Calls inside join it, another in_transaction() too; one that is answered "no"
  // leaves the others as they are.
  virtual void in_transaction(const std::function<void(Store&)>& work) = 0;

  // -- frontends ---------------------------------------------------------------------------
  virtual std::vector<Frontend> list_frontends() = 0;  // ordered by key
  virtual std::optional<Frontend> find_frontend(std::string_view id) = 0;
  virtual std::expected<Frontend, WriteError> insert_frontend(const Frontend& frontend) = 0;
  // A new key is refused (in_use) while the frontend has meetings: their scoped ids carry it.
  virtual std::expected<Frontend, WriteError> update_frontend(std::string_view id,
                                                              const FrontendPatch& patch,
                                                              WallTime now) = 0;
  // Without force: in_use while it has meetings. With force its meeting rows go with it.
  virtual std::expected<Frontend, WriteError> delete_frontend(std::string_view id, bool force) = 0;

  // -- backends ----------------------------------------------------------------------------
  virtual std::vector<Backend> list_backends() = 0;  // ordered by host
  virtual std::optional<Backend> find_backend(std::string_view id) = 0;
  virtual std::expected<Backend, WriteError> insert_backend(const Backend& backend) = 0;
  // Touches administrative columns only.
  virtual std::expected<Backend, WriteError> update_backend(std::string_view id,
                                                            const BackendPatch& patch,
                                                            WallTime now) = 0;
  // Without force: in_use while it has meetings. With force its meeting rows go with it.
  virtual std::expected<Backend, WriteError> delete_backend(std::string_view id, bool force) = 0;
  // Agent heartbeat; not_found when the backend is gone.
  virtual std::expected<Backend, WriteError> record_heartbeat(std::string_view id,
                                                              WallTime now) = 0;

  // -- meetings ----------------------------------------------------------------------------
  virtual std::vector<Meeting> list_meetings() = 0;  // ordered by scoped id
  // All meetings without their documents and explanations, which are empty; in no order.
  virtual std::vector<Meeting> list_placements() = 0;
  // The same one by one, for very many: they are never all in memory. One transaction. `visit` must
  // not use this store; what it throws ends the call.
  virtual void visit_placements(const std::function<void(Meeting)>& visit) = 0;
  virtual std::vector<MeetingDocument> documents_of_frontend(std::string_view frontend_id) = 0;
  // At most `limit` documents behind this scoped id, ordered by it.
  virtual std::vector<MeetingDocument> documents_after(std::string_view scoped_id,
                                                       std::int64_t limit) = 0;
  virtual std::optional<Meeting> find_meeting(std::string_view scoped_id) = 0;
  // One after the other as they were asked for, all at one moment, without their explanations.
  virtual std::vector<std::optional<Meeting>> find_meetings(
      const std::vector<std::string>& scoped_ids) = 0;

  // Inserts `meeting` (phase reserved) unless its scoped id is taken, with an epoch of the store's.
  // Also tells won when the row that is there has the same owner (a repeated call). Detached
  // tombstones of the scoped id become ended ones.
  // not_found: the frontend or backend does not exist (any more).
  virtual std::expected<ReserveOutcome, WriteError> reserve(const Meeting& meeting) = 0;
  // Compare-and-set on (scoped id, epoch, owner, phase reserved): the reservation goes to
  // another node (or stays where it is), with a new epoch; an empty explanation leaves the old one.
  // nullopt when someone else changed the row first.
  virtual std::optional<Meeting> move_reservation(std::string_view scoped_id, std::int64_t epoch,
                                                  std::string_view owner,
                                                  std::string_view backend_id,
                                                  std::string_view placement_json) = 0;
  // Compare-and-set on (scoped id, epoch, and Binding::replaces for a row that is bound): reserved
  // becomes bound; repeating it, or finding the row bound to the same internal id, succeeds too.
  // Also used to follow a node that restarted a bound meeting under a new internal id. nullopt also
  // when this internal id has been ended: a node that was away may still offer it. The row comes
  // without its explanation.
  virtual std::optional<Meeting> bind(std::string_view scoped_id, std::int64_t epoch,
                                      const Binding& binding, WallTime now) = 0;
  // Deletes a reservation of this owner and epoch. True when a row went.
  virtual bool release(std::string_view scoped_id, std::int64_t epoch, std::string_view owner) = 0;
  // Deletes the row of this epoch and leaves a tombstone where it had an internal id.
  // nullopt when the row was gone or has moved on.
  virtual std::optional<Meeting> end(std::string_view scoped_id, std::int64_t epoch,
                                     WallTime now) = 0;

  // -- refresh -----------------------------------------------------------------------------
  virtual RefreshOutcome record_refresh(const RefreshResult& result, WallTime now) = 0;
  virtual std::vector<Tombstone> list_tombstones(std::string_view backend_id) = 0;
  // A tombstone for a copy that never had a row.
  virtual void bury(const Tombstone& tombstone) = 0;
  // The same, unless the row of its scoped id names this very run. Returns that row, whatever it
  // names, without its explanation.
  virtual std::optional<Meeting> bury_unless_named(const Tombstone& tombstone) = 0;
  virtual void prune_tombstones(WallTime older_than) = 0;

  // -- change feed -------------------------------------------------------------------------
  // Every change that commits after this call is found behind this position.
  virtual FeedPosition feed_position() = 0;
  // At most `limit` changes, read in one snapshot; rows changed several times come once.
  virtual Changes read_changes(const FeedPosition& after, std::int64_t limit) = 0;
  virtual void prune_changes(WallTime older_than) = 0;

  // -- groups: each element as the single call would have it. What is written is one transaction,
  // unless several bindings are for one id. ---------------------------------------------------
  struct BindRequest {
    std::string scoped_id;
    std::int64_t epoch = 0;
    Binding binding;
  };
  struct CreatesDone {
    std::vector<std::expected<ReserveOutcome, WriteError>> reserved;
    std::vector<std::optional<Meeting>> bound;
  };
  virtual CreatesDone write_creates(const std::vector<Meeting>& reservations,
                                    const std::vector<BindRequest>& bindings, WallTime now) = 0;
  auto reserve_all(const std::vector<Meeting>& meetings) {
    return write_creates(meetings, {}, {}).reserved;
  }
  auto bind_all(const std::vector<BindRequest>& requests, WallTime now) {
    return write_creates({}, requests, now).bound;
  }

  // -- health ------------------------------------------------------------------------------
  // Sets health = given_up with this reason and deletes the backend's meeting rows, leaving a
  // detached tombstone for each bound one. Safe to repeat.
  virtual std::expected<GiveUpOutcome, WriteError> give_up_backend(std::string_view id,
                                                                   std::string_view reason,
                                                                   WallTime now) = 0;

  // -- agents ------------------------------------------------------------------------------
  // One statement for all; of several for one backend the last counts. Answers with the ids of
  // those that are there, ordered.
  virtual std::vector<std::string> record_heartbeats(const std::vector<Heartbeat>& heartbeats) = 0;
  virtual std::optional<Backend> find_backend_of_agent(std::string_view agent_ref) = 0;
  // In one transaction: locks these rows in order of scoped id, lets `revise` change each (running,
  // counts, document and attendee_ids are written; the row goes with a tombstone where it answers
  // Revision::ended) and writes those that changed. Result as asked for, ended ones as they were
  // last, without their explanations; nullopt: no such row (any more). `revise` may be called again
  // after a conflict, always with fresh rows; for an id that is asked for twice with what the first
  // call made of it.
  virtual std::vector<std::optional<Meeting>> revise_meetings(
      const std::vector<std::string>& scoped_ids,
      const std::function<Revision(std::size_t index, Meeting&)>& revise, WallTime now) = 0;

  // -- administration ----------------------------------------------------------------------
  virtual void record_audit(const AuditRecord& record) = 0;
  virtual AuditPage list_audit(const AuditQuery& query) = 0;  // newest first

  virtual void insert_command(const CommandRow& command) = 0;  // safe to repeat (same id)
  virtual std::optional<CommandRow> find_command(std::string_view id) = 0;
  virtual std::vector<CommandRow> list_commands() = 0;  // newest first, at most 1000
  // Compare-and-set on (id, expected holder, unfinished): it is running now, held by `holder`.
  virtual std::optional<CommandRow> claim_command(std::string_view id,
                                                  std::string_view expected_holder,
                                                  std::string_view holder, WallTime now) = 0;
  // By its holder only. False: somebody else has it, it is finished or gone.
  virtual bool update_command(std::string_view id, std::string_view holder,
                              std::string_view progress_json) = 0;
  // The same; an empty holder may finish anybody's (cancelled). `state`: success or error.
  virtual bool finish_command(std::string_view id, std::string_view holder, CommandState state,
                              std::string_view result_json, WallTime now) = 0;
  virtual void prune_commands(WallTime finished_before) = 0;

  virtual void revoke_token(const RevokedToken& token) = 0;     // safe to repeat
  virtual std::vector<RevokedToken> list_revoked_tokens() = 0;  // latest first
  // Those that ended a day ago, and of those without an end the ones revoked a year ago.
  virtual void prune_revoked_tokens(WallTime now) = 0;

  // -- leases ------------------------------------------------------------------------------
  // Adds one to this instance's beat (making its row if it is missing) and tells who is there.
  virtual Membership beat(std::string_view instance_id, std::string_view host, WallTime now) = 0;
  // Compare-and-set on the holder of each. Returns the names this instance holds now.
  virtual std::vector<std::string> claim_leases(std::string_view instance_id,
                                                const std::vector<LeaseClaim>& claims) = 0;
  // Deletes those of `names` that this instance holds.
  virtual void release_leases(std::string_view instance_id,
                              const std::vector<std::string>& names) = 0;
  // Deletes an instance's row and leases: on leaving (beat: nullopt), or when somebody found it
  // dead at this beat. False when it has beaten again since.
  virtual bool remove_instance(std::string_view instance_id, std::optional<std::int64_t> beat) = 0;

  // The caller puts what the last write_creates() has returned into its view: the feed
  // (read_changes() of all Stores that share `own`, see open_store()) need not tell of it.
  virtual void leave_out_last_write() = 0;

  // Tells listeners (LISTEN b3scale_changes) when this Store has written since the last call what
  // the change feed shows. Costs nothing otherwise, and on SQLite.
  virtual void notify_changes() = 0;
};

// url: "sqlite:///absolute/file.db", "sqlite:relative.db", "sqlite::memory:", or anything libpq
// takes ("postgres://...", "postgresql://...", "host=... dbname=...").
// After the curfew (store/curfew.h) no call waits for a server any more. `own`: store/own_writes.h.
std::unique_ptr<Store> open_store(const std::string& url,
                                  std::shared_ptr<const Curfew> curfew = nullptr,
                                  std::shared_ptr<OwnWrites> own = nullptr);
bool is_sqlite_url(std::string_view url);

}  // namespace b3::store
