#include "store/sql_store.h"

#include <type_traits>
#include <utility>

#include "store/migrations.h"
#include "store/postgres_connection.h"
#include "store/queries.h"

namespace b3::store {

namespace {

// A transaction that lost against another one is tried this often in all.
constexpr int transaction_attempts = 2;
// A reservation can find its id taken by a row that is gone when it looks who holds it.
constexpr int reserve_attempts = 5;

// Connects when needed and runs calls as transactions.
class Session {
 public:
  explicit Session(Connect connect) : connect_(std::move(connect)) {}

  template <class Call>
  std::invoke_result_t<Call&, Connection&> transact(Access access, Call& call) {
    for (int attempt = 1;; ++attempt) {
      begin(access);
      try {
        auto result = call(*connection_);
        connection_->commit();
        return result;
      } catch (const TransactionConflict&) {
        abandon();
        if (attempt == transaction_attempts) throw;
      } catch (...) {
        abandon();
        throw;
      }
    }
  }

 private:
  // A connection that turns out to be dead before anything was asked of it is replaced once.
  void begin(Access access) {
    const bool reused = connection_ && connection_->usable();
    if (!reused) connection_ = connect_();
    try {
      connection_->begin(access);
      return;
    } catch (const Unreachable&) {
      abandon();
      throw;  // the server is silent: a new connection would wait again
    } catch (const StoreUnavailable&) {
      abandon();
      if (!reused || connection_) throw;
    }
    connection_ = connect_();
    connection_->begin(access);
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
    return write([&](Connection& connection) { return apply_migrations(connection, now); });
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
  std::expected<Backend, WriteError> record_heartbeat(std::string_view id, WallTime now) override {
    auto backend = write(
        [&](Connection& connection) { return queries::record_heartbeat(connection, id, now); });
    if (!backend) return std::unexpected(WriteError::not_found);
    return std::move(*backend);
  }

  std::vector<Meeting> list_meetings() override { return read(queries::list_meetings); }
  std::optional<Meeting> find_meeting(std::string_view scoped_id) override {
    return read(
        [&](Connection& connection) { return queries::find_meeting(connection, scoped_id); });
  }
  std::expected<ReserveOutcome, WriteError> reserve(const Meeting& meeting) override {
    for (int attempt = 0; attempt < reserve_attempts; ++attempt) {
      try {
        auto outcome =
            write([&](Connection& connection) { return queries::reserve(connection, meeting); });
        if (outcome) return std::move(*outcome);
      } catch (const ForeignKeyViolation&) {
        return std::unexpected(WriteError::not_found);
      }
    }
    throw StoreUnavailable("a reservation's row kept appearing and disappearing");
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
    return write([&](Connection& connection) {
      return queries::bind(connection, scoped_id, epoch, binding, now);
    });
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
    write([&](Connection& connection) {
      queries::bury(connection, tombstone);
      return true;
    });
  }
  void prune_tombstones(WallTime older_than) override {
    write([&](Connection& connection) {
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
    write([&](Connection& connection) {
      queries::prune_changes(connection, older_than);
      return true;
    });
  }

 private:
  template <class Call>
  std::invoke_result_t<Call&, Connection&> read(Call call) {
    return session_.transact(Access::read, call);
  }
  template <class Call>
  std::invoke_result_t<Call&, Connection&> write(Call call) {
    return session_.transact(Access::write, call);
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
};

}  // namespace

std::unique_ptr<Store> make_sql_store(Connect connect) {
  return std::make_unique<SqlStore>(std::move(connect));
}

}  // namespace b3::store
