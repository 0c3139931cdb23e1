// The Store's contract: frontends, backends and their settings, on either database.
#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

void check_same(const Frontend& left, const Frontend& right) {
  CHECK(left.id == right.id);
  CHECK(left.key == right.key);
  CHECK(left.secret == right.secret);
  CHECK(left.active == right.active);
  CHECK(left.settings_json == right.settings_json);
  CHECK(left.account_ref == right.account_ref);
  CHECK(left.created_at == right.created_at);
  CHECK(left.updated_at == right.updated_at);
}

void check_same_administration(const Backend& left, const Backend& right) {
  CHECK(left.id == right.id);
  CHECK(left.host == right.host);
  CHECK(left.secret == right.secret);
  CHECK(left.settings_json == right.settings_json);
  CHECK(left.load_factor == right.load_factor);
  CHECK(left.admin_state == right.admin_state);
  CHECK(left.created_at == right.created_at);
  CHECK(left.updated_at == right.updated_at);
}

void check_same_observation(const Backend& left, const Backend& right) {
  CHECK(left.node_state == right.node_state);
  CHECK(left.last_error == right.last_error);
  CHECK(left.latency_microseconds == right.latency_microseconds);
  CHECK(left.meetings_count == right.meetings_count);
  CHECK(left.attendees_count == right.attendees_count);
  CHECK(left.agent_heartbeat == right.agent_heartbeat);
  CHECK(left.synced_at == right.synced_at);
}

boost::json::value json(std::string_view text) {
  return boost::json::parse(text);
}

B3_DATABASE_TEST("frontends are kept as they were given") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto first = make_frontend("zeta");
  auto second = make_frontend("Alpha");
  second.account_ref.reset();
  second.active = false;
  second.settings_json = R"({"note":"quote ' \" and \u0000 \u00e4"})";
  const auto inserted = store->insert_frontend(first);
  REQUIRE(inserted);
  check_same(*inserted, first);
  REQUIRE(store->insert_frontend(second));

  const auto listed = database.open()->list_frontends();
  REQUIRE(listed.size() == 2);
  check_same(listed[0], second);  // by bytes: "A" before "z"
  check_same(listed[1], first);
  const auto found = store->find_frontend(first.id);
  REQUIRE(found);
  check_same(*found, first);
  CHECK(!store->find_frontend("no such id"));
  CHECK(!store->find_frontend(""));
  CHECK(!store->find_frontend(std::string_view("\0\xff' OR 1=1 --", 13)));
}

B3_DATABASE_TEST("a frontend's key is unique") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto first = make_frontend("moodle");
  const auto second = make_frontend("ilias");
  REQUIRE(store->insert_frontend(first));
  REQUIRE(store->insert_frontend(second));
  CHECK(store->insert_frontend(make_frontend("moodle")).error() == WriteError::conflict);
  CHECK(store->insert_frontend(first).error() == WriteError::conflict);
  FrontendPatch taken;
  taken.key = "moodle";
  CHECK(store->update_frontend(second.id, taken, at(1)).error() == WriteError::conflict);
  CHECK(store->update_frontend(first.id, taken, at(1)));  // it has that key already
  CHECK(store->find_frontend(second.id)->key == "ilias");
  CHECK(store->list_frontends().size() == 2);
}

B3_DATABASE_TEST("a patch of a frontend changes what it names") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto expected = make_frontend("moodle");
  REQUIRE(store->insert_frontend(expected));

  FrontendPatch patch;
  patch.secret = "new secret";
  patch.active = false;
  patch.account_ref = std::optional<std::string>{};
  auto updated = store->update_frontend(expected.id, patch, at(5));
  REQUIRE(updated);
  expected.secret = "new secret";
  expected.active = false;
  expected.account_ref.reset();
  expected.updated_at = at(5);
  check_same(*updated, expected);
  check_same(*store->find_frontend(expected.id), expected);

  FrontendPatch settings;
  settings.settings_merge_json =
      R"({"required_tags":null,"default_presentation":{"url":"https://x/y.pdf"}})";
  updated = store->update_frontend(expected.id, settings, at(6));
  REQUIRE(updated);
  CHECK(json(updated->settings_json) ==
        json(R"({"default_presentation":{"url":"https://x/y.pdf"}})"));
  CHECK(store->update_frontend("no such id", patch, at(7)).error() == WriteError::not_found);
}

B3_DATABASE_TEST("an empty frontend secret never gets in") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto frontend = make_frontend("moodle");
  frontend.secret.clear();
  CHECK_THROWS_AS(store->insert_frontend(frontend), StoreCorrupt);
  CHECK(store->list_frontends().empty());
  store->ping();  // and the connection is fine afterwards
}

B3_DATABASE_TEST("a refused settings patch changes nothing") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  for (const auto* bad : {"[]", "{", "null", ""}) {
    FrontendPatch patch;
    patch.key = "renamed";
    patch.settings_merge_json = bad;
    CHECK_THROWS_AS(store->update_frontend(cluster.frontend.id, patch, at(1)),
                    std::invalid_argument);
  }
  check_same(*store->find_frontend(cluster.frontend.id), cluster.frontend);
}

B3_DATABASE_TEST("backends are kept as they were given") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto second = make_backend("b");
  auto first = make_backend("a");
  first.node_state = NodeState::error;
  first.last_error = "connection refused";
  first.latency_microseconds = 123'456'789'012;
  first.meetings_count = 3;
  first.attendees_count = 70;
  first.agent_heartbeat = at(1);
  first.synced_at = at(2);
  REQUIRE(store->insert_backend(second));
  REQUIRE(store->insert_backend(first));
  const auto listed = database.open()->list_backends();
  REQUIRE(listed.size() == 2);
  check_same_administration(listed[0], first);
  check_same_observation(listed[0], first);
  check_same_administration(listed[1], second);
  check_same_observation(listed[1], second);
  CHECK(store->find_backend(first.id)->host == first.host);
  CHECK(!store->find_backend("no such id"));
}

B3_DATABASE_TEST("a backend's host is unique") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  CHECK(store->insert_backend(make_backend("a")).error() == WriteError::conflict);
  BackendPatch taken;
  taken.host = cluster.backend_a.host;
  CHECK(store->update_backend(cluster.backend_b.id, taken, at(1)).error() == WriteError::conflict);
}

B3_DATABASE_TEST("a patch of a backend touches administrative columns only") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto expected = make_backend("a");
  REQUIRE(store->insert_backend(expected));
  RefreshResult refresh;
  refresh.backend_id = expected.id;
  refresh.reachable = true;
  refresh.latency_microseconds = 42;
  store->record_refresh(refresh, at(3));
  REQUIRE(store->record_heartbeat(expected.id, at(4)));
  const auto observed = *store->find_backend(expected.id);

  BackendPatch patch;
  patch.host = "https://new.example.org/bigbluebutton/api/";
  patch.secret = "other";
  patch.load_factor = 2.5;
  patch.admin_state = AdminState::stopped;
  patch.settings_merge_json = R"({"tags":["big"],"max_meetings":3})";
  const auto updated = store->update_backend(expected.id, patch, at(5));
  REQUIRE(updated);
  check_same_observation(*updated, observed);
  CHECK(updated->node_state == NodeState::ready);
  CHECK(updated->agent_heartbeat == at(4));
  CHECK(updated->host == *patch.host);
  CHECK(updated->secret == "other");
  CHECK(updated->load_factor == 2.5);
  CHECK(updated->admin_state == AdminState::stopped);
  CHECK(json(updated->settings_json) == json(R"({"tags":["big"],"max_meetings":3})"));
  CHECK(updated->updated_at == at(5));
  CHECK(updated->created_at == start_time);
  check_same_administration(*store->find_backend(expected.id), *updated);
  CHECK(store->update_backend("no such id", patch, at(5)).error() == WriteError::not_found);
}

B3_DATABASE_TEST("whole and very uneven load factors come back as they went in") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto backend = make_backend("a");
  backend.load_factor = 3;
  CHECK(store->insert_backend(backend)->load_factor == 3.0);
  for (const double load_factor : {1.0, 1.0 / 3, 1e-300, 1e300, 1e15}) {
    BackendPatch patch;
    patch.load_factor = load_factor;
    CHECK(store->update_backend(backend.id, patch, at(1))->load_factor == load_factor);
    CHECK(store->find_backend(backend.id)->load_factor == load_factor);
  }
}

B3_DATABASE_TEST("a heartbeat is recorded and touches nothing else") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto expected = make_backend("a");
  REQUIRE(store->insert_backend(expected));
  const auto beaten = store->record_heartbeat(expected.id, at(9));
  REQUIRE(beaten);
  CHECK(beaten->agent_heartbeat == at(9));
  check_same_administration(*beaten, expected);
  CHECK(store->record_heartbeat("gone", at(9)).error() == WriteError::not_found);
}

B3_DATABASE_TEST("what holds meetings is deleted by force only") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto other = make_frontend("other");
  REQUIRE(store->insert_frontend(other));
  insert_meeting(*store, cluster.frontend, cluster.backend_a, "bound", "internal-1");
  insert_meeting(*store, cluster.frontend, cluster.backend_a, "reserved", "");
  insert_meeting(*store, other, cluster.backend_a, "theirs", "internal-2");
  insert_meeting(*store, cluster.frontend, cluster.backend_b, "elsewhere", "internal-3");

  CHECK(store->delete_backend(cluster.backend_a.id, false).error() == WriteError::in_use);
  CHECK(store->delete_frontend(cluster.frontend.id, false).error() == WriteError::in_use);
  CHECK(store->list_meetings().size() == 4);

  const auto deleted = store->delete_backend(cluster.backend_a.id, true);
  REQUIRE(deleted);
  CHECK(deleted->host == cluster.backend_a.host);
  CHECK(!store->find_backend(cluster.backend_a.id));
  auto left = store->list_meetings();
  REQUIRE(left.size() == 1);
  CHECK(left[0].meeting_id == "elsewhere");
  const auto tombstones = store->list_tombstones(cluster.backend_a.id);
  REQUIRE(tombstones.size() == 2);
  CHECK(tombstones[0].internal_id == "internal-1");
  CHECK(tombstones[0].scoped_id == "moodle~bound");
  CHECK(tombstones[0].ended_at > WallTime{});
  CHECK(tombstones[1].internal_id == "internal-2");

  REQUIRE(store->delete_frontend(cluster.frontend.id, true));
  CHECK(store->list_meetings().empty());
  CHECK(store->list_tombstones(cluster.backend_b.id).size() == 1);
  REQUIRE(store->delete_frontend(other.id, false));
  REQUIRE(store->delete_backend(cluster.backend_b.id, false));
  CHECK(store->delete_backend(cluster.backend_b.id, true).error() == WriteError::not_found);
  CHECK(store->delete_frontend(other.id, false).error() == WriteError::not_found);
}

}  // namespace
}  // namespace b3::store::testing
