// The Store's contract: health, nodes that are given up and come back, on either database.
#include <doctest/doctest.h>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

RefreshResult reached(const Backend& backend) {
  RefreshResult result;
  result.backend_id = backend.id;
  result.reachable = true;
  return result;
}

B3_DATABASE_TEST("the operator's word and the evidence are kept apart") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto backend = make_backend("a");
  backend.forced_health = Health::avoided;
  backend.health = Health::given_up;
  backend.health_reason = "refused for 90 s";
  const auto inserted = store->insert_backend(backend);
  REQUIRE(inserted);
  CHECK(inserted->forced_health == Health::avoided);
  CHECK(inserted->health == Health::given_up);
  CHECK(inserted->health_reason == "refused for 90 s");

  auto result = reached(backend);
  result.health = Health::avoided;
  result.health_reason = "just back";
  store->record_refresh(result, at(1));
  auto found = *store->find_backend(backend.id);
  CHECK(found.health == Health::avoided);
  CHECK(found.health_reason == "just back");
  CHECK(found.forced_health == Health::avoided);

  BackendPatch patch;
  patch.load_factor = 2;
  CHECK(store->update_backend(backend.id, patch, at(2))->forced_health == Health::avoided);
  patch.forced_health = std::optional(Health::usable);
  CHECK(store->update_backend(backend.id, patch, at(2))->forced_health == Health::usable);
  patch.forced_health = std::optional<Health>{};
  found = *store->update_backend(backend.id, patch, at(3));
  CHECK_FALSE(found.forced_health);
  CHECK(found.health == Health::avoided);  // not the operator's to change
}

B3_DATABASE_TEST("giving a node up frees its ids and leaves detached tombstones") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto& frontend = cluster.frontend;
  const auto bound = insert_meeting(*store, frontend, cluster.backend_a, "bound", "i-bound");
  const auto reserved = insert_meeting(*store, frontend, cluster.backend_a, "reserved", "");
  insert_meeting(*store, frontend, cluster.backend_b, "elsewhere", "i-elsewhere");

  const auto outcome = store->give_up_backend(cluster.backend_a.id, "refused for 90 s", at(5));
  REQUIRE(outcome);
  CHECK(outcome->backend.health == Health::given_up);
  CHECK(outcome->backend.health_reason == "refused for 90 s");
  CHECK(outcome->backend.updated_at == start_time);
  using Detached = std::vector<std::pair<std::string, std::int64_t>>;
  CHECK(outcome->detached ==
        Detached{{bound.scoped_id, bound.epoch}, {reserved.scoped_id, reserved.epoch}});
  CHECK(store->list_meetings().size() == 1);
  const auto stones = store->list_tombstones(cluster.backend_a.id);
  REQUIRE(stones.size() == 1);
  CHECK(stones[0].internal_id == "i-bound");
  CHECK(stones[0].scoped_id == bound.scoped_id);
  CHECK(stones[0].ended_at == at(5));
  CHECK(stones[0].kind == TombstoneKind::detached);

  const auto repeated = store->give_up_backend(cluster.backend_a.id, "still", at(6));
  REQUIRE(repeated);
  CHECK(repeated->detached.empty());
  CHECK(store->list_tombstones(cluster.backend_a.id).size() == 1);
  CHECK(store->give_up_backend("no such id", "", at(6)).error() == WriteError::not_found);
}

B3_DATABASE_TEST("what nobody replaced meanwhile is adopted when its node comes back") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  auto kept = insert_meeting(*store, cluster.frontend, cluster.backend_a, "kept", "i-kept");
  auto replaced = insert_meeting(*store, cluster.frontend, cluster.backend_a, "moved", "i-old");
  REQUIRE(store->give_up_backend(cluster.backend_a.id, "away", at(5)));
  const auto anew = insert_meeting(*store, cluster.frontend, cluster.backend_b, "moved", "i-new");
  CHECK(anew.epoch > replaced.epoch);
  auto stones = store->list_tombstones(cluster.backend_a.id);
  REQUIRE(stones.size() == 2);
  CHECK(stones[0].kind == TombstoneKind::detached);
  CHECK(stones[1].kind == TombstoneKind::ended);

  auto result = reached(cluster.backend_a);
  result.adopted = {kept, replaced};
  auto written = store->record_refresh(result, at(7)).written;
  REQUIRE(written.size() == 1);
  CHECK(written[0].scoped_id == kept.scoped_id);
  CHECK(written[0].epoch > kept.epoch);
  CHECK(store->find_meeting(replaced.scoped_id)->internal_id == "i-new");
  stones = store->list_tombstones(cluster.backend_a.id);
  REQUIRE(stones.size() == 1);
  CHECK(stones[0].internal_id == "i-old");

  // Even when the new one has ended by now, the old one stays over.
  REQUIRE(store->end(anew.scoped_id, anew.epoch, at(8)));
  CHECK(store->record_refresh(result, at(9)).written.empty());
  CHECK(store->list_meetings().size() == 1);
}

B3_DATABASE_TEST("a detached copy whose id is taken keeps its tombstone") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_b, "math", "i-b");
  store->bury({"i-a", row.scoped_id, cluster.backend_a.id, at(1), TombstoneKind::detached});
  auto copy = row;
  copy.internal_id = "i-a";
  auto result = reached(cluster.backend_a);
  result.adopted = {copy};
  CHECK(store->record_refresh(result, at(2)).written.empty());
  REQUIRE(store->list_tombstones(cluster.backend_a.id).size() == 1);
  CHECK(store->list_tombstones(cluster.backend_a.id)[0].kind == TombstoneKind::detached);
}

B3_DATABASE_TEST("giving a node up while reservations come in leaves no row on it unseen") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::vector<std::pair<std::string, std::int64_t>> detached;
  run_together(4, [&](int number) {
    const auto mine = database.open();
    if (number == 0) {
      detached = mine->give_up_backend(cluster.backend_a.id, "away", at(3))->detached;
      return;
    }
    for (int index = 0; index < 15; ++index) {
      const auto id = std::to_string(number) + "-" + std::to_string(index);
      const auto row =
          mine->reserve(make_meeting(cluster.frontend, cluster.backend_a, id))->meeting;
      mine->bind(row.scoped_id, row.epoch, {"i-" + id, "", ""}, at(1));
    }
  });
  // Each is either still there, or told as detached and, if it was bound, has its tombstone.
  CHECK(store->list_meetings().size() + detached.size() == 45);
  for (const auto& stone : store->list_tombstones(cluster.backend_a.id)) {
    CHECK(stone.kind == TombstoneKind::detached);
    CHECK_FALSE(store->find_meeting(stone.scoped_id));
  }
}

}  // namespace
}  // namespace b3::store::testing
