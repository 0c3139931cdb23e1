// The Store's contract: epochs, and reservations and bindings in groups, on either database.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "store/queries.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

B3_DATABASE_TEST(
    "epochs grow with every reservation, move and adoption, whatever the caller says") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  auto meeting = make_meeting(cluster.frontend, cluster.backend_a, "math");
  meeting.epoch = 9'000'000'000'000'000;
  const auto first = store->reserve(meeting)->meeting;
  CHECK(first.epoch > to_unix_milliseconds(start_time));
  CHECK(first.epoch < meeting.epoch);
  REQUIRE(store->release(first.scoped_id, first.epoch, first.owner));
  const auto second = database.open()->reserve(meeting)->meeting;
  CHECK(second.epoch > first.epoch);
  const auto moved = store->move_reservation(second.scoped_id, second.epoch, second.owner,
                                             cluster.backend_b.id, "{}");
  REQUIRE(moved);
  CHECK(moved->epoch > second.epoch);
  const auto bound = store->bind(moved->scoped_id, moved->epoch, {"i", "n", "d"}, at(1));
  REQUIRE(bound);
  CHECK(bound->epoch == moved->epoch);

  RefreshResult result;
  result.backend_id = cluster.backend_a.id;
  result.reachable = true;
  for (const auto* id : {"art", "sport"}) {
    result.adopted.push_back(make_meeting(cluster.frontend, cluster.backend_a, id));
    result.adopted.back().internal_id = id;
  }
  const auto adopted = store->record_refresh(result, at(2)).written;
  REQUIRE(adopted.size() == 2);
  CHECK(std::min(adopted[0].epoch, adopted[1].epoch) > moved->epoch);
  CHECK(adopted[0].epoch != adopted[1].epoch);
}

B3_DATABASE_TEST("a group reserves for each as if it had come alone") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto standing = insert_meeting(*store, cluster.frontend, cluster.backend_b, "taken", "i");
  const auto plain = make_meeting(cluster.frontend, cluster.backend_a, "zeta");
  auto hostile = make_meeting(cluster.frontend, cluster.backend_a, std::string("nul\0\xff", 5));
  hostile.name = std::string("a\0b", 3);
  const auto no_backend = make_meeting(cluster.frontend, make_backend("x"), "m1");
  const auto no_frontend = make_meeting(make_frontend("x"), cluster.backend_a, "m2");
  const auto taken = make_meeting(cluster.frontend, cluster.backend_a, "taken");
  const auto twin = make_meeting(cluster.frontend, cluster.backend_b, "zeta");
  auto last = make_meeting(cluster.frontend, cluster.backend_b, "alpha");
  last.owner.clear();

  const auto outcomes =
      store->reserve_all({plain, hostile, no_backend, no_frontend, taken, twin, last, last});
  REQUIRE(outcomes.size() == 8);
  CHECK(outcomes[0]->won);
  CHECK(outcomes[0]->meeting.scoped_id == plain.scoped_id);
  CHECK(outcomes[0]->meeting.placement_json == plain.placement_json);
  REQUIRE(outcomes[1]);
  CHECK(outcomes[1]->won);
  CHECK(outcomes[1]->meeting.name ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(outcomes[2].error() == WriteError::not_found);
  CHECK(outcomes[3].error() == WriteError::not_found);
  CHECK_FALSE(outcomes[4]->won);
  CHECK(outcomes[4]->meeting.internal_id == "i");
  CHECK(outcomes[4]->meeting.epoch == standing.epoch);
  // Of two for one id the first wins and the second hears of it.
  CHECK_FALSE(outcomes[5]->won);
  CHECK(outcomes[5]->meeting.owner == plain.owner);
  CHECK(outcomes[6]->won);
  CHECK_FALSE(outcomes[7]->won);
  CHECK(store->list_meetings().size() == 4);
  std::set<std::int64_t> epochs;
  for (const auto& row : store->list_meetings()) epochs.insert(row.epoch);
  CHECK(epochs.size() == 4);

  // The same once more, as after an unknown outcome.
  const auto repeated = store->reserve_all({plain, twin});
  CHECK(repeated[0]->won);
  CHECK_FALSE(repeated[1]->won);
  CHECK(store->list_meetings().size() == 4);
  CHECK(store->reserve_all({}).empty());
}

B3_DATABASE_TEST("a group binds each as if it had come alone") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto one = insert_meeting(*store, cluster.frontend, cluster.backend_a, "one", "");
  const auto two = insert_meeting(*store, cluster.frontend, cluster.backend_b, "two", "");
  const auto done = insert_meeting(*store, cluster.frontend, cluster.backend_b, "done", "i-done");
  const auto stale = insert_meeting(*store, cluster.frontend, cluster.backend_b, "stale", "");
  store->bury({"i-one", one.scoped_id, cluster.backend_a.id, at(0), TombstoneKind::detached});

  const std::vector<Store::BindRequest> requests{
      {two.scoped_id, two.epoch, {"i-two", "zwei", "<two/>"}},
      {one.scoped_id, one.epoch, {"i-one", std::string("ei\0ns", 5), "<one/>"}},
      {done.scoped_id, done.epoch, {"i-done", "late", "<late/>"}},
      {stale.scoped_id, stale.epoch - 1, {"i-stale", "", ""}},
      {"moodle~absent", 1, {"i", "", ""}}};
  const auto outcomes = store->bind_all(requests, at(4));
  REQUIRE(outcomes.size() == requests.size());
  CHECK(outcomes[0]->internal_id == "i-two");
  CHECK(outcomes[0]->document == "<two/>");
  CHECK(outcomes[0]->bound_at == at(4));
  CHECK(outcomes[1]->phase == MeetingPhase::bound);
  CHECK(outcomes[1]->name == "ei\xEF\xBF\xBDns");
  CHECK(outcomes[2]->bound_at == at(1));  // was bound so before
  CHECK(outcomes[2]->document == "<meeting/>");
  CHECK_FALSE(outcomes[3]);
  CHECK_FALSE(outcomes[4]);
  CHECK(store->find_meeting(stale.scoped_id)->phase == MeetingPhase::reserved);
  CHECK(store->list_tombstones(cluster.backend_a.id).empty());

  // Two for one id take turns: the node restarted the meeting in between.
  const auto twice = store->bind_all({{one.scoped_id, one.epoch, {"i-one", "", ""}},
                                      {one.scoped_id, one.epoch, {"i-new", "", "", "i-one"}}},
                                     at(5));
  CHECK(twice[0]->internal_id == "i-one");
  CHECK(twice[1]->internal_id == "i-new");
  CHECK(store->bind_all({}, at(6)).empty());
}

// Counts what a transaction asks of the database.
class CountingConnection : public Connection {
 public:
  explicit CountingConnection(std::unique_ptr<Connection> inner) : inner_(std::move(inner)) {}
  Dialect dialect() const override { return inner_->dialect(); }
  bool usable() override { return inner_->usable(); }
  void begin(Access access) override { inner_->begin(access); }
  void commit() override { inner_->commit(); }
  void rollback() noexcept override { inner_->rollback(); }
  Rows execute(std::string_view sql, Parameters parameters) override {
    ++statements;
    return inner_->execute(sql, parameters);
  }
  void execute_script(const std::string& sql) override { inner_->execute_script(sql); }

  int statements = 0;

 private:
  std::unique_ptr<Connection> inner_;
};

B3_DATABASE_TEST("a group of hundreds takes a handful of statements") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::vector<Meeting> meetings;
  for (int index = 0; index < 256; ++index) {
    meetings.push_back(
        make_meeting(cluster.frontend, cluster.backend_a, std::to_string(index / 2)));
  }
  CountingConnection connection{database.connect()};
  const auto reserve = [&](bool careful) {
    connection.statements = 0;
    connection.begin(Access::write);
    const auto wanted = queries::first_of_each<Meeting>(meetings);
    const auto written = queries::write_creates(connection, {wanted, {}, {}, careful});
    return queries::tell_inserted(meetings, written.reserved);
  };
  const auto reserved = reserve(false);
  CHECK(connection.statements <= 4);
  std::vector<Store::BindRequest> requests;
  for (const auto& outcome : reserved) {
    if (!(*outcome)->won) continue;
    const auto& row = (*outcome)->meeting;
    requests.push_back({row.scoped_id, row.epoch, {"i-" + row.meeting_id, "", ""}});
  }
  REQUIRE(requests.size() == 128);
  connection.statements = 0;
  connection.begin(Access::write);
  const auto wanted = queries::first_of_each<Store::BindRequest>(requests);
  CHECK(queries::write_creates(connection, {{}, wanted, at(1), false}).bound.size() == 128);
  CHECK(connection.statements <= 4);
  // Those that were there before.
  auto again = reserve(true);
  CHECK(std::ranges::none_of(again, &queries::ReserveAnswer::has_value));
  connection.begin(Access::read);
  queries::tell_others(connection, meetings, again);
  connection.commit();
  CHECK(std::ranges::all_of(again, &queries::ReserveAnswer::has_value));
  CHECK(connection.statements <= 5);
}

B3_DATABASE_TEST("groups of several instances over the same ids give each id to one of them") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  constexpr int ids = 40;
  std::vector<std::vector<std::expected<ReserveOutcome, WriteError>>> outcomes(6);
  run_together(6, [&](int number) {
    const auto mine = database.open();
    const auto& backend = number % 2 == 0 ? cluster.backend_a : cluster.backend_b;
    std::vector<Meeting> meetings;
    for (int id = 0; id < ids; ++id) {
      meetings.push_back(make_meeting(cluster.frontend, backend, "m" + std::to_string(id)));
    }
    if (number % 3 == 0) std::ranges::reverse(meetings);
    auto& answers = outcomes[std::size_t(number)];
    answers = mine->reserve_all(meetings);
    std::vector<Store::BindRequest> requests;  // everyone binds everything, in any order
    for (const auto& answer : answers) {
      requests.push_back({answer->meeting.scoped_id, answer->meeting.epoch, {"i", "", ""}});
    }
    mine->bind_all(requests, at(number));
  });
  int won = 0;
  for (const auto& answers : outcomes) {
    won += int(std::ranges::count_if(answers, [](const auto& answer) { return answer->won; }));
  }
  CHECK(won == ids);
  const auto rows = store->list_meetings();
  REQUIRE(rows.size() == ids);
  for (const auto& row : rows) CHECK(row.phase == MeetingPhase::bound);
}

B3_DATABASE_TEST("groups do not fail while a backend of some of them is deleted") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::atomic<int> lost = 0;
  run_together(4, [&](int number) {
    const auto mine = database.open();
    if (number == 0) {
      mine->delete_backend(cluster.backend_a.id, true).value();
      return;
    }
    for (int round = 0; round < 10; ++round) {
      const auto id = std::to_string(number) + "-" + std::to_string(round);
      const auto outcomes =
          mine->reserve_all({make_meeting(cluster.frontend, cluster.backend_a, "a" + id),
                             make_meeting(cluster.frontend, cluster.backend_b, "b" + id)});
      if (!outcomes[1] || !outcomes[1]->won) ++lost;
    }
  });
  CHECK(lost == 0);
  const auto rows = store->list_meetings();
  CHECK(rows.size() == 30);
  for (const auto& row : rows) CHECK(row.backend_id == cluster.backend_b.id);
}

}  // namespace
}  // namespace b3::store::testing
