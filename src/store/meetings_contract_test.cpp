// The Store's contract: reservations, bindings, ends and tombstones, on either database.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

B3_DATABASE_TEST("a reservation is kept as it was given") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  auto meeting = make_meeting(cluster.frontend, cluster.backend_a, "math");
  meeting.expected_size = 250;
  meeting.document = "<meeting>\xf0\x9f\x8e\x93</meeting>";
  const auto outcome = store->reserve(meeting);
  REQUIRE(outcome);
  CHECK(outcome->won);
  const auto found = database.open()->find_meeting("moodle~math");
  REQUIRE(found);
  CHECK(found->scoped_id == "moodle~math");
  CHECK(found->meeting_id == "math");
  CHECK(found->frontend_id == cluster.frontend.id);
  CHECK(found->backend_id == cluster.backend_a.id);
  CHECK(found->phase == MeetingPhase::reserved);
  CHECK(found->epoch == outcome->meeting.epoch);
  CHECK(found->owner == meeting.owner);
  CHECK(found->internal_id.empty());
  CHECK(found->name == meeting.name);
  CHECK(!found->running);
  CHECK(found->counts == MeetingCounts{});
  CHECK(found->expected_size == 250);
  CHECK(found->document == meeting.document);
  CHECK(found->placement_json == meeting.placement_json);
  CHECK(found->reserved_at == start_time);
  CHECK(!found->bound_at);
  CHECK(!found->seen_at);
}

B3_DATABASE_TEST("a taken id is told with the row that is there") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto first = make_meeting(cluster.frontend, cluster.backend_a, "math");
  REQUIRE(store->reserve(first)->won);

  const auto second = store->reserve(make_meeting(cluster.frontend, cluster.backend_b, "math"));
  REQUIRE(second);
  CHECK(!second->won);
  CHECK(second->meeting.owner == first.owner);
  CHECK(second->meeting.backend_id == cluster.backend_a.id);

  const auto repeated = store->reserve(first);
  REQUIRE(repeated);
  CHECK(repeated->won);
  CHECK(store->list_meetings().size() == 1);

  auto nobody = make_meeting(cluster.frontend, cluster.backend_a, "nobody's");
  nobody.owner.clear();
  REQUIRE(store->reserve(nobody)->won);
  CHECK(!store->reserve(nobody)->won);  // two without an owner are not the same one
}

B3_DATABASE_TEST("a reservation needs its frontend and its backend") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  CHECK(store->reserve(make_meeting(cluster.frontend, make_backend("x"), "m")).error() ==
        WriteError::not_found);
  CHECK(store->reserve(make_meeting(make_frontend("x"), cluster.backend_a, "m")).error() ==
        WriteError::not_found);
  CHECK(store->list_meetings().empty());
  CHECK(store->reserve(make_meeting(cluster.frontend, cluster.backend_a, "m"))->won);
}

B3_DATABASE_TEST("a reservation moves for its owner and epoch only") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  const auto& to = cluster.backend_b.id;

  CHECK(!store->move_reservation(row.scoped_id, row.epoch + 1, row.owner, to, "{}"));
  CHECK(!store->move_reservation(row.scoped_id, row.epoch, "someone else", to, "{}"));
  CHECK(!store->move_reservation("moodle~other", row.epoch, row.owner, to, "{}"));
  CHECK(!store->move_reservation(row.scoped_id, row.epoch, row.owner, "no such backend", "{}"));
  CHECK(store->find_meeting(row.scoped_id)->backend_id == cluster.backend_a.id);

  const auto moved = store->move_reservation(row.scoped_id, row.epoch, row.owner, to, R"({"n":2})");
  REQUIRE(moved);
  CHECK(moved->backend_id == to);
  CHECK(moved->epoch > row.epoch);
  CHECK(moved->placement_json == R"({"n":2})");
  CHECK(moved->phase == MeetingPhase::reserved);
  CHECK(!store->move_reservation(row.scoped_id, row.epoch, row.owner, to, "{}"));

  REQUIRE(store->bind(row.scoped_id, moved->epoch, {"i", "n", "d"}, at(1)));
  CHECK(!store->move_reservation(row.scoped_id, moved->epoch, row.owner, to, "{}"));
}

B3_DATABASE_TEST("binding is compare-and-set and repeatable") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  CHECK(!store->bind(row.scoped_id, row.epoch - 1, {"i", "n", "d"}, at(1)));
  CHECK(!store->bind("moodle~other", row.epoch, {"i", "n", "d"}, at(1)));

  const auto bound = store->bind(row.scoped_id, row.epoch, {"internal", "name", "<m/>"}, at(1));
  REQUIRE(bound);
  CHECK(bound->phase == MeetingPhase::bound);
  CHECK(bound->internal_id == "internal");
  CHECK(bound->name == "name");
  CHECK(bound->document == "<m/>");
  CHECK(bound->bound_at == at(1));
  CHECK(bound->owner == row.owner);
  CHECK(bound->reserved_at == start_time);

  RefreshResult refresh;
  refresh.backend_id = cluster.backend_a.id;
  refresh.reachable = true;
  refresh.changed = {seen_as(*bound, "internal")};
  REQUIRE(store->record_refresh(refresh, at(2)).written.size() == 1);

  // The same again: what the refresh has seen since stays.
  const auto repeated = store->bind(row.scoped_id, row.epoch, {"internal", "name", "<m/>"}, at(3));
  REQUIRE(repeated);
  CHECK(repeated->bound_at == at(1));
  CHECK(repeated->seen_at == at(2));
  CHECK(repeated->counts.participants == 5);
  CHECK(repeated->document == refresh.changed[0].document);

  // The node restarted it: a new life with nobody in it.
  const auto restarted =
      store->bind(row.scoped_id, row.epoch, {"internal-2", "n2", "<m2/>", "internal"}, at(4));
  REQUIRE(restarted);
  CHECK(restarted->internal_id == "internal-2");
  CHECK(restarted->document == "<m2/>");
  CHECK(restarted->bound_at == at(4));
  CHECK(!restarted->seen_at);
  CHECK(!restarted->running);
  CHECK(restarted->counts == MeetingCounts{});

  // An answer that was late: the row has followed its node since.
  CHECK(!store->bind(row.scoped_id, row.epoch, {"internal", "name", "<m/>"}, at(5)));
  CHECK(!store->bind(row.scoped_id, row.epoch, {"internal-3", "n3", "<m3/>", "internal"}, at(5)));
  CHECK(store->find_meeting(row.scoped_id)->internal_id == "internal-2");
}

B3_DATABASE_TEST("releasing is for the owner of an unbound reservation") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  CHECK(!store->release(row.scoped_id, row.epoch, "someone else"));
  CHECK(!store->release(row.scoped_id, row.epoch + 1, row.owner));
  CHECK(store->release(row.scoped_id, row.epoch, row.owner));
  CHECK(!store->release(row.scoped_id, row.epoch, row.owner));
  CHECK(!store->find_meeting(row.scoped_id));

  const auto bound = insert_meeting(*store, cluster.frontend, cluster.backend_a, "art", "internal");
  CHECK(!store->release(bound.scoped_id, bound.epoch, bound.owner));
  CHECK(store->find_meeting(bound.scoped_id));
}

B3_DATABASE_TEST("ending leaves a tombstone where the node may hold a copy") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto bound =
      insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "internal");
  const auto reserved = insert_meeting(*store, cluster.frontend, cluster.backend_a, "art", "");

  CHECK(!store->end(bound.scoped_id, bound.epoch + 1, at(2)));
  CHECK(store->list_tombstones(cluster.backend_a.id).empty());
  const auto ended = store->end(bound.scoped_id, bound.epoch, at(2));
  REQUIRE(ended);
  CHECK(ended->internal_id == "internal");
  CHECK(!store->end(bound.scoped_id, bound.epoch, at(3)));
  REQUIRE(store->end(reserved.scoped_id, reserved.epoch, at(3)));
  CHECK(store->list_meetings().empty());

  const auto tombstones = store->list_tombstones(cluster.backend_a.id);
  REQUIRE(tombstones.size() == 1);
  CHECK(tombstones[0].internal_id == "internal");
  CHECK(tombstones[0].scoped_id == bound.scoped_id);
  CHECK(tombstones[0].backend_id == cluster.backend_a.id);
  CHECK(tombstones[0].ended_at == at(2));
  CHECK(store->list_tombstones(cluster.backend_b.id).empty());

  // The same internal id ended once more, on another node.
  store->bury({"internal", bound.scoped_id, cluster.backend_b.id, at(8)});
  CHECK(store->list_tombstones(cluster.backend_a.id).empty());
  REQUIRE(store->list_tombstones(cluster.backend_b.id).size() == 1);

  store->prune_tombstones(at(8));  // older than, so not this one
  CHECK(store->list_tombstones(cluster.backend_b.id).size() == 1);
  store->prune_tombstones(at(9));
  CHECK(store->list_tombstones(cluster.backend_b.id).empty());
}

B3_DATABASE_TEST("hostile texts are values, never SQL, and always storable") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  auto meeting = make_meeting(cluster.frontend, cluster.backend_a, "'); DROP TABLE meetings; --");
  meeting.name = std::string("a\0b\xff\xc3", 5);
  REQUIRE(store->reserve(meeting)->won);
  const auto found = store->find_meeting(meeting.scoped_id);
  REQUIRE(found);
  CHECK(found->meeting_id == meeting.meeting_id);
  CHECK(found->name ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD\xEF\xBF\xBD");
  // A NUL does not cut an id short.
  CHECK(!store->find_meeting(meeting.scoped_id + std::string("\0x", 2)));
  CHECK(!store->release(meeting.scoped_id, found->epoch, meeting.owner + std::string("\0", 1)));
}

B3_DATABASE_TEST("an ended meeting that its node offers again is not bound: it would come back") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row =
      insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "math-internal");
  REQUIRE(store->end(row.scoped_id, row.epoch, at(1)));
  CHECK(store->list_tombstones(cluster.backend_a.id).size() == 1);
  const auto again = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  CHECK(!store->bind(again.scoped_id, again.epoch, {"math-internal", "n", "d"}, at(2)));
  CHECK(store->find_meeting(again.scoped_id)->phase == MeetingPhase::reserved);
  CHECK(store->list_tombstones(cluster.backend_a.id).size() == 1);
  CHECK(store->bind(again.scoped_id, again.epoch, {"math-2", "n", "d"}, at(3)));
}

B3_DATABASE_TEST("a copy that never had a row can be buried") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  store->bury({"stray-internal", "moodle~math", cluster.backend_a.id, at(1)});
  store->bury({"stray-internal", "moodle~math", cluster.backend_a.id, at(2)});
  const auto stones = store->list_tombstones(cluster.backend_a.id);
  REQUIRE(stones.size() == 1);
  CHECK(stones[0].ended_at == at(2));
}

B3_DATABASE_TEST("a frontend with meetings keeps its key") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "internal");
  FrontendPatch patch;
  patch.key = "other";
  const auto refused = store->update_frontend(cluster.frontend.id, patch, at(1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == WriteError::in_use);
  REQUIRE(store->end(row.scoped_id, row.epoch, at(2)));
  CHECK(store->update_frontend(cluster.frontend.id, patch, at(3))->key == "other");
}

B3_DATABASE_TEST("placements are the rows without documents and explanations") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  // More than are fetched at a time.
  std::vector<Meeting> meetings;
  for (int number = 0; number < 1'001; ++number) {
    meetings.push_back(
        make_meeting(cluster.frontend, cluster.backend_a, "m" + std::to_string(number)));
  }
  for (const auto& each : store->reserve_all(meetings)) REQUIRE(each.value().won);
  const auto bound = insert_meeting(*store, cluster.frontend, cluster.backend_b, "math", "i1");
  std::map<std::string, Meeting> placements;
  for (auto& each : store->list_placements()) placements[each.scoped_id] = std::move(each);
  CHECK(placements.size() == 1'002);
  std::size_t visited = 0;
  store->visit_placements(
      [&](const Meeting& each) { visited += placements.count(each.scoped_id); });
  CHECK(visited == 1'002);
  for (const auto& row : store->list_meetings()) {
    const auto& placement = placements[row.scoped_id];
    const bool same = placement.epoch == row.epoch && placement.phase == row.phase &&
                      placement.backend_id == row.backend_id && placement.owner == row.owner &&
                      placement.reserved_at == row.reserved_at &&
                      placement.bound_at == row.bound_at && placement.seen_at == row.seen_at;
    if (!same) FAIL_CHECK(row.scoped_id);
  }
  const auto& placement = placements[bound.scoped_id];
  CHECK(placement.internal_id == "i1");
  CHECK(placement.name == "Mathe");
  CHECK(placement.bound_at == at(1));
  CHECK(placement.document.empty());
  CHECK(placement.placement_json.empty());
}

B3_DATABASE_TEST("a visit of placements ends with what the visitor throws, and can be repeated") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  store->visit_placements([](const Meeting&) { FAIL("there are none"); });
  insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "i1");
  const auto stop = [](const Meeting&) { throw std::logic_error("enough"); };
  CHECK_THROWS_AS(store->visit_placements(stop), std::logic_error);
  CHECK(store->list_placements().size() == 1);
}

B3_DATABASE_TEST("the documents of a tenant are its own, with their epochs") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto other = make_frontend("nextcloud");
  REQUIRE(store->insert_frontend(other));
  const auto math = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "i1");
  insert_meeting(*store, other, cluster.backend_a, "math", "i2");
  const auto documents = store->documents_of_frontend(cluster.frontend.id);
  REQUIRE(documents.size() == 1);
  CHECK(documents[0].scoped_id == math.scoped_id);
  CHECK(documents[0].epoch == math.epoch);
  CHECK(documents[0].document == "<meeting/>");
  CHECK(store->documents_of_frontend("nobody").empty());
}

B3_DATABASE_TEST("documents behind an id come in one order, none twice and none left out") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  // Ids that a language's rules would order otherwise than their bytes.
  std::set<std::string> expected;
  for (const char* id : {"a", "B", "\xc3\xa4", "a b", "a-b", "ab", "Z", "10", "9"}) {
    expected.insert(
        insert_meeting(*store, cluster.frontend, cluster.backend_a, id, std::string("i") + id)
            .scoped_id);
  }
  std::set<std::string> found;
  std::size_t count = 0;
  std::string after;
  for (;;) {
    const auto slice = store->documents_after(after, 2);
    if (slice.empty()) break;
    REQUIRE(slice.size() <= 2);
    count += slice.size();
    REQUIRE(count <= expected.size());
    for (const auto& each : slice) {
      CHECK(each.epoch > 0);
      CHECK(each.document == "<meeting/>");
      found.insert(each.scoped_id);
    }
    after = slice.back().scoped_id;
  }
  CHECK(found == expected);
  CHECK(count == expected.size());
}

}  // namespace
}  // namespace b3::store::testing
