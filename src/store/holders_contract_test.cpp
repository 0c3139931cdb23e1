// A meeting belongs to a frontend and lives on a backend, whoever writes the rows: programs of
// older versions and people with psql as well. In PostgreSQL triggers see to that
// (docs/decisions/0010-creates-in-one-function.md).
#include <doctest/doctest.h>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

B3_DATABASE_TEST("a meeting of a frontend or on a backend that is not there is refused") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto connection = database.connect();
  const auto insert = [&](std::string_view id, std::string_view frontend,
                          std::string_view backend) {
    connection->begin(Access::write);
    connection->execute(
        "INSERT INTO meetings (scoped_id, meeting_id, frontend_id, backend_id, phase, epoch, "
        "owner, internal_id, name, running, participants, moderators, listeners, voices, videos, "
        "expected_size, document, placement, reserved_at) VALUES ($1, $1, $2, $3, 'reserved', 0, "
        "'', '', '', FALSE, 0, 0, 0, 0, 0, 0, '', '', $4)",
        {id, frontend, backend, at(0)});
    connection->commit();
  };
  const auto refused = [&](auto call) {
    CHECK_THROWS_AS(call(), ForeignKeyViolation);
    connection->rollback();
  };
  refused([&] { insert("m", "nobody", cluster.backend_a.id); });
  refused([&] { insert("m", cluster.frontend.id, "nowhere"); });
  insert("m", cluster.frontend.id, cluster.backend_a.id);
  const auto move = [&](std::string_view column, std::string_view id) {
    connection->begin(Access::write);
    connection->execute("UPDATE meetings SET " + std::string(column) + " = $1", {id});
    connection->commit();
  };
  refused([&] { move("frontend_id", "nobody"); });
  refused([&] { move("backend_id", "nowhere"); });
  move("backend_id", cluster.backend_b.id);
  CHECK(store->find_meeting("m").value().backend_id == cluster.backend_b.id);
}

B3_DATABASE_TEST("frontends and backends with meetings are not deleted from under them") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  REQUIRE(store->reserve(make_meeting(cluster.frontend, cluster.backend_a, "m")).value().won);
  const auto connection = database.connect();
  const auto remove = [&](std::string_view table, std::string_view id) {
    connection->begin(Access::write);
    connection->execute("DELETE FROM " + std::string(table) + " WHERE id = $1", {id});
    connection->commit();
  };
  for (const auto& [table, id] :
       {std::pair("frontends", cluster.frontend.id), std::pair("backends", cluster.backend_a.id)}) {
    CHECK_THROWS_AS(remove(table, id), ForeignKeyViolation);
    connection->rollback();
  }
  remove("backends", cluster.backend_b.id);
  CHECK(store->list_backends().size() == 1);
  CHECK(store->list_frontends().size() == 1);
}

B3_DATABASE_TEST("reservations and bindings of one call are one change") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto first =
      store->reserve(make_meeting(cluster.frontend, cluster.backend_a, "first")).value().meeting;
  auto nowhere = make_meeting(cluster.frontend, cluster.backend_a, "nowhere");
  nowhere.backend_id = "gone";
  const auto before = store->feed_position();
  const auto done =
      store->write_creates({make_meeting(cluster.frontend, cluster.backend_b, "second"), nowhere},
                           {{first.scoped_id, first.epoch, {"i-first", "First", "<meeting/>"}},
                            {"unknown", 7, {"i-unknown", "", ""}}},
                           at(5));
  REQUIRE(done.reserved.size() == 2);
  CHECK(done.reserved[0].value().won);
  CHECK(done.reserved[0].value().meeting.backend_id == cluster.backend_b.id);
  CHECK(done.reserved[1].error() == WriteError::not_found);
  REQUIRE(done.bound.size() == 2);
  REQUIRE(done.bound[0]);
  const auto stored = store->find_meeting(first.scoped_id).value();
  for (const Meeting* row : {&*done.bound[0], &stored}) {
    CHECK(row->phase == MeetingPhase::bound);
    CHECK(row->internal_id == "i-first");
    CHECK(row->document == "<meeting/>");
    CHECK(row->backend_id == cluster.backend_a.id);
    CHECK(row->owner == first.owner);
  }
  CHECK(done.bound[0]->bound_at == at(5));
  CHECK_FALSE(done.bound[1]);
  const auto changes = store->read_changes(before, 10);
  CHECK(changes.meetings.size() == 2);
}

}  // namespace
}  // namespace b3::store::testing
