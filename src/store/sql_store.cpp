#include "store/sql_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/fault_point.h"
#include "store/migrations.h"
#include "store/queries.h"
#include "store/sql_administration.h"

namespace b3::store {

namespace {

// Migrations lock whole tables, which other programs use meanwhile.
constexpr int migration_attempts = 5;
// A reservation can find its id taken by a row that is gone when it looks who holds it.
constexpr int reserve_attempts = 5;

class SqlStore : public SqlAdministration {
 public:
  using SqlAdministration::SqlAdministration;

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

  void in_transaction(const std::function<void(Store&)>& work) override {
    session_.transact_all([&] { work(*this); });
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
    return std::move(reserve_all({meeting}).front());
  }
  CreatesDone write_creates(const std::vector<Meeting>& reservations,
                            const std::vector<BindRequest>& bindings, WallTime now) override {
    last_written_.clear();
    const std::span all(bindings);
    if (queries::first_of_each(all).size() == bindings.size()) {
      return write_together(reservations, all, now);
    }
    // Requests for one id take turns, as they would one by one.
    auto done = write_together(reservations, {}, now);
    for (std::size_t index = 0; index < all.size(); ++index) {
      done.bound.push_back(std::move(write_together({}, all.subspan(index, 1), now).bound.front()));
    }
    return done;
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
  std::optional<Meeting> bury_unless_named(const Tombstone& tombstone) override {
    return write_unseen(
        [&](Connection& connection) { return queries::bury_unless_named(connection, tombstone); });
  }
  void prune_tombstones(WallTime older_than) override {
    write_unseen([&](Connection& connection) {
      queries::prune_tombstones(connection, older_than);
      return true;
    });
  }

  FeedPosition feed_position() override { return read(queries::feed_position); }
  Changes read_changes(const FeedPosition& after, std::int64_t limit) override {
    const auto is_known = [&](std::int64_t transaction) {
      return own_ && own_->contains(transaction, std::chrono::steady_clock::now());
    };
    return read([&](Connection& connection) {
      return queries::read_changes(connection, after, limit, is_known);
    });
  }
  void prune_changes(WallTime older_than) override {
    write_unseen([&](Connection& connection) {
      queries::prune_changes(connection, older_than);
      return true;
    });
  }

  std::vector<std::string> record_heartbeats(const std::vector<Heartbeat>& heartbeats) override {
    if (heartbeats.empty()) return {};
    return write(
        [&](Connection& connection) { return queries::record_heartbeats(connection, heartbeats); });
  }
  std::optional<Backend> find_backend_of_agent(std::string_view agent_ref) override {
    return read([&](Connection& connection) {
      return queries::find_backend_of_agent(connection, agent_ref);
    });
  }
  std::vector<std::optional<Meeting>> revise_meetings(
      const std::vector<std::string>& scoped_ids,
      const std::function<Revision(std::size_t, Meeting&)>& revise, WallTime now) override {
    if (scoped_ids.empty()) return {};
    return write([&](Connection& connection) {
      return queries::revise_meetings(connection, scoped_ids, revise, now);
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

  void leave_out_last_write() override {
    if (!own_) return;
    const auto now = std::chrono::steady_clock::now();
    for (const auto transaction : std::exchange(last_written_, {})) own_->note(transaction, now);
  }
  void notify_changes() override {
    if (std::exchange(unannounced_, false)) session_.announce("NOTIFY b3scale_changes");
  }

 private:
  // A frontend or backend that is deleted at this very moment is gone the next time.
  queries::CreatesWritten write_group(queries::CreatesWanted wanted) {
    const auto call = [&](Connection& connection) {
      return queries::write_creates(connection, wanted);
    };
    for (int attempt = 1;; ++attempt) {
      try {
        auto done = session_.transact<Commits::by_itself>(Access::write, call);
        unannounced_ = true;
        if (done.transaction != 0) last_written_.push_back(done.transaction);
        return done;
      } catch (const ForeignKeyViolation&) {
        if (attempt == reserve_attempts) throw;
      } catch (const Declined&) {
        wanted.careful = true;
      } catch (const UniqueViolation&) {
        if (std::exchange(wanted.careful, true)) throw;
      }
    }
  }
  CreatesDone write_together(std::span<const Meeting> reservations,
                             std::span<const BindRequest> bindings, WallTime now) {
    if (reservations.empty() && bindings.empty()) return {};
    auto written =
        write_group({queries::first_of_each(reservations), queries::first_of_each(bindings), now});
    return {settle_reservations(reservations, written.reserved),
            settle_bindings(bindings, std::move(written.bound))};
  }
  std::vector<queries::ReserveAnswer> tell_reserved(std::span<const Meeting> meetings,
                                                    const queries::RowsById& inserted) {
    auto answers = queries::tell_inserted(meetings, inserted);
    if (!std::ranges::all_of(answers, &queries::ReserveAnswer::has_value)) {
      read([&](Connection& connection) {
        queries::tell_others(connection, meetings, answers);
        return true;
      });
    }
    return answers;
  }
  // What found a row that is gone again is tried once more.
  std::vector<std::expected<ReserveOutcome, WriteError>> settle_reservations(
      std::span<const Meeting> meetings, const queries::RowsById& inserted) {
    std::vector<std::expected<ReserveOutcome, WriteError>> settled;
    settled.reserve(meetings.size());
    auto answers = tell_reserved(meetings, inserted);
    for (std::size_t index = 0; index < answers.size(); ++index) {
      const auto one = meetings.subspan(index, 1);
      for (int attempt = 1; !answers[index]; ++attempt) {
        if (attempt == reserve_attempts) {
          throw StoreUnavailable("a reservation's row kept appearing and disappearing");
        }
        const auto written = write_group({queries::first_of_each(one), {}, {}});
        answers[index] = std::move(tell_reserved(one, written.reserved).front());
      }
      settled.push_back(std::move(*answers[index]));
    }
    return settled;
  }
  std::vector<std::optional<Meeting>> settle_bindings(std::span<const BindRequest> requests,
                                                      queries::RowsById bound) {
    std::vector<std::optional<Meeting>> answers;
    for (const auto& request : requests) {
      const auto row = bound.find(to_storable_text(request.scoped_id));
      auto& answer = answers.emplace_back();
      if (row != bound.end()) answer = std::move(row->second);
    }
    if (bound.size() < requests.size()) {
      read([&](Connection& connection) {
        queries::tell_bound(connection, requests, answers);
        return true;
      });
    }
    return answers;
  }
  template <class Value, class Call>
  std::expected<Value, WriteError> unless_taken(Call call) {
    try {
      return write(call);
    } catch (const UniqueViolation&) {
      return std::unexpected(WriteError::conflict);
    }
  }

  std::vector<std::int64_t> last_written_;  // transactions of the last group
};

}  // namespace

std::unique_ptr<Store> make_sql_store(Connect connect, std::shared_ptr<OwnWrites> own) {
  return std::make_unique<SqlStore>(std::move(connect), std::move(own));
}

}  // namespace b3::store
