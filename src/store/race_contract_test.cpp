// The Store's contract when several of them write at once, as several b3scaled do.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json/parse.hpp>
#include <set>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

constexpr int racers = 16;

B3_DATABASE_TEST("of many who reserve one id exactly one wins") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::array<ReserveOutcome, racers> outcomes;
  run_together(racers, [&](int number) {
    const auto mine = database.open();
    const auto& backend = number % 2 == 0 ? cluster.backend_a : cluster.backend_b;
    outcomes[std::size_t(number)] =
        mine->reserve(make_meeting(cluster.frontend, backend, "math")).value();
  });
  CHECK(std::ranges::count_if(outcomes, &ReserveOutcome::won) == 1);
  const auto row = *store->find_meeting("moodle~math");
  for (const auto& outcome : outcomes) {
    CHECK(outcome.meeting.owner == row.owner);
    CHECK(outcome.meeting.backend_id == row.backend_id);
  }
}

B3_DATABASE_TEST("of many who move one reservation exactly one does") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  std::atomic<int> moved = 0;
  run_together(racers, [&](int) {
    const auto mine = database.open();
    if (mine->move_reservation(row.scoped_id, row.epoch, row.owner, cluster.backend_b.id, "{}")) {
      ++moved;
    }
  });
  CHECK(moved == 1);
  CHECK(store->find_meeting(row.scoped_id)->epoch > row.epoch);
}

B3_DATABASE_TEST("of bind and release only one succeeds, whoever comes first") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto binder = database.open();
  const auto releaser = database.open();
  for (int round = 0; round < 20; ++round) {
    const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a,
                                    "m" + std::to_string(round), "");
    std::atomic<bool> bound = false;
    std::atomic<bool> released = false;
    run_together(2, [&](int number) {
      if (number == 0) {
        bound = binder->bind(row.scoped_id, row.epoch, {"i", "n", "d"}, at(1)).has_value();
      } else {
        released = releaser->release(row.scoped_id, row.epoch, row.owner);
      }
    });
    CHECK(bound != released);
    CHECK(store->find_meeting(row.scoped_id).has_value() == bound);
  }
}

B3_DATABASE_TEST("concurrent patches of different settings all survive") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  run_together(racers, [&](int number) {
    const auto mine = database.open();
    BackendPatch backend;
    backend.settings_merge_json = "{\"key" + std::to_string(number) + "\":" + "1}";
    mine->update_backend(cluster.backend_a.id, backend, at(number)).value();
    FrontendPatch frontend;
    frontend.settings_merge_json = backend.settings_merge_json;
    mine->update_frontend(cluster.frontend.id, frontend, at(number)).value();
  });
  const auto backend = boost::json::parse(store->find_backend(cluster.backend_a.id)->settings_json);
  const auto frontend =
      boost::json::parse(store->find_frontend(cluster.frontend.id)->settings_json);
  CHECK(backend.as_object().size() == racers);
  CHECK(frontend.as_object().size() == racers + 1);  // and what was there before
}

B3_DATABASE_TEST("patches and refreshes of one backend do not undo each other") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  constexpr int rounds = 25;
  run_together(3, [&](int number) {
    const auto mine = database.open();
    for (int round = 1; round <= rounds; ++round) {
      if (number == 0) {
        BackendPatch patch;
        patch.load_factor = round;
        patch.settings_merge_json = "{\"max_meetings\":" + std::to_string(round) + "}";
        mine->update_backend(cluster.backend_a.id, patch, at(round)).value();
      } else if (number == 1) {
        RefreshResult result;
        result.backend_id = cluster.backend_a.id;
        result.reachable = true;
        result.latency_microseconds = round;
        mine->record_refresh(result, at(round));
      } else {
        mine->record_heartbeat(cluster.backend_a.id, at(round)).value();
      }
    }
  });
  const auto backend = *store->find_backend(cluster.backend_a.id);
  CHECK(backend.load_factor == rounds);
  CHECK(boost::json::parse(backend.settings_json).at("max_meetings") == rounds);
  CHECK(backend.updated_at == at(rounds));
  CHECK(backend.latency_microseconds == rounds);
  CHECK(backend.synced_at == at(rounds));
  CHECK(backend.agent_heartbeat == at(rounds));
}

// A patch that commits between a refresh's look at the node and its write.
B3_DATABASE_TEST("a patch made while a refresh is under way survives it") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto other = database.open();
  const auto cluster = insert_cluster(*store);
  RefreshResult result;  // made from the backend as it was before the patch
  result.backend_id = cluster.backend_a.id;
  result.reachable = true;
  BackendPatch patch;
  patch.admin_state = AdminState::stopped;
  patch.secret = "rotated";
  REQUIRE(other->update_backend(cluster.backend_a.id, patch, at(1)));
  store->record_refresh(result, at(2));
  const auto backend = *store->find_backend(cluster.backend_a.id);
  CHECK(backend.admin_state == AdminState::stopped);
  CHECK(backend.secret == "rotated");
  CHECK(backend.node_state == NodeState::ready);
}

B3_DATABASE_TEST("deleting by force while reservations come in leaves nothing behind") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::atomic<int> unexpected = 0;
  run_together(6, [&](int number) {
    const auto mine = database.open();
    if (number == 0) {
      mine->delete_backend(cluster.backend_a.id, true).value();
      return;
    }
    for (int index = 0; index < 20; ++index) {
      const auto id = std::to_string(number) + "-" + std::to_string(index);
      const auto outcome = mine->reserve(make_meeting(cluster.frontend, cluster.backend_a, id));
      if (!outcome && outcome.error() != WriteError::not_found) ++unexpected;
    }
  });
  CHECK(unexpected == 0);
  CHECK(store->list_meetings().empty());
  CHECK(!store->find_backend(cluster.backend_a.id));
}

// Several instances refresh the same node and end meetings on it at the same time.
B3_DATABASE_TEST("refreshes and ends of the same meetings agree in the end") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::vector<Meeting> rows;
  RefreshResult result;
  result.backend_id = cluster.backend_a.id;
  result.reachable = true;
  for (int index = 0; index < 20; ++index) {
    const auto name = "m" + std::to_string(index);
    rows.push_back(insert_meeting(*store, cluster.frontend, cluster.backend_a, name, "i-" + name));
    result.changed.push_back(seen_as(rows.back(), rows.back().internal_id));
    result.adopted.push_back(rows.back());
  }
  auto reversed = result;
  std::ranges::reverse(reversed.changed);
  std::ranges::reverse(reversed.adopted);
  run_together(4, [&](int number) {
    const auto mine = database.open();
    for (const auto& row : rows) {
      if (number < 2) {
        mine->record_refresh(number == 0 ? result : reversed, at(3));
      } else if (number == 2) {
        mine->end(row.scoped_id, row.epoch, at(3));
      } else {
        mine->list_meetings();
      }
    }
  });
  CHECK(store->list_meetings().empty());  // nothing ended was adopted again
  CHECK(store->list_tombstones(cluster.backend_a.id).size() == rows.size());
}

}  // namespace
}  // namespace b3::store::testing
