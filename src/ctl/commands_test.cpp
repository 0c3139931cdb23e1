#include "ctl/commands.h"

#include <doctest/doctest.h>

#include "ctl/resolve.h"
#include "ctl/script_test.h"

namespace b3::ctl {
namespace {

namespace json = boost::json;

constexpr auto first_id = "11111111-1111-4111-8111-111111111111";
constexpr auto second_id = "22222222-2222-4222-8222-222222222222";

const std::string two_backends =
    R"([{"id":"11111111-1111-4111-8111-111111111111",
         "bbb":{"host":"https://node1.example/bigbluebutton/api/","secret":"s3cret"}},
        {"id":"22222222-2222-4222-8222-222222222222",
         "bbb":{"host":"https://node10.example:8443/bigbluebutton/api/","secret":"s3cret"}}])";

std::expected<std::string, Failure> run(const Invocation& invocation, Api& api,
                                        const Style& style) {
  ScriptedConsole console;
  return run_command(invocation, api, style, console);
}

std::vector<std::string> matching(std::string_view name) {
  const auto list = json::parse(two_backends);
  std::vector<std::string> ids;
  for (const auto* match : match_backends(list, name)) {
    ids.emplace_back(match->at("id").as_string());
  }
  return ids;
}

Invocation invoke(Action action, std::string name = {}) {
  Invocation invocation;
  invocation.action = action;
  invocation.api_url = "http://api.example";
  invocation.name = std::move(name);
  return invocation;
}

TEST_CASE("backends are found by URL, host name, its beginning or UUID") {
  const std::vector<std::string> first{first_id};
  const std::vector<std::string> second{second_id};
  CHECK(matching("https://node1.example/bigbluebutton/api") == first);
  CHECK(matching("https://NODE1.example") == first);
  CHECK(matching("node1.example") == first);
  CHECK(matching("Node10") == second);
  CHECK(matching("node10.example:8443") == second);
  CHECK(matching(second_id) == second);
  CHECK(matching("node1").size() == 2);
  CHECK(matching("node2").empty());
  CHECK(matching("ode1").empty());
  CHECK(matching("").empty());
  CHECK(matching("http://node1.example").empty());
}

TEST_CASE("an ambiguous name is refused with what it fits, and nothing is changed") {
  ScriptedApi api;
  api.will_answer(200, two_backends);
  const auto output = run(invoke(Action::disable_backend, "node"), api, {});
  REQUIRE_FALSE(output);
  CHECK(output.error().what.find("node1.example") != std::string::npos);
  CHECK(output.error().what.find("node10.example") != std::string::npos);
  CHECK(api.calls.size() == 1);
}

TEST_CASE("enable and disable set the states") {
  const std::vector<std::pair<Action, std::string>> cases{
      {Action::enable_backend, R"({"admin_state":"ready"})"},
      {Action::disable_backend, R"({"admin_state":"stopped"})"}};
  for (const auto& [action, body] : cases) {
    ScriptedApi api;
    api.will_answer(200, two_backends);
    api.will_answer(200, R"({"bbb":{"host":"https://node10.example/"}})");
    REQUIRE(run(invoke(action, "node10"), api, {}));
    CHECK(api.calls[1].method == "PATCH");
    CHECK(api.calls[1].target == std::string("/api/v1/backends/") + second_id);
    CHECK(api.calls[1].body == body);
  }
  ScriptedApi api;
  api.will_answer(200, R"([{"id":"f","bbb":{"key":"moodle"}}])");
  api.will_answer(200, R"({"bbb":{"key":"moodle"}})");
  REQUIRE(run(invoke(Action::disable_frontend, "moodle"), api, {}));
  CHECK(api.calls[0].target == "/api/v1/frontends?key=moodle");
  CHECK(api.calls[1].body == R"({"active":false})");
}

TEST_CASE("health is forced, or left to the evidence") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"given_up", R"({"forced_health":"given_up"})"}, {"auto", R"({"forced_health":null})"}};
  for (const auto& [health, body] : cases) {
    ScriptedApi api;
    api.will_answer(200, two_backends);
    api.will_answer(200, R"({"bbb":{"host":"https://node10.example/"}})");
    auto invocation = invoke(Action::set_backend, "node10");
    invocation.health = health;
    REQUIRE(run(invocation, api, {}));
    CHECK(api.calls[1].method == "PATCH");
    CHECK(api.calls[1].body == body);
  }
}

TEST_CASE("a frontend may be named by its UUID") {
  ScriptedApi api;
  api.will_answer(200, "[]");
  api.will_answer(200, R"({"id":"x","bbb":{"key":"moodle","secret":"s3cret"}})");
  const auto output = run(invoke(Action::show_frontend, first_id), api, {});
  REQUIRE(output);
  CHECK(api.calls[1].target == std::string("/api/v1/frontends/") + first_id);
  CHECK(output->find("s3cret") == std::string::npos);
  api.will_answer(200, "[]");
  const auto none = run(invoke(Action::show_frontend, "nobody & co"), api, {});
  REQUIRE_FALSE(none);
  CHECK(api.calls[2].target == "/api/v1/frontends?key=nobody%20%26%20co");
}

TEST_CASE("adding a frontend prints what the tenant needs") {
  ScriptedApi api;
  api.will_answer(201, R"({"bbb":{"key":"moodle","secret":"s3cret"}})");
  auto invocation = invoke(Action::add_frontend, "moodle");
  invocation.inactive = true;
  invocation.settings = R"({"required_tags":["eu"]})";
  auto output = run(invocation, api, {});
  REQUIRE(output);
  CHECK(api.calls[0].body ==
        R"({"active":false,"bbb":{"key":"moodle"},"settings":{"required_tags":["eu"]}})");
  CHECK(output->find("http://api.example/bbb/moodle/") != std::string::npos);
  CHECK(output->find("s3cret") != std::string::npos);
  invocation.public_url = "https://public.example/";
  api.will_answer(201, R"({"bbb":{"key":"moodle","secret":"s3cret"}})");
  output = run(invocation, api, {});
  CHECK(output->find("https://public.example/bbb/moodle/") != std::string::npos);
}

TEST_CASE("settings that are not a JSON object and empty changes never reach the API") {
  ScriptedApi api;
  auto invocation = invoke(Action::set_backend, "node10");
  CHECK_FALSE(run(invocation, api, {}));
  for (const auto* settings : {"", "[]", "{", "{\"a\":}", "tags"}) {
    invocation.settings = settings;
    const auto output = run(invocation, api, {});
    REQUIRE_FALSE(output);
    CHECK(output.error().what.find("not a JSON object") != std::string::npos);
  }
  CHECK(api.calls.empty());
}

TEST_CASE("removing a busy backend says that it goes later; force goes at once") {
  ScriptedApi api;
  api.will_answer(200, two_backends);
  api.will_answer(202, R"({"bbb":{"host":"https://node10.example/"}})");
  const auto later = run(invoke(Action::remove_backend, "node10"), api, {});
  REQUIRE(later);
  CHECK(later->find("still has meetings") != std::string::npos);

  auto forced = invoke(Action::remove_backend, "node10");
  forced.force = true;
  api.will_answer(200, two_backends);
  api.will_answer(200, R"({"bbb":{"host":"https://node10.example/"}})");
  const auto now = run(forced, api, {});
  REQUIRE(now);
  CHECK(now->find("is removed") != std::string::npos);
  CHECK(api.calls[3].target == std::string("/api/v1/backends/") + second_id + "?force=true");
}

TEST_CASE("meetings are found by any of their ids") {
  const auto list = R"([{"id":"a~math 1","meeting_id":"math 1","internal_id":"i-1"},
                        {"id":"b~math 1","meeting_id":"math 1","internal_id":null},
                        {"id":"b~art","meeting_id":"art","internal_id":"i-2"}])";
  const auto removed = [&](std::string name) -> std::string {
    ScriptedApi api;
    api.will_answer(200, list);
    api.will_answer(200, R"({"id":"done"})");
    if (const auto output = run(invoke(Action::remove_meeting, name), api, {}); !output) {
      return output.error().what;
    }
    return api.calls[1].method + " " + api.calls[1].target;
  };
  CHECK(removed("a~math 1") == "DELETE /api/v1/meetings/a~math%201");
  CHECK(removed("i-2") == "DELETE /api/v1/meetings/b~art");
  CHECK(removed("art") == "DELETE /api/v1/meetings/b~art");
  CHECK(removed("math 1").find("several") != std::string::npos);
  CHECK(removed("x").find("there is no meeting") != std::string::npos);
}

TEST_CASE("what is printed about a removed meeting cannot steer the terminal") {
  ScriptedApi api;
  api.will_answer(200, "[{\"id\":\"a~\\u001b[2J\",\"meeting_id\":\"m\"}]");
  api.will_answer(200, "{\"id\":\"a~\\u001b[2J\"}");
  const auto output = run(invoke(Action::remove_meeting, "m"), api, {});
  REQUIRE(output);
  CHECK(output->find('\033') == std::string::npos);
  CHECK(api.calls[1].target == "/api/v1/meetings/a~%1B%5B2J");
}

TEST_CASE("meetings are filtered by what backend and frontend names mean") {
  ScriptedApi api;
  auto invocation = invoke(Action::show_meetings);
  invocation.backend = "node10";
  invocation.frontend = "moodle";
  api.will_answer(200, two_backends);
  api.will_answer(200, R"([{"id":"f","bbb":{"key":"moodle"}}])");
  api.will_answer(200, "[]");
  REQUIRE(run(invocation, api, {}));
  CHECK(api.calls[2].target ==
        std::string("/api/v1/meetings?backend_id=") + second_id + "&frontend_id=f");
}

TEST_CASE("explain asks for the stored ranking or a dry run") {
  ScriptedApi api;
  api.will_answer(200, R"([{"id":"a~m","meeting_id":"m"}])");
  api.will_answer(200, R"({"policy":"classic","ranked":[],"rejected":[]})");
  const auto stored = run(invoke(Action::explain, "m"), api, {});
  REQUIRE(stored);
  CHECK(stored->find("classic") != std::string::npos);
  CHECK(api.calls[1].target == "/api/v1/meetings/a~m/placement");
  auto dry = invoke(Action::explain);
  dry.frontend = "moodle";
  dry.expected_size = 40;
  api.will_answer(200, "{}");
  REQUIRE(run(dry, api, {}));
  CHECK(api.calls[2].target == "/api/v1/placement?frontend=moodle&expected_size=40");
}

TEST_CASE("--json prints what the API gave, secrets only when asked for") {
  ScriptedApi api;
  auto invocation = invoke(Action::show_backends);
  invocation.json = true;
  api.will_answer(200, two_backends);
  const auto hidden = run(invocation, api, {});
  REQUIRE(hidden);
  CHECK(hidden->find("s3cret") == std::string::npos);
  api.will_answer(200, two_backends);
  const auto shown = run(invocation, api, {.colour = false, .show_secrets = true});
  CHECK(json::parse(*shown) == json::parse(two_backends));
}

TEST_CASE("refusals of the API become failures with a next step") {
  const auto refused = read_answer(
      409, R"({"error":"in_use","message":"the frontend still has meetings","request_id":"r"})");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == "the frontend still has meetings");
  CHECK_FALSE(refused.error().next.empty());
  CHECK(read_answer(401, R"({"message":"no"})").error().next.find("auth authorize") !=
        std::string::npos);
  CHECK(read_answer(500, R"({"message":"no","request_id":"r-7"})").error().what.find("r-7") !=
        std::string::npos);
  CHECK(read_answer(200, "<html>").error().what.find("not from a b3scale API") !=
        std::string::npos);
  CHECK(read_answer(502, "").error().what.find("HTTP 502") != std::string::npos);
  CHECK(read_answer(400, "{}").error().what.find("HTTP 400") != std::string::npos);
}

TEST_CASE("an API that is not there is named with its address") {
  HttpApi api{"http://127.0.0.1:1", "token", ""};
  const auto answer = api.call("GET", "/api/v1/status", {});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().what.find("http://127.0.0.1:1") != std::string::npos);
  CHECK(answer.error().next.find("B3SCALE_API_URL") != std::string::npos);
  HttpApi nonsense{"nonsense", "token", ""};
  CHECK_FALSE(nonsense.call("GET", "/api/v1/status", {}));
}

}  // namespace
}  // namespace b3::ctl
