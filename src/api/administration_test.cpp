// Audit, revoked tokens, nodes that register themselves, commands and recordings.
#include <doctest/doctest.h>

#include "api/audit.h"
#include "api/rig_test.h"

namespace b3::api {

using test::Rig;

namespace {

json::array audit(Rig& rig, std::string query = "") {
  return rig.call("GET", "/api/v1/audit" + query).body.as_array();
}

constexpr auto registration =
    R"({"bbb":{"host":"https://node1.example.org","secret":"s1"},"admin_state":"ready"})";

}  // namespace

TEST_CASE("every change is in the audit, newest first, without secrets") {
  Rig rig;
  const auto frontend = rig.add_frontend("moodle");
  rig.call("PATCH", "/api/v1/frontends/" + frontend,
           R"({"active":false,"bbb":{"secret":"very-secret"}})");
  const auto backend = rig.add_backend("https://node1.example.org");
  const auto meeting = rig.place("moodle", "m1", frontend, backend);
  rig.call("DELETE", "/api/v1/meetings/moodle~m1");
  rig.call("DELETE", "/api/v1/frontends/" + frontend);
  rig.call("DELETE", "/api/v1/backends/" + backend);
  const auto records = audit(rig);
  std::string told;
  for (const auto& record : records) {
    told += std::string(record.at("action").as_string()) + " " +
            std::string(record.at("kind").as_string()) + ",";
  }
  CHECK(told ==
        "delete backend,delete frontend,delete meeting,create backend,update frontend,"
        "create frontend,");
  const auto& change = records.at(4);
  CHECK(change.at("before").at("active") == true);
  CHECK(change.at("after").at("active") == false);
  CHECK(change.at("after").at("secret_changed") == true);
  CHECK(change.at("subject").as_string() == "root");
  CHECK(json::serialize(records).find("very-secret") == std::string::npos);
  CHECK(audit(rig, "?kind=meeting").size() == 1);
  CHECK(audit(rig, "?since=2001-01-01T00:00:00Z&limit=2&offset=1").size() == 2);
  CHECK(rig.call("GET", "/api/v1/audit?since=yesterday").status == 400);
}

TEST_CASE("what is refused is not in the audit") {
  Rig rig;
  const auto id = rig.add_frontend("moodle");
  rig.call("POST", "/api/v1/frontends", R"({"bbb":{"key":"moodle"}})");
  rig.call("PATCH", "/api/v1/frontends/" + id, R"({"settings":{"required_tags":3}})");
  rig.call("DELETE", "/api/v1/frontends/00000000-0000-4000-8000-000000000000");
  CHECK(audit(rig).size() == 1);
}

TEST_CASE("values that look like secrets are replaced however deep they are") {
  const auto clean = without_secrets(json::parse(R"({"a":{"moderatorPW":"x","list":[{"api_token":
      "y"}]},"Secret":["z",null],"plain":"kept"})")
                                         .as_object());
  CHECK(json::serialize(clean) ==
        R"({"a":{"moderatorPW":"***","list":[{"api_token":"***"}]},"Secret":["***",null],)"
        R"("plain":"kept"})");
}

TEST_CASE("an id that is no UTF-8 is not repeated in the answer") {
  Rig rig;
  const auto answer = rig.call("DELETE", "/api/v1/tokens/%ff");
  CHECK(answer.status == 404);
  CHECK(answer.text("/error") == "not_found");
}

TEST_CASE("a node registers itself, in init, and is adopted where it is known") {
  Rig rig;
  const auto made = rig.call("POST", "/api/v1/backends", registration, test::node("n1"));
  CHECK(made.status == 201);
  CHECK(made.text("/admin_state") == "init");
  CHECK(made.text("/agent_ref") == "n1");
  const auto again = rig.call("POST", "/api/v1/backends", registration, test::node("n1"));
  CHECK(again.status == 200);
  CHECK(again.text("/id") == made.text("/id"));
  CHECK(rig.call("POST", "/api/v1/backends", registration, test::node("n2")).status == 409);
  CHECK(rig.call("POST", "/api/v1/backends",
                 R"({"bbb":{"host":"https://other.example.org","secret":"s"}})", test::node("n1"))
            .status == 409);

  rig.add_backend("https://known.example.org");
  constexpr auto wrong = R"({"bbb":{"host":"https://known.example.org","secret":"guess"}})";
  constexpr auto right = R"({"bbb":{"host":"https://known.example.org","secret":"s"}})";
  CHECK(rig.call("POST", "/api/v1/backends", wrong, test::node("n3")).status == 409);
  const auto adopted = rig.call("POST", "/api/v1/backends", right, test::node("n3"));
  CHECK(adopted.status == 200);
  CHECK(adopted.text("/admin_state") == "ready");
  CHECK(adopted.text("/agent_ref") == "n3");
}

TEST_CASE("a node changes its own backend only, and little of it") {
  Rig rig;
  const auto mine = rig.call("POST", "/api/v1/backends", registration, test::node("n1"));
  const auto own = "/api/v1/backends/" + mine.text("/id");
  const auto other = "/api/v1/backends/" + rig.add_backend("https://other.example.org");
  CHECK(rig.call("PATCH", own, R"({"load_factor":2})", test::node("n1")).status == 200);
  CHECK(rig.call("PATCH", own, R"({"load_factor":11})", test::node("n1")).status == 400);
  CHECK(rig.call("PATCH", own, R"({"admin_state":"ready"})", test::node("n1")).status == 403);
  CHECK(rig.call("PATCH", own, R"({"agent_ref":null})", test::node("n1")).status == 403);
  CHECK(rig.call("PATCH", own, R"({"load_factor":2})", test::node("n2")).status == 404);
  CHECK(rig.call("PATCH", other, R"({"load_factor":2})", test::node("n1")).status == 404);
  CHECK(rig.call("GET", own, {}, test::node("n1")).status == 403);
  CHECK(rig.call("DELETE", own, {}, test::node("n1")).status == 403);
  CHECK(rig.call("GET", "/api/v1/agent/backend", {}, test::node("n1")).text("/id") ==
        mine.text("/id"));
  CHECK(rig.call("GET", "/api/v1/agent/backend", {}, test::node("n2")).status == 404);
  CHECK(rig.call("GET", "/api/v1/agent/backend", {}, test::tenant("n1")).status == 403);
}

TEST_CASE("a heartbeat brings figures of the host") {
  Rig rig;
  rig.call("POST", "/api/v1/backends", registration, test::node("n1"));
  const auto beat = [&](std::string body) {
    return rig.call("POST", "/api/v1/agent/heartbeat", std::move(body), test::node("n1"));
  };
  CHECK(beat("").status == 200);
  CHECK(beat(R"({"report":{"load1":-1}})").status == 400);
  CHECK(beat(R"({"report":{"load1":"much"}})").status == 400);
  const auto reply = beat(R"({"report":{"load1":1.5,"version":"2.0","later":true}})");
  CHECK(reply.status == 200);
  CHECK(reply.at("/interval_ms").as_int64() == 1000);
  const auto shown = rig.call("GET", "/api/v1/agent/backend", {}, test::node("n1"));
  CHECK(json::serialize(shown.at("/report")).find("later") == std::string::npos);
  CHECK(shown.text("/report/version") == "2.0");
  CHECK(rig.call("POST", "/api/v1/agent/heartbeat", {}, test::node("n9")).status == 404);
  CHECK(rig.call("POST", "/api/v1/agent/rpc", R"({"action":"dance"})", test::node("n1")).status ==
        400);
}

TEST_CASE("a revoked token counts no more, and the previous secret still does") {
  Rig rig;
  token::Claims claims;
  claims.subject = "root";
  claims.scopes = {"b3scale:admin"};
  claims.id = "token-1";
  const auto bearer = "Bearer " + token::issue(claims, test::jwt_secret);
  CHECK(rig.call("GET", "/api/v1/status", {}, bearer).status == 200);
  CHECK(rig.call("DELETE", "/api/v1/tokens/token-1").status == 200);
  CHECK(rig.call("GET", "/api/v1/status", {}, bearer).status == 401);
  CHECK(rig.call("GET", "/api/v1/tokens").body.as_array().size() == 1);
  CHECK(audit(rig, "?kind=token").size() == 1);
  const auto old = test::bearer("root", {"b3scale:admin"}, "the previous secret");
  CHECK(rig.call("GET", "/api/v1/status", {}, old).status == 401);
}

TEST_CASE("commands are checked, stored and told of") {
  Rig rig;
  const auto id = rig.add_backend("https://node1.example.org");
  const auto ask = [&](std::string body) {
    return rig.call("POST", "/api/v1/commands", std::move(body));
  };
  CHECK(ask(R"({"action":"explode","backend_id":")" + id + "\"}").status == 400);
  CHECK(ask(R"({"action":"drain"})").status == 400);
  CHECK(ask(R"({"action":"drain","backend":"nobody.example.org"})").status == 404);
  const auto made = ask(R"({"action":"drain","backend":"https://node1.example.org"})");
  REQUIRE(made.status == 202);
  CHECK(made.text("/state") == "requested");
  CHECK(rig.call("GET", "/api/v1/backends/" + id).text("/admin_state") == "stopped");
  const auto path = "/api/v1/commands/" + made.text("/id");
  CHECK(rig.call("GET", path).text("/action") == "drain");
  CHECK(rig.call("GET", "/api/v1/commands?state=requested").body.as_array().size() == 1);
  CHECK(rig.call("GET", "/api/v1/commands?state=odd").status == 400);
  const auto cancelled = rig.call("DELETE", path);
  CHECK(cancelled.status == 200);
  CHECK(cancelled.text("/state") == "error");
  CHECK(rig.call("DELETE", path).status == 409);
  CHECK(audit(rig, "?kind=command").size() == 2);
}

TEST_CASE("recordings say what is not configured, and check what they are asked") {
  Rig rig;
  const std::string id =
      "/api/v1/recordings/183f0bf3a0982a127bdb8161e0c44eb696b3e75c-1530718721124";
  CHECK(rig.call("GET", "/api/v1/recordings").text("/error") == "not_configured");
  CHECK(rig.call("GET", "/api/v1/recordings?limit=-1").status == 400);
  CHECK(rig.call("GET", id).status == 501);
  CHECK(rig.call("GET", "/api/v1/recordings/none").status == 404);
  CHECK(rig.call("PATCH", id, R"({"visibility":"public"})").status == 501);
  CHECK(rig.call("PATCH", id, R"({"visibility":"odd"})").status == 400);
  CHECK(rig.call("POST", "/api/v1/recordings-import", "<recording/>", test::admin(),
                 "application/xml")
            .status == 501);
  CHECK(rig.call("POST", "/api/v1/recordings-import", "{}").status == 415);
}

}  // namespace b3::api
