// The Store's contract: what refreshes write, on either database.
#include <doctest/doctest.h>

#include <algorithm>

#include "store/queries.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

RefreshResult reached(const Backend& backend) {
  RefreshResult result;
  result.backend_id = backend.id;
  result.reachable = true;
  return result;
}

Meeting found_on_node(const Frontend& frontend, const Backend& backend, std::string id) {
  auto meeting = make_meeting(frontend, backend, id);
  meeting.internal_id = "internal-" + id;
  meeting.phase = MeetingPhase::bound;
  meeting.running = true;
  meeting.counts = {.participants = 9, .moderators = 2, .listeners = 3, .voices = 4, .videos = 5};
  meeting.document = "<meeting/>";
  meeting.reserved_at = at(-600);
  return meeting;
}

std::vector<std::string> ids_of(const std::vector<Meeting>& meetings) {
  std::vector<std::string> ids;
  for (const auto& meeting : meetings) ids.push_back(meeting.meeting_id);
  std::ranges::sort(ids);
  return ids;
}

B3_DATABASE_TEST("a refresh writes what was observed of the backend and nothing else") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  auto result = reached(cluster.backend_a);
  result.latency_microseconds = 1'500;
  result.meetings_count = 3;
  result.attendees_count = 44;
  store->record_refresh(result, at(2));
  auto backend = *store->find_backend(cluster.backend_a.id);
  CHECK(backend.node_state == NodeState::ready);
  CHECK(backend.latency_microseconds == 1'500);
  CHECK(backend.meetings_count == 3);
  CHECK(backend.attendees_count == 44);
  CHECK(backend.synced_at == at(2));
  CHECK(backend.admin_state == cluster.backend_a.admin_state);
  CHECK(backend.load_factor == cluster.backend_a.load_factor);
  CHECK(backend.updated_at == start_time);

  auto failed = result;
  failed.reachable = false;
  failed.node_state = NodeState::error;
  failed.last_error = "timed out \xff";
  const auto bound = insert_meeting(*store, cluster.frontend, cluster.backend_a, "m", "i");
  failed.lost = {{bound.scoped_id, bound.epoch, "i"}};
  failed.changed = {seen_as(bound, "i")};
  failed.adopted = {found_on_node(cluster.frontend, cluster.backend_a, "new")};
  const auto outcome = store->record_refresh(failed, at(9));
  CHECK(outcome.written.empty());
  CHECK(outcome.removed.empty());
  backend = *store->find_backend(cluster.backend_a.id);
  CHECK(backend.node_state == NodeState::error);
  CHECK(backend.last_error == "timed out \xEF\xBF\xBD");
  CHECK(backend.synced_at == at(2));
  CHECK(store->list_meetings().size() == 1);
  CHECK(!store->find_meeting(bound.scoped_id)->seen_at);
}

B3_DATABASE_TEST("a refresh updates bound rows and binds reservations that exist") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto bound = insert_meeting(*store, cluster.frontend, cluster.backend_a, "bound", "i-1");
  const auto reserved = insert_meeting(*store, cluster.frontend, cluster.backend_a, "reserved", "");
  auto result = reached(cluster.backend_a);
  result.changed = {seen_as(bound, "i-1"), seen_as(reserved, "i-2")};
  result.changed[0].name = std::string("nul\0 ", 5);
  const auto outcome = store->record_refresh(result, at(7));
  REQUIRE(ids_of(outcome.written) == std::vector<std::string>{"bound", "reserved"});

  const auto first = *store->find_meeting(bound.scoped_id);
  CHECK(first.phase == MeetingPhase::bound);
  CHECK(first.bound_at == at(1));
  CHECK(first.seen_at == at(7));
  CHECK(first.running);
  CHECK(first.counts == result.changed[0].counts);
  CHECK(first.name == "nul\xEF\xBF\xBD ");
  CHECK(first.document == result.changed[0].document);
  CHECK(first.owner == bound.owner);
  CHECK(store->find_meeting(first.scoped_id)->placement_json == R"({"chosen":"a"})");
  CHECK(first.expected_size == bound.expected_size);

  const auto second = *store->find_meeting(reserved.scoped_id);
  CHECK(second.phase == MeetingPhase::bound);
  CHECK(second.internal_id == "i-2");
  CHECK(second.bound_at == at(7));
  CHECK(second.epoch == reserved.epoch);
  // The create's own answer comes in later and finds the work done.
  CHECK(store->bind(reserved.scoped_id, reserved.epoch, {"i-2", "", ""}, at(8))->bound_at == at(7));
}

B3_DATABASE_TEST("a refresh leaves rows alone that have moved on") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto& frontend = cluster.frontend;
  const auto elsewhere = insert_meeting(*store, frontend, cluster.backend_b, "elsewhere", "i-1");
  const auto newer = insert_meeting(*store, frontend, cluster.backend_a, "newer", "i-2");
  const auto restarted = insert_meeting(*store, frontend, cluster.backend_a, "restarted", "i-4");
  auto result = reached(cluster.backend_a);
  result.changed = {seen_as(elsewhere, "i-1"), seen_as(newer, "i-2"), seen_as(restarted, "i-3")};
  result.changed[1].epoch -= 1;
  auto absent = seen_as(newer, "i-9");
  absent.scoped_id = "moodle~absent";
  auto nameless = seen_as(newer, "");
  result.changed.push_back(absent);
  result.changed.push_back(nameless);
  result.lost = {{elsewhere.scoped_id, elsewhere.epoch, "i-1"},
                 {newer.scoped_id, newer.epoch - 1, "i-2"},
                 {restarted.scoped_id, restarted.epoch, "i-3"},
                 {"moodle~absent", 1, "i-9"}};
  const auto outcome = store->record_refresh(result, at(7));
  CHECK(outcome.written.empty());
  CHECK(outcome.removed.empty());
  const auto rows = store->list_meetings();
  REQUIRE(rows.size() == 3);
  for (const auto& row : rows) CHECK(!row.seen_at);
}

B3_DATABASE_TEST("a reservation is not bound to a meeting that has been ended") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto old = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "old");
  REQUIRE(store->end(old.scoped_id, old.epoch, at(2)));
  const auto anew = insert_meeting(*store, cluster.frontend, cluster.backend_a, "math", "");
  auto result = reached(cluster.backend_a);
  result.changed = {seen_as(anew, "old")};
  CHECK(store->record_refresh(result, at(3)).written.empty());
  result.changed = {seen_as(anew, "new")};
  CHECK(store->record_refresh(result, at(4)).written.size() == 1);
}

B3_DATABASE_TEST("lost meetings go, reservations stay") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto bound = insert_meeting(*store, cluster.frontend, cluster.backend_a, "bound", "i-1");
  const auto reserved = insert_meeting(*store, cluster.frontend, cluster.backend_a, "reserved", "");
  auto result = reached(cluster.backend_a);
  result.lost = {{bound.scoped_id, bound.epoch, "i-1"}, {reserved.scoped_id, reserved.epoch, ""}};
  const auto outcome = store->record_refresh(result, at(2));
  CHECK(outcome.removed == std::vector<std::string>{bound.scoped_id});
  CHECK(ids_of(store->list_meetings()) == std::vector<std::string>{"reserved"});
  CHECK(store->list_tombstones(cluster.backend_a.id).empty());  // the node has it no more
  CHECK(store->record_refresh(result, at(3)).removed.empty());
}

B3_DATABASE_TEST("unknown meetings are adopted, ended and taken ones are not") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto& frontend = cluster.frontend;
  const auto& backend = cluster.backend_a;
  const auto ended = insert_meeting(*store, frontend, backend, "ended", "internal-ended");
  REQUIRE(store->end(ended.scoped_id, ended.epoch, at(2)));
  insert_meeting(*store, frontend, cluster.backend_b, "taken", "elsewhere");

  auto result = reached(backend);
  result.adopted = {found_on_node(frontend, backend, "free"),
                    found_on_node(frontend, backend, "ended"),
                    found_on_node(frontend, backend, "taken"),
                    found_on_node(make_frontend("unknown"), backend, "tenantless"),
                    found_on_node(frontend, backend, std::string(5'000, 'x')),
                    found_on_node(frontend, backend, "no internal id")};
  result.adopted[0].backend_id = "what the caller says does not matter";
  result.adopted.back().internal_id.clear();
  const auto outcome = store->record_refresh(result, at(3));
  REQUIRE(ids_of(outcome.written) == std::vector<std::string>{"free"});
  CHECK(ids_of(store->list_meetings()) == std::vector<std::string>{"free", "taken"});

  const auto adopted = *store->find_meeting("moodle~free");
  CHECK(adopted.backend_id == backend.id);
  CHECK(adopted.phase == MeetingPhase::bound);
  CHECK(adopted.internal_id == "internal-free");
  CHECK(adopted.running);
  CHECK(adopted.counts == result.adopted[0].counts);
  CHECK(adopted.reserved_at == at(-600));
  CHECK(adopted.bound_at == at(3));
  CHECK(adopted.seen_at == at(3));
  CHECK(adopted.document == "<meeting/>");
  CHECK(store->record_refresh(result, at(4)).written.empty());
}

B3_DATABASE_TEST("a refresh of a backend that is gone writes nothing") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  REQUIRE(store->delete_backend(cluster.backend_a.id, false));
  auto result = reached(cluster.backend_a);
  result.adopted = {found_on_node(cluster.frontend, cluster.backend_a, "m")};
  CHECK(store->record_refresh(result, at(1)).written.empty());
  CHECK(store->list_meetings().empty());
}

B3_DATABASE_TEST("a refresh does not undo what was written after its poll began") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const std::string held = "<meeting>held \xff</meeting>";  // as stored: with U+FFFD
  auto seen = std::vector<SeenMeeting>();
  for (const auto* id : {"same", "told", "unguarded", "reserved"}) {
    if (std::string_view(id) == "reserved") {
      auto reserved = make_meeting(cluster.frontend, cluster.backend_a, id);
      const auto row = store->reserve(reserved).value().meeting;
      seen.push_back(seen_as(row, "internal-reserved"));
      seen.back().replaced_document = row.document;
      continue;
    }
    const auto internal_id = "internal-" + std::string(id);
    const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, id, internal_id);
    const auto write = [&](const std::string& document) {
      store->revise_meetings(
          {row.scoped_id},
          [&](std::size_t, Meeting& meeting) {
            meeting.document = document;
            meeting.counts.participants = 5;
            return Revision::changed;
          },
          at(1));
    };
    write(held);
    seen.push_back(seen_as(row, internal_id));
    seen.back().counts.participants = 1;
    seen.back().document = "<meeting>polled</meeting>";
    if (id != std::string_view("unguarded")) seen.back().replaced_document = held;
    if (id != std::string_view("same")) write("<meeting>told</meeting>");
  }
  auto result = reached(cluster.backend_a);
  result.changed = seen;
  const auto outcome = store->record_refresh(result, at(2));
  CHECK(ids_of(outcome.written) == std::vector<std::string>{"reserved", "same", "unguarded"});
  const auto told = *store->find_meeting(seen[1].scoped_id);
  CHECK(told.document == "<meeting>told</meeting>");
  CHECK(told.counts.participants == 5);
  const auto same = *store->find_meeting(seen[0].scoped_id);
  CHECK(same.document == "<meeting>polled</meeting>");
  CHECK(same.counts.participants == 1);
}

B3_DATABASE_TEST("a reservation that somebody has bound since is not what the poll knew") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto reserved =
      store->reserve(make_meeting(cluster.frontend, cluster.backend_a, "m")).value().meeting;
  auto seen = seen_as(reserved, "internal-m");
  seen.replaced_document = reserved.document;
  REQUIRE(
      store->bind(reserved.scoped_id, reserved.epoch, {"internal-m", "m", "<meeting/>"}, at(1)));
  auto result = reached(cluster.backend_a);
  result.changed = {seen};
  CHECK(store->record_refresh(result, at(2)).written.empty());
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

B3_DATABASE_TEST("a refresh of hundreds of meetings takes a handful of statements") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  auto result = reached(cluster.backend_a);
  for (int index = 0; index < 300; ++index) {
    result.adopted.push_back(
        found_on_node(cluster.frontend, cluster.backend_a, std::to_string(index)));
    result.adopted.back().document = std::string(2'000, 'd');
  }
  const auto record = [&] {
    CountingConnection connection{database.connect()};
    connection.begin(Access::write);
    auto outcome = queries::record_refresh(connection, result, at(1));
    connection.commit();
    CHECK(connection.statements <= 6);
    return outcome;
  };
  const auto adopted = record().written;
  REQUIRE(adopted.size() == 300);

  for (std::size_t index = 0; index < 200; ++index) {
    const auto& row = adopted[index];
    result.changed.push_back(seen_as(row, row.internal_id));
    result.changed.back().replaced_document = row.document;
  }
  for (std::size_t index = 200; index < 300; ++index) {
    const auto& row = adopted[index];
    result.lost.push_back({row.scoped_id, row.epoch, row.internal_id});
  }
  result.adopted.clear();
  const auto outcome = record();
  CHECK(outcome.written.size() == 200);
  CHECK(outcome.removed.size() == 100);
  CHECK(store->list_meetings().size() == 200);
}

}  // namespace
}  // namespace b3::store::testing
