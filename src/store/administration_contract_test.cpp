// The Store's contract: audit, commands, revoked tokens and several calls in one transaction, on
// either database.
#include <doctest/doctest.h>

#include <chrono>
#include <set>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

AuditRecord audit_of(std::string subject, std::string action, std::string object_id,
                     WallTime when) {
  AuditRecord record;
  record.at = when;
  record.subject = std::move(subject);
  record.token_id = "jti";
  record.request_id = "r-1";
  record.action = std::move(action);
  record.kind = "backend";
  record.object_id = std::move(object_id);
  record.object_name = "https://a/";
  record.before_json = R"({"load_factor":1})";
  return record;
}

CommandRow command_of(std::string id, WallTime when) {
  CommandRow command;
  command.id = std::move(id);
  command.action = "drain";
  command.backend_id = "b";
  command.parameters_json = R"({"x":1})";
  command.requested_by = "root";
  command.created_at = when;
  return command;
}

B3_DATABASE_TEST("the audit comes newest first, in pages, by what was asked") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  CHECK(store->list_audit({}).total == 0);
  store->record_audit(audit_of("anna", "create", "b1", at(1)));
  store->record_audit(audit_of("anna", "update", "b1", at(2)));
  store->record_audit(audit_of("bert", "update", "b2", at(3)));
  auto page = store->list_audit({});
  REQUIRE(page.records.size() == 3);
  CHECK(page.total == 3);
  CHECK(page.records[0].subject == "bert");
  CHECK(page.records[0].number > page.records[1].number);
  CHECK(page.records[0].at == at(3));
  CHECK(page.records[0].before_json == R"({"load_factor":1})");
  CHECK(page.records[0].after_json.empty());
  CHECK(page.records[0].object_name == "https://a/");
  CHECK(page.records[0].token_id == "jti");
  CHECK(page.records[0].request_id == "r-1");

  AuditQuery query;
  query.action = "update";
  CHECK(store->list_audit(query).total == 2);
  query.subject = "anna";
  page = store->list_audit(query);
  REQUIRE(page.records.size() == 1);
  CHECK(page.records[0].object_id == "b1");
  query.object_id = "b2";
  CHECK(store->list_audit(query).total == 0);
  query = {};
  query.since = at(2);
  CHECK(store->list_audit(query).total == 2);
  query.kind = "frontend";
  CHECK(store->list_audit(query).total == 0);
  query = {};
  query.limit = 1;
  query.offset = 1;
  page = store->list_audit(query);
  CHECK(page.total == 3);
  REQUIRE(page.records.size() == 1);
  CHECK(page.records[0].at == at(2));
}

B3_DATABASE_TEST("a command has one holder at a time and ends once") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  store->insert_command(command_of("c1", at(1)));
  auto repeated = command_of("c1", at(2));
  repeated.action = "refresh";
  store->insert_command(repeated);
  const auto found = store->find_command("c1");
  REQUIRE(found);
  CHECK(found->action == "drain");
  CHECK(found->state == CommandState::requested);
  CHECK(found->parameters_json == R"({"x":1})");
  CHECK(found->created_at == at(1));
  CHECK_FALSE(found->started_at);
  CHECK_FALSE(store->find_command("c2"));

  const auto claimed = store->claim_command("c1", "", "i1", at(3));
  REQUIRE(claimed);
  CHECK(claimed->state == CommandState::running);
  CHECK(claimed->holder == "i1");
  CHECK(claimed->started_at == at(3));
  CHECK_FALSE(store->claim_command("c1", "", "i2", at(3)));
  CHECK(store->update_command("c1", "i1", R"({"meetings_left":3})"));
  CHECK_FALSE(store->update_command("c1", "i2", "{}"));
  CHECK(store->find_command("c1")->progress_json == R"({"meetings_left":3})");

  const auto taken_over = store->claim_command("c1", "i1", "i2", at(4));
  REQUIRE(taken_over);
  CHECK(taken_over->started_at == at(3));
  CHECK_FALSE(store->finish_command("c1", "i1", CommandState::success, "{}", at(5)));
  CHECK(store->finish_command("c1", "i2", CommandState::error, R"({"e":1})", at(5)));
  CHECK_FALSE(store->finish_command("c1", "", CommandState::success, "{}", at(6)));
  CHECK_FALSE(store->update_command("c1", "i2", "{}"));
  CHECK_FALSE(store->claim_command("c1", "i2", "i3", at(6)));
  const auto finished = store->find_command("c1");
  CHECK(finished->state == CommandState::error);
  CHECK(finished->result_json == R"({"e":1})");
  CHECK(finished->finished_at == at(5));

  store->insert_command(command_of("c2", at(9)));
  CHECK(store->finish_command("c2", "", CommandState::error, "{}", at(10)));  // cancelled
  store->insert_command(command_of("c3", at(9)));
  const auto all = store->list_commands();
  REQUIRE(all.size() == 3);
  CHECK(all[0].id == "c3");
  CHECK(all[2].id == "c1");
  store->prune_commands(at(10));
  CHECK(store->list_commands().size() == 2);  // c3 has not ended
  CHECK_FALSE(store->find_command("c1"));
}

TEST_CASE("states of commands have names") {
  for (const auto* name : {"requested", "running", "success", "error"}) {
    REQUIRE(parse_command_state(name));
    CHECK(to_string(*parse_command_state(name)) == name);
  }
  CHECK_FALSE(parse_command_state("done"));
}

B3_DATABASE_TEST("revoked tokens are kept for a day behind their end, without one for a year") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  store->revoke_token({"short", at(100), at(1), "anna"});
  store->revoke_token({"endless", std::nullopt, at(2), "anna"});
  store->revoke_token({"short", at(999), at(3), "bert"});
  auto revoked = store->list_revoked_tokens();
  REQUIRE(revoked.size() == 2);
  CHECK(revoked[0].id == "endless");
  CHECK_FALSE(revoked[0].expires_at);
  CHECK(revoked[1].expires_at == at(100));
  CHECK(revoked[1].revoked_by == "anna");
  CHECK(revoked[1].revoked_at == at(1));
  constexpr int day = 24 * 60 * 60;
  store->prune_revoked_tokens(at(100 + day));
  CHECK(store->list_revoked_tokens().size() == 2);
  store->prune_revoked_tokens(at(101 + day));
  revoked = store->list_revoked_tokens();
  REQUIRE(revoked.size() == 1);
  CHECK(revoked[0].id == "endless");
  store->prune_revoked_tokens(at(2 + 365 * day));
  CHECK(store->list_revoked_tokens().size() == 1);
  store->prune_revoked_tokens(at(3 + 365 * day));
  CHECK(store->list_revoked_tokens().empty());
}

B3_DATABASE_TEST("a transaction of several calls happens as a whole or not at all") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto other = database.open();
  store->in_transaction([&](Store& inside) {
    REQUIRE(inside.insert_backend(make_backend("a")));
    inside.in_transaction(
        [&](Store& nested) { nested.record_audit(audit_of("anna", "create", "a", at(1))); });
    CHECK(inside.list_audit({}).total == 1);
    CHECK(other->list_audit({}).total == 0);  // not yet
  });
  CHECK(other->list_audit({}).total == 1);
  CHECK(other->list_backends().size() == 1);

  struct Stop : std::exception {};
  const auto interrupted = [&](Store& inside) {
    REQUIRE(inside.insert_backend(make_backend("b")));
    inside.record_audit(audit_of("anna", "create", "b", at(2)));
    throw Stop{};
  };
  CHECK_THROWS_AS(store->in_transaction(interrupted), Stop);
  CHECK(store->list_audit({}).total == 1);
  CHECK(store->list_backends().size() == 1);
  CHECK(store->insert_backend(make_backend("b")));  // the connection is as good as before
}

B3_DATABASE_TEST("an answer of no inside a transaction leaves the rest of it alone") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  store->in_transaction([&](Store& inside) {
    inside.record_audit(audit_of("anna", "first", "a", at(1)));
    CHECK(inside.insert_backend(make_backend("a")).error() == WriteError::conflict);
    CHECK(inside.update_backend("gone", {}, at(1)).error() == WriteError::not_found);
    CHECK(inside.reserve(make_meeting(cluster.frontend, cluster.backend_a, "m"))->won);
    CHECK_FALSE(inside.reserve(make_meeting(cluster.frontend, cluster.backend_a, "m"))->won);
    Binding binding;
    binding.internal_id = "i-m";
    CHECK(inside.bind("moodle~m", inside.find_meeting("moodle~m")->epoch, binding, at(1)));
    inside.record_audit(audit_of("anna", "second", "a", at(1)));
  });
  CHECK(store->list_audit({}).total == 2);
  CHECK(store->find_meeting("moodle~m")->internal_id == "i-m");
}

B3_DATABASE_TEST("a group of reservations inside a transaction does not end it") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  struct Stop : std::exception {};
  const auto interrupted = [&](Store& inside) {
    CHECK(inside.reserve(make_meeting(cluster.frontend, cluster.backend_a, "m"))->won);
    throw Stop{};
  };
  CHECK_THROWS_AS(store->in_transaction(interrupted), Stop);
  CHECK_FALSE(store->find_meeting("moodle~m"));
}

}  // namespace
}  // namespace b3::store::testing
