#include "api/api.h"

#include <doctest/doctest.h>

#include "api/rig_test.h"

namespace b3::api {
namespace {

using test::Rig;

TEST_CASE("the API owns /api and what is below it, nothing else") {
  CHECK(Api::owns("/api"));
  CHECK(Api::owns("/api/v1/frontends"));
  CHECK(Api::owns("/api/"));
  CHECK_FALSE(Api::owns("/apis"));
  CHECK_FALSE(Api::owns("/bbb/api/"));
  CHECK_FALSE(Api::owns("/"));
}

TEST_CASE("without a token nothing is answered") {
  Rig rig;
  for (const auto* target : {"/api/v1", "/api/v1/frontends", "/api/v1/nowhere"}) {
    const auto reply = rig.call("GET", target, "", "");
    CHECK(reply.status == 401);
    CHECK(reply.text("/error") == "unauthorized");
    CHECK(reply.text("/request_id") == "request-1");
    CHECK(reply.header("WWW-Authenticate").starts_with("Bearer"));
  }
}

TEST_CASE("tokens that are not ours, expired or not bearer tokens are refused") {
  Rig rig;
  const auto foreign = test::bearer("root", {"b3scale:admin"}, "another secret");
  CHECK(rig.call("GET", "/api/v1", "", foreign).status == 401);
  CHECK(rig.call("GET", "/api/v1", "", "Basic cm9vdDpyb290").status == 401);
  CHECK(rig.call("GET", "/api/v1", "", "Bearer").status == 401);
  CHECK(rig.call("GET", "/api/v1", "", "Bearer ").status == 401);
  CHECK(rig.call("GET", "/api/v1", "", "Bearer a.b.c").status == 401);
  const auto good = test::admin();
  CHECK(rig.call("GET", "/api/v1", "", good).status == 200);
  CHECK(rig.call("GET", "/api/v1", "", "bEaReR   " + good.substr(7)).status == 200);
  rig.now = test::start + std::chrono::hours(2);
  const auto expired = rig.call("GET", "/api/v1", "", good);
  CHECK(expired.status == 401);
  CHECK(expired.header("WWW-Authenticate").find("invalid_token") != std::string::npos);
}

TEST_CASE("without a configured secret the API is off and says how to turn it on") {
  Rig rig{"sqlite::memory:", true, ""};
  const auto reply = rig.call("GET", "/api/v1");
  CHECK(reply.status == 503);
  CHECK(reply.text("/message").find("B3SCALE_API_JWT_SECRET") != std::string::npos);
}

TEST_CASE("scopes decide what is allowed") {
  Rig rig;
  const auto user = test::tenant("school");
  const auto node = test::bearer("node-1", {"b3scale:node"});
  const auto nothing = test::bearer("nobody", {});

  for (const auto& token : {user, node, nothing}) {
    const auto status = rig.call("GET", "/api/v1/status", "", token);
    CHECK(status.status == 200);
    CHECK(status.at("/is_admin") == false);
  }
  CHECK(rig.call("GET", "/api/v1/frontends", "", user).status == 200);
  CHECK(rig.call("GET", "/api/v1/meetings", "", user).status == 200);
  for (const auto& token : {node, nothing}) {
    CHECK(rig.call("GET", "/api/v1/frontends", "", token).status == 403);
    CHECK(rig.call("GET", "/api/v1/meetings", "", token).status == 403);
  }
  for (const auto& token : {user, node, nothing}) {
    CHECK(rig.call("GET", "/api/v1/backends", "", token).status == 403);
    CHECK(rig.call("GET", "/api/v1/placement?frontend=x", "", token).status == 403);
    CHECK(rig.call("POST", "/api/v1/frontends", R"({"bbb":{"key":"x"}})", token).status == 403);
    CHECK(rig.call("DELETE", "/api/v1/meetings/x", "", token).status == 403);
    CHECK(rig.call("POST", "/api/v1/ctrl/migrate", "", token).text("/error") == "forbidden");
  }
  CHECK(rig.view.frontends().empty());
}

TEST_CASE("unknown paths and methods") {
  Rig rig;
  const auto unknown = rig.call("GET", "/api/v1/unknown");
  CHECK(unknown.status == 404);
  CHECK(unknown.text("/error") == "not_found");
  CHECK(rig.call("GET", "/api/v2").status == 404);
  const auto wrong = rig.call("PUT", "/api/v1/frontends");
  CHECK(wrong.status == 405);
  CHECK(wrong.header("Allow") == "GET, POST");
  CHECK(rig.call("POST", "/api/v1/status").header("Allow") == "GET");
}

TEST_CASE("status tells what there is") {
  Rig rig;
  rig.add_frontend("one", "school");
  rig.add_frontend("two");
  rig.add_backend("https://a.example");
  const auto reply = rig.call("GET", "/api/v1");
  CHECK(reply.status == 200);
  CHECK(reply.header("Content-Type") == "application/json");
  CHECK(reply.text("/version") == "2.0.0");
  CHECK(reply.text("/build") == "test");
  CHECK(reply.text("/api") == "v1");
  CHECK(reply.text("/account_ref") == "root");
  CHECK(reply.at("/is_admin") == true);
  CHECK(reply.at("/database/ok") == true);
  CHECK(reply.at("/database/schema_version").as_int64() > 0);
  CHECK(reply.at("/frontends") == 2);
  CHECK(reply.at("/backends") == 1);
  CHECK(reply.at("/meetings") == 0);
  const auto own = rig.call("GET", "/api/v1/status", "", test::tenant("school"));
  CHECK(own.at("/frontends") == 1);
}

TEST_CASE("migrate reports the schema before and after") {
  Rig rig{"sqlite::memory:", false};
  const auto first = rig.call("POST", "/api/v1/ctrl/migrate");
  CHECK(first.status == 200);
  CHECK(first.at("/before") == 0);
  CHECK(first.at("/current").as_int64() > 0);
  // The audit has it, in the transaction that made the audit.
  CHECK(rig.call("GET", "/api/v1/audit?action=migrate").body.as_array().size() == 1);
  CHECK(rig.call("GET", "/api/v1/audit").at("/0/before/schema_version").as_int64() == 0);
  const auto second = rig.call("POST", "/api/v1/ctrl/migrate");
  CHECK(second.at("/before") == first.at("/current"));
}

TEST_CASE("a database that is away gives 503, and status still answers") {
  Rig rig{"postgresql://nobody@127.0.0.1:1/none?connect_timeout=2", false};
  const auto reply = rig.call("POST", "/api/v1/frontends", R"({"bbb":{"key":"x"}})");
  CHECK(reply.status == 503);
  CHECK(reply.text("/error") == "unavailable");
  CHECK_FALSE(reply.header("Retry-After").empty());
  CHECK(rig.view.frontends().empty());
  const auto status = rig.call("GET", "/api/v1/status");
  CHECK(status.status == 200);
  CHECK(status.at("/database/ok") == false);
  CHECK(status.at("/database/schema_version").is_null());
}

TEST_CASE("bodies must be JSON objects and say so") {
  Rig rig;
  const auto create = [&](std::string body, std::string type = "application/json") {
    return rig.call("POST", "/api/v1/frontends", std::move(body), test::admin(), std::move(type));
  };
  CHECK(create(R"({"bbb":{"key":"x"}})", "text/plain").status == 415);
  CHECK(create("bbb=x", "application/x-www-form-urlencoded").status == 415);
  CHECK(rig.call("POST", "/api/v1/frontends").status == 415);
  const auto broken = create("{\n  \"bbb\": nonsense}");
  CHECK(broken.status == 400);
  CHECK(broken.text("/error") == "bad_request");
  CHECK(broken.text("/message").find("line 2") != std::string::npos);
  CHECK(create("{").status == 400);
  CHECK(create("  ").text("/message").find("empty") != std::string::npos);
  CHECK(create("[1]").status == 400);
  CHECK(create("{} {}").text("/message").find("line 1, column 4") != std::string::npos);
  CHECK(create("{\"bbb\":{\"key\":\"\xff\"}}").status == 400);
  std::string deep = R"({"settings":)";
  for (int i = 0; i < 1000; ++i) deep += R"({"a":)";
  CHECK(create(deep).status == 400);
  CHECK(create(R"({"x":")" + std::string(1024 * 1024, 'a') + "\"}").status == 413);
  CHECK(rig.view.frontends().empty());
}

}  // namespace
}  // namespace b3::api
