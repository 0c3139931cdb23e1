// The Store's contract when the answer to COMMIT gets lost: the caller repeats, and nothing is
// doubled.
#include <doctest/doctest.h>

#include "store/sql_store.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

// Commits, and then breaks, as often as it is told to.
class LosingConnection : public Connection {
 public:
  LosingConnection(std::unique_ptr<Connection> inner, int& to_lose)
      : inner_(std::move(inner)), to_lose_(to_lose) {}
  Dialect dialect() const override { return inner_->dialect(); }
  bool usable() override { return !lost_ && inner_->usable(); }
  void begin(Access access) override { inner_->begin(access); }
  void commit() override {
    inner_->commit();
    if (to_lose_ == 0) return;
    --to_lose_;
    lost_ = true;
    throw StoreUnavailable("the answer is lost");
  }
  void rollback() noexcept override {
    if (!lost_) inner_->rollback();
  }
  Rows execute(std::string_view sql, Parameters parameters) override {
    return inner_->execute(sql, parameters);
  }
  void execute_script(const std::string& sql) override { inner_->execute_script(sql); }

 private:
  std::unique_ptr<Connection> inner_;
  int& to_lose_;
  bool lost_ = false;
};

// A cluster whose Store loses the answer of each write that repeat() makes.
template <class Database>
struct Lossy {
  Lossy()
      : store(make_sql_store(
            [this] { return std::make_unique<LosingConnection>(database.connect(), to_lose); })) {
    store->migrate(start_time);
    cluster = insert_cluster(*store);
  }

  // Makes the call until it is answered, which is the second time.
  template <class Call>
  std::invoke_result_t<Call&> repeat(Call call) {
    to_lose = 1;
    CHECK_THROWS_AS(call(), StoreUnavailable);
    CHECK(to_lose == 0);
    return call();
  }

  Database database;
  int to_lose = 0;
  std::unique_ptr<Store> store;
  Cluster cluster;
};

B3_DATABASE_TEST("a reservation whose answer got lost is won by asking again") {
  if (!Database::available()) return;
  Lossy<Database> world;
  auto& [database, to_lose, store, cluster] = world;
  const auto meeting = make_meeting(cluster.frontend, cluster.backend_a, "math");
  const auto outcome = world.repeat([&] { return store->reserve(meeting); });
  REQUIRE(outcome);
  CHECK(outcome->won);
  const auto group = world.repeat([&] { return store->reserve_all({meeting, meeting}); });
  CHECK(group[0]->won);
  CHECK(group[0]->meeting.epoch == outcome->meeting.epoch);
  CHECK(store->list_meetings().size() == 1);
}

B3_DATABASE_TEST("a move whose answer got lost has happened once") {
  if (!Database::available()) return;
  Lossy<Database> world;
  auto& [database, to_lose, store, cluster] = world;
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  const auto moved = world.repeat([&] {
    return store->move_reservation(row.scoped_id, row.epoch, row.owner, cluster.backend_b.id, "{}");
  });
  CHECK_FALSE(moved);  // who reads the row finds it at its new place
  const auto found = *store->find_meeting(row.scoped_id);
  CHECK(found.backend_id == cluster.backend_b.id);
  CHECK(found.owner == row.owner);
}

B3_DATABASE_TEST("a binding whose answer got lost is there, and stays as it is") {
  if (!Database::available()) return;
  Lossy<Database> world;
  auto& [database, to_lose, store, cluster] = world;
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  int second = 0;
  const auto bound = world.repeat(
      [&] { return store->bind(row.scoped_id, row.epoch, {"internal", "n", "d"}, at(++second)); });
  REQUIRE(bound);
  CHECK(bound->bound_at == at(1));
}

B3_DATABASE_TEST("releasing and ending are over after a lost answer") {
  if (!Database::available()) return;
  Lossy<Database> world;
  auto& [database, to_lose, store, cluster] = world;
  const auto reserved = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  const auto bound = insert_meeting(*store, cluster.frontend, cluster.backend_a, "art", "i");
  CHECK_FALSE(world.repeat(
      [&] { return store->release(reserved.scoped_id, reserved.epoch, reserved.owner); }));
  CHECK_FALSE(world.repeat([&] { return store->end(bound.scoped_id, bound.epoch, at(2)); }));
  CHECK(store->list_meetings().empty());
  CHECK(store->list_tombstones(cluster.backend_a.id).size() == 1);
}

B3_DATABASE_TEST("a node is given up once, and a refresh adopts once, whatever gets lost") {
  if (!Database::available()) return;
  Lossy<Database> world;
  auto& [database, to_lose, store, cluster] = world;
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "i");
  const auto given_up =
      world.repeat([&] { return store->give_up_backend(cluster.backend_a.id, "away", at(2)); });
  REQUIRE(given_up);
  CHECK(given_up->backend.health == Health::given_up);
  CHECK(store->list_meetings().empty());
  REQUIRE(store->list_tombstones(cluster.backend_a.id).size() == 1);
  CHECK(store->list_tombstones(cluster.backend_a.id)[0].kind == TombstoneKind::detached);

  RefreshResult result;
  result.backend_id = cluster.backend_a.id;
  result.reachable = true;
  result.adopted = {row};
  const auto outcome = world.repeat([&] { return store->record_refresh(result, at(3)); });
  CHECK(outcome.removed.empty());
  REQUIRE(store->list_meetings().size() == 1);
  CHECK(store->list_meetings()[0].internal_id == "i");
  CHECK(store->list_tombstones(cluster.backend_a.id).empty());

  const auto adopted = store->list_meetings()[0];
  result.adopted.clear();
  result.lost = {{adopted.scoped_id, adopted.epoch, "i"}};
  CHECK(world.repeat([&] { return store->record_refresh(result, at(4)); }).removed.empty());
  CHECK(store->list_meetings().empty());
}

B3_DATABASE_TEST("administrative changes and leases are made once, whatever gets lost") {
  if (!Database::available()) return;
  Lossy<Database> world;
  auto& [database, to_lose, store, cluster] = world;
  BackendPatch patch;
  patch.settings_merge_json = R"({"max_meetings":3})";
  CHECK(world.repeat([&] { return store->update_backend(cluster.backend_a.id, patch, at(1)); }));
  const auto frontend = make_frontend("new");
  const auto inserted = world.repeat([&] { return store->insert_frontend(frontend); });
  CHECK(inserted.error() == WriteError::conflict);  // with itself
  CHECK(store->find_frontend(frontend.id));
  CHECK(world.repeat([&] { return store->claim_leases("a", {{"x", ""}}); }).size() == 1);
  CHECK(world.repeat([&] { return store->remove_instance("a", std::nullopt); }));
  CHECK(store->beat("b", "host", at(2)).leases.empty());
}

}  // namespace
}  // namespace b3::store::testing
