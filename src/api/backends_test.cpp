#include <doctest/doctest.h>

#include "api/rig_test.h"

namespace b3::api {
namespace {

using test::Rig;

TEST_CASE("a backend is created with its host made whole") {
  Rig rig;
  const auto created = rig.call("POST", "/api/v1/backends",
                                R"({"bbb":{"host":"https://Node.Example","secret":"s"}})");
  REQUIRE(created.status == 201);
  CHECK(created.text("/bbb/host") == "https://node.example/bigbluebutton/api/");
  CHECK(created.text("/bbb/secret") == "s");
  CHECK(created.text("/admin_state") == "init");
  CHECK(created.text("/node_state") == "init");
  CHECK(json::serialize(created.at("/health")) ==
        R"({"state":"usable","reason":null,"forced":null})");
  CHECK(created.at("/load_factor").to_number<double>() == 1.0);
  CHECK(created.at("/latency") == 0);
  CHECK(created.at("/agent_heartbeat").is_null());
  CHECK(created.at("/agent_ref").is_null());
  CHECK(created.at("/last_error").is_null());
  CHECK(created.at("/synced_at").is_null());
  CHECK(created.at("/eligible") == false);
  CHECK(created.text("/ineligible_reason") == "admin_state");
  CHECK_FALSE(created.text("/ineligible_detail").empty());
  CHECK(created.at("/expected_load").to_number<double>() == 0.0);
  CHECK(rig.call("GET", "/api/v1/backends/" + created.text("/id")).body == created.body);
  const auto again =
      rig.call("POST", "/api/v1/backends",
               R"({"bbb":{"host":"https://node.example/bigbluebutton/api","secret":"t"}})");
  CHECK(again.text("/error") == "conflict");
}

TEST_CASE("a backend that makes no sense is refused field by field") {
  Rig rig;
  const auto refused = [&](std::string rest) {
    auto reply = rig.call("POST", "/api/v1/backends",
                          R"({"bbb":{"host":"https://a.example","secret":"s"},)" + rest + "}");
    CHECK(reply.status == 400);
    return reply.at("/fields").as_object();
  };
  CHECK(refused(R"("load_factor":0)").contains("load_factor"));
  CHECK(refused(R"("load_factor":-1)").contains("load_factor"));
  CHECK(refused(R"("load_factor":1000.1)").contains("load_factor"));
  CHECK(refused(R"("load_factor":"2")").contains("load_factor"));
  CHECK(refused(R"("admin_state":"on")").contains("admin_state"));
  CHECK(refused(R"("admin_state":"decommissioned")").contains("admin_state"));
  CHECK(refused(R"("settings":{"max_meetings":"many"})").contains("settings.max_meetings"));
  CHECK(refused(R"("hosts":1)").contains("hosts"));
  const auto bare = rig.call("POST", "/api/v1/backends", "{}");
  CHECK(bare.at("/fields").as_object().contains("bbb.host"));
  CHECK(bare.at("/fields").as_object().contains("bbb.secret"));
  for (const auto* host : {"", "node", "ftp://a", "https://u:p@a", "https://a/?x=1"}) {
    CAPTURE(host);
    const auto body = json::serialize(json::object{{"bbb", {{"host", host}, {"secret", "s"}}}});
    CHECK(
        rig.call("POST", "/api/v1/backends", body).at("/fields").as_object().contains("bbb.host"));
  }
  CHECK(rig.view.backends().empty());
}

TEST_CASE("lists of backends are filtered") {
  Rig rig;
  rig.add_backend("https://b.example");
  rig.add_backend("https://a.example", "stopped");
  const auto other = rig.add_backend("https://c.other", "ready");
  rig.call("PATCH", "/api/v1/backends/" + other, R"({"settings":{"tags":["eu","sip"]}})");
  const auto hosts = [&](std::string query) {
    const auto reply = rig.call("GET", "/api/v1/backends" + query);
    REQUIRE(reply.status == 200);
    std::string all;
    for (const auto& backend : reply.body.as_array()) {
      all += std::string(backend.at("bbb").at("host").as_string()).at(8);
    }
    return all;
  };
  CHECK(hosts("") == "abc");
  CHECK(hosts("?host=https://a.example") == "a");
  CHECK(hosts("?host=nonsense") == "");
  CHECK(hosts("?host__prefix=https://b.e") == "b");
  CHECK(hosts("?host__prefix=c.") == "c");
  CHECK(hosts("?host__prefix=C.") == "");
  CHECK(hosts("?host__iprefix=C.OTHER") == "c");
  CHECK(hosts("?admin_state=ready") == "bc");
  CHECK(hosts("?node_state=init&tag=sip") == "c");
  CHECK(hosts("?tag=us") == "");
  CHECK(rig.call("GET", "/api/v1/backends?admin_state=on").status == 400);
  CHECK(rig.call("GET", "/api/v1/backends?node_state=on").status == 400);
}

TEST_CASE("PATCH touches administrative fields only") {
  Rig rig;
  const auto id = rig.add_backend("https://a.example", "init");
  const auto path = "/api/v1/backends/" + id;
  rig.store.run_blocking([&](store::Store& db) {
    store::RefreshResult result;
    result.backend_id = id;
    result.node_state = NodeState::ready;
    result.latency_microseconds = 1500;
    result.reachable = true;
    db.record_refresh(result, rig.now);
    return 0;
  });
  auto changed = rig.call("PATCH", path,
                          R"({"admin_state":"ready","load_factor":2.5,"node_state":"error",
                              "settings":{"tags":["eu"],"max_meetings":4}})");
  REQUIRE(changed.status == 200);
  CHECK(changed.text("/admin_state") == "ready");
  CHECK(changed.text("/node_state") == "ready");
  CHECK(changed.at("/load_factor") == 2.5);
  CHECK(changed.at("/latency") == 1'500'000);
  CHECK(changed.at("/latency_ms") == 1.5);
  CHECK(changed.at("/eligible") == true);
  CHECK(changed.at("/ineligible_reason").is_null());
  CHECK_FALSE(changed.text("/synced_at").empty());

  changed = rig.call("PATCH", path, R"({"load_factor":null,"settings":{"max_meetings":null}})");
  CHECK(changed.at("/load_factor").to_number<double>() == 1.0);
  CHECK(json::serialize(changed.at("/settings")) == R"({"tags":["eu"]})");
  CHECK(rig.call("PATCH", path, R"({"bbb":{"host":"https://z.example"}})").text("/bbb/host") ==
        "https://z.example/bigbluebutton/api/");
  for (const auto* body :
       {R"({"admin_state":null})", R"({"bbb":{"host":null}})", R"({"bbb":{"secret":null}})",
        R"({"bbb":{"secret":" "}})", R"({"settings":{"tags":"eu"}})", R"({"load_factor":1e9})"}) {
    CAPTURE(body);
    CHECK(rig.call("PATCH", path, body).text("/error") == "validation_error");
  }
  CHECK(rig.call("PATCH", path, R"({"admin_state":"decommissioned"})").text("/admin_state") ==
        "decommissioned");
  CHECK(rig.view.backend(id)->backend.admin_state == AdminState::decommissioned);
}

TEST_CASE("the operator's word on health goes before the evidence until it is taken back") {
  Rig rig;
  const auto id = rig.add_backend("https://a.example");
  const auto path = "/api/v1/backends/" + id;
  rig.store.run_blocking([&](store::Store& db) {
    store::RefreshResult result;
    result.backend_id = id;
    result.health = Health::avoided;
    result.health_reason = "slow: answered after 6.2 s";
    result.reachable = true;
    return db.record_refresh(result, rig.now);
  });
  auto shown = rig.call("PATCH", path, R"({"load_factor":2})");
  CHECK(shown.text("/health/state") == "avoided");
  CHECK(shown.text("/health/reason") == "slow: answered after 6.2 s");
  CHECK(shown.at("/health/forced").is_null());
  CHECK(shown.text("/ineligible_reason") == "health_avoided");

  shown = rig.call("PATCH", path, R"({"forced_health":"usable"})");
  CHECK(shown.text("/health/state") == "usable");
  CHECK(shown.text("/health/forced") == "usable");
  CHECK(shown.text("/health/reason") == "slow: answered after 6.2 s");
  CHECK(shown.at("/eligible") == true);
  CHECK(rig.call("PATCH", path, R"({"load_factor":1})").text("/health/forced") == "usable");

  shown = rig.call("PATCH", path, R"({"forced_health":"given_up"})");
  CHECK(shown.text("/ineligible_reason") == "health_given_up");
  CHECK(rig.view.backend(id)->backend.effective_health() == Health::given_up);

  shown = rig.call("PATCH", path, R"({"forced_health":null})");
  CHECK(shown.at("/health/forced").is_null());
  CHECK(shown.text("/health/state") == "avoided");
}

TEST_CASE("a word on health that makes no sense is refused") {
  Rig rig;
  const auto id = rig.add_backend("https://a.example");
  for (const auto* body : {R"({"forced_health":"auto"})", R"({"forced_health":""})",
                           R"({"forced_health":1})", R"({"forced_health":"Usable"})"}) {
    CAPTURE(body);
    const auto refused = rig.call("PATCH", "/api/v1/backends/" + id, body);
    CHECK(refused.status == 400);
    CHECK(refused.at("/fields").as_object().contains("forced_health"));
  }
  const auto fresh =
      rig.call("POST", "/api/v1/backends",
               R"({"bbb":{"host":"https://b.example","secret":"s"},"forced_health":"avoided"})");
  CHECK(fresh.at("/fields").as_object().contains("forced_health"));
}

TEST_CASE("an empty backend is deleted at once, a busy one is decommissioned") {
  Rig rig;
  const auto frontend = rig.add_frontend("moodle");
  const auto empty = rig.add_backend("https://a.example");
  const auto busy = rig.add_backend("https://b.example");
  rig.place("moodle", "math", frontend, busy);

  const auto gone = rig.call("DELETE", "/api/v1/backends/" + empty);
  CHECK(gone.status == 200);
  CHECK(gone.text("/id") == empty);
  CHECK_FALSE(rig.view.backend(empty));

  const auto kept = rig.call("DELETE", "/api/v1/backends/" + busy);
  CHECK(kept.status == 202);
  CHECK(kept.text("/admin_state") == "decommissioned");
  CHECK(rig.view.meeting_count() == 1);
  CHECK(rig.view.backend(busy)->backend.admin_state == AdminState::decommissioned);

  CHECK(rig.call("DELETE", "/api/v1/backends/" + busy + "?force=true").status == 200);
  CHECK(rig.view.meeting_count() == 0);
  CHECK(rig.call("GET", "/api/v1/backends").body.as_array().empty());
  CHECK(rig.call("DELETE", "/api/v1/backends/" + busy).status == 404);
}

}  // namespace
}  // namespace b3::api
