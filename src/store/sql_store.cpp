#include "store/sql_store.h"

#include <span>
#include <type_traits>
#include <utility>

#include "base/fault_point.h"
#include "store/migrations.h"
#include "store/postgres_connection.h"
#include "store/queries.h"

namespace b3::store {

namespace {

// A transaction that lost against another one is tried this often in all.
constexpr int transaction_attempts = 4;
// Migrations lock whole tables, which other programs use meanwhile.
constexpr int migration_attempts = 5;
// A reservation can find its id taken by a row that is gone when it looks who holds it.
constexpr int reserve_attempts = 5;

// Connects when needed and runs calls as transactions.
class Session {
 public:
  explicit Session(Connect connect) : connect_(std::move(connect)) {}

  template <class Call>
  std::invoke_result_t<Call&, Connection&> transact(Access access, Call& call,
                                                    int attempts = transaction_attempts) {
    for (int attempt = 1;; ++attempt) {
      bool replaceable = reuse_or_connect();
      try {
        connection_->begin(access);
        auto result = call(*connection_);
        replaceable = false;
        connection_->commit();
        return result;
      } catch (const TransactionConflict&) {
        abandon();
        if (attempt >= attempts) throw;
      } catch (const Unreachable&) {
        abandon();
        throw;  // the server is silent: a new connection would wait again
      } catch (const StoreUnavailable&) {
        abandon();
        if (!replaceable || connection_) throw;
        --attempt;  // the next connection is a new one
      } catch (...) {
        abandon();
        throw;
      }
    }
  }

  // A statement outside of transactions, which may get lost.
  void announce(std::string_view sql) {
    if (!connection_ || connection_->dialect() == Dialect::sqlite) return;
    try {
      connection_->execute(sql);
    } catch (...) {
      abandon();
      throw;
    }
  }

 private:
  // Whether the connection has been used before: if it turns out to be dead before it was asked to
  // commit, nothing has happened, and a new one is tried.
  bool reuse_or_connect() {
    const bool reused = connection_ && connection_->usable();
    if (!reused) connection_ = connect_();
    return reused;
  }

  void abandon() noexcept {
    connection_->rollback();
    if (!connection_->usable()) connection_.reset();
  }

  Connect connect_;
  std::unique_ptr<Connection> connection_;
};

class SqlStore : public Store {
 public:
  explicit SqlStore(Connect connect) : session_(std::move(connect)) {}

  MigrationStatus migrate(WallTime now) override {
    auto apply = [&](Connection& connection) { return apply_migrations(connection, now); };
    auto status = session_.transact(Access::write, apply, migration_attempts);
    fault_point("migration/after");
    return status;
  }
  std::int64_t schema_version() override { return read(read_schema_version); }
  void ping() override {
    read([](Connection& connection) { return connection.execute("SELECT 1"); });
  }

  std::vector<Frontend> list_frontends() override { return read(queries::list_frontends); }
  std::optional<Frontend> find_frontend(std::string_view id) override {
    return read([&](Connection& connection) { return queries::find_frontend(connection, id); });
  }
  std::expected<Frontend, WriteError> insert_frontend(const Frontend& frontend) override {
    return unless_taken<Frontend>(
        [&](Connection& connection) { return queries::insert_frontend(connection, frontend); });
  }
  std::expected<Frontend, WriteError> update_frontend(std::string_view id,
                                                      const FrontendPatch& patch,
                                                      WallTime now) override {
    return unless_taken<Frontend>([&](Connection& connection) {
      return queries::update_frontend(connection, id, patch, now);
    });
  }
  std::expected<Frontend, WriteError> delete_frontend(std::string_view id, bool force) override {
    return write([&, now = read_clocks().wall](Connection& connection) {
      return queries::delete_frontend(connection, id, force, now);
    });
  }

  std::vector<Backend> list_backends() override { return read(queries::list_backends); }
  std::optional<Backend> find_backend(std::string_view id) override {
    return read([&](Connection& connection) { return queries::find_backend(connection, id); });
  }
  std::expected<Backend, WriteError> insert_backend(const Backend& backend) override {
    return unless_taken<Backend>(
        [&](Connection& connection) { return queries::insert_backend(connection, backend); });
  }
  std::expected<Backend, WriteError> update_backend(std::string_view id, const BackendPatch& patch,
                                                    WallTime now) override {
    return unless_taken<Backend>([&](Connection& connection) {
      return queries::update_backend(connection, id, patch, now);
    });
  }
  std::expected<Backend, WriteError> delete_backend(std::string_view id, bool force) override {
    return write([&, now = read_clocks().wall](Connection& connection) {
      return queries::delete_backend(connection, id, force, now);
    });
  }
  std::expected<GiveUpOutcome, WriteError> give_up_backend(std::string_view id,
                                                           std::string_view reason,
                                                           WallTime now) override {
    return write([&](Connection& connection) {
      return queries::give_up_backend(connection, id, reason, now);
    });
  }
  std::expected<Backend, WriteError> record_heartbeat(std::string_view id, WallTime now) override {
    auto backend = write(
        [&](Connection& connection) { return queries::record_heartbeat(connection, id, now); });
    if (!backend) return std::unexpected(WriteError::not_found);
    return std::move(*backend);
  }

  std::vector<Meeting> list_meetings() override { return read(queries::list_meetings); }
  std::vector<Meeting> list_placements() override {
    return read([](Connection& connection) {
      std::vector<Meeting> meetings;
      queries::visit_placements(connection,
                                [&](Meeting meeting) { meetings.push_back(std::move(meeting)); });
      return meetings;
    });
  }
  void visit_placements(const std::function<void(Meeting)>& visit) override {
    read([&](Connection& connection) {
      queries::visit_placements(connection, visit);
      return true;
    });
  }
  std::vector<MeetingDocument> documents_of_frontend(std::string_view frontend_id) override {
    return read([&](Connection& connection) {
      return queries::documents_of_frontend(connection, frontend_id);
    });
  }
  std::vector<MeetingDocument> documents_after(std::string_view scoped_id,
                                               std::int64_t limit) override {
    return read([&](Connection& connection) {
      return queries::documents_after(connection, scoped_id, limit);
    });
  }
  std::optional<Meeting> find_meeting(std::string_view scoped_id) override {
    return read(
        [&](Connection& connection) { return queries::find_meeting(connection, scoped_id); });
  }
  std::vector<std::optional<Meeting>> find_meetings(
      const std::vector<std::string>& scoped_ids) override {
    return read(
        [&](Connection& connection) { return queries::find_meetings(connection, scoped_ids); });
  }
  std::expected<ReserveOutcome, WriteError> reserve(const Meeting& meeting) override {
    return std::move(reserve_all(std::span(&meeting, 1)).front());
  }
  std::vector<std::expected<ReserveOutcome, WriteError>> reserve_all(
      const std::vector<Meeting>& meetings) override {
    return reserve_all(std::span(meetings));
  }
  std::optional<Meeting> move_reservation(std::string_view scoped_id, std::int64_t epoch,
                                          std::string_view owner, std::string_view backend_id,
                                          std::string_view placement_json) override {
    try {
      return write([&](Connection& connection) {
        return queries::move_reservation(connection, scoped_id, epoch, owner, backend_id,
                                         placement_json);
      });
    } catch (const ForeignKeyViolation&) {
      return std::nullopt;  // someone deleted the backend it should have gone to
    }
  }
  std::optional<Meeting> bind(std::string_view scoped_id, std::int64_t epoch,
                              const Binding& binding, WallTime now) override {
    return std::move(bind_all({{std::string(scoped_id), epoch, binding}}, now).front());
  }
  std::vector<std::optional<Meeting>> bind_all(const std::vector<BindRequest>& requests,
                                               WallTime now) override {
    return write(
        [&](Connection& connection) { return queries::bind_all(connection, requests, now); });
  }
  bool release(std::string_view scoped_id, std::int64_t epoch, std::string_view owner) override {
    return write([&](Connection& connection) {
      return queries::release(connection, scoped_id, epoch, owner);
    });
  }
  std::optional<Meeting> end(std::string_view scoped_id, std::int64_t epoch,
                             WallTime now) override {
    return write(
        [&](Connection& connection) { return queries::end(connection, scoped_id, epoch, now); });
  }

  // The frontend of an adopted meeting may be deleted between looking for it and the insert; the
  // second time it is not found.
  RefreshOutcome record_refresh(const RefreshResult& result, WallTime now) override {
    const auto record = [&](Connection& connection) {
      return queries::record_refresh(connection, result, now);
    };
    try {
      return write(record);
    } catch (const ForeignKeyViolation&) {
      return write(record);
    }
  }
  std::vector<Tombstone> list_tombstones(std::string_view backend_id) override {
    return read(
        [&](Connection& connection) { return queries::list_tombstones(connection, backend_id); });
  }
  void bury(const Tombstone& tombstone) override {
    write_unseen([&](Connection& connection) {
      queries::bury(connection, tombstone);
      return true;
    });
  }
  void prune_tombstones(WallTime older_than) override {
    write_unseen([&](Connection& connection) {
      queries::prune_tombstones(connection, older_than);
      return true;
    });
  }

  FeedPosition feed_position() override { return read(queries::feed_position); }
  Changes read_changes(const FeedPosition& after, std::int64_t limit) override {
    return read(
        [&](Connection& connection) { return queries::read_changes(connection, after, limit); });
  }
  void prune_changes(WallTime older_than) override {
    write_unseen([&](Connection& connection) {
      queries::prune_changes(connection, older_than);
      return true;
    });
  }

  Membership beat(std::string_view instance_id, std::string_view host, WallTime now) override {
    return write_unseen(
        [&](Connection& connection) { return queries::beat(connection, instance_id, host, now); });
  }
  std::vector<std::string> claim_leases(std::string_view instance_id,
                                        const std::vector<LeaseClaim>& claims) override {
    return write_unseen([&](Connection& connection) {
      return queries::claim_leases(connection, instance_id, claims);
    });
  }
  void release_leases(std::string_view instance_id,
                      const std::vector<std::string>& names) override {
    write_unseen([&](Connection& connection) {
      queries::release_leases(connection, instance_id, names);
      return true;
    });
  }
  bool remove_instance(std::string_view instance_id, std::optional<std::int64_t> beat) override {
    return write_unseen([&](Connection& connection) {
      return queries::remove_instance(connection, instance_id, beat);
    });
  }

  void notify_changes() override {
    if (std::exchange(unannounced_, false)) session_.announce("NOTIFY b3scale_changes");
  }

 private:
  template <class Call>
  std::invoke_result_t<Call&, Connection&> read(Call call) {
    return session_.transact(Access::read, call);
  }
  template <class Call>
  std::invoke_result_t<Call&, Connection&> write(Call call) {
    auto result = session_.transact(Access::write, call);
    unannounced_ = true;
    return result;
  }
  // Of what the change feed does not show.
  template <class Call>
  std::invoke_result_t<Call&, Connection&> write_unseen(Call call) {
    return session_.transact(Access::write, call);
  }
  // What found a row that is gone again is tried once more.
  std::vector<std::expected<ReserveOutcome, WriteError>> reserve_all(
      std::span<const Meeting> meetings) {
    auto outcomes =
        write([&](Connection& connection) { return queries::reserve_all(connection, meetings); });
    for (std::size_t index = 0; index < outcomes.size(); ++index) {
      for (int attempt = 1; !outcomes[index]; ++attempt) {
        if (attempt == reserve_attempts) {
          throw StoreUnavailable("a reservation's row kept appearing and disappearing");
        }
        outcomes[index] =
            std::move(write([&](Connection& connection) {
                        return queries::reserve_all(connection, meetings.subspan(index, 1));
                      }).front());
      }
    }
    std::vector<std::expected<ReserveOutcome, WriteError>> settled;
    settled.reserve(outcomes.size());
    for (auto& outcome : outcomes) settled.push_back(std::move(*outcome));
    return settled;
  }
  template <class Value, class Call>
  std::expected<Value, WriteError> unless_taken(Call call) {
    try {
      return write(call);
    } catch (const UniqueViolation&) {
      return std::unexpected(WriteError::conflict);
    }
  }

  Session session_;
  bool unannounced_ = false;
};

}  // namespace

std::unique_ptr<Store> make_sql_store(Connect connect) {
  return std::make_unique<SqlStore>(std::move(connect));
}

}  // namespace b3::store
