#include "ctl/render.h"

#include <doctest/doctest.h>

#include "ctl/fields.h"

namespace b3::ctl {
namespace {

namespace json = boost::json;

const Style plain{};

TEST_CASE("JSON is indented and stays the same document") {
  const auto value = json::parse(R"({"a":[1,{"b":"x\"y"}],"c":{},"d":[],"e":null})");
  const auto text = render_json(value);
  CHECK(json::parse(text) == value);
  CHECK(text.starts_with("{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\\\"y\"\n    }\n  ],\n"));
  CHECK(text.ends_with("}\n"));
}

TEST_CASE("secrets are hidden in JSON, in lists too") {
  const auto list = json::parse(R"([{"bbb":{"key":"a","secret":"s3cret"}},{"bbb":1},{"x":2}])");
  const auto hidden = json::serialize(hide_secrets(list));
  CHECK(hidden.find("s3cret") == std::string::npos);
  CHECK(hidden.find("********") != std::string::npos);
  CHECK(hidden.find(R"({"bbb":1})") != std::string::npos);
}

TEST_CASE("frontends with and without secrets") {
  const auto list = json::parse(R"([{"id":"id-1","active":true,"account_ref":null,
      "bbb":{"key":"moodle","secret":"s3cret"},"settings":{"required_tags":["eu","sip"]}}])");
  const auto hidden = render_frontends(list, plain);
  CHECK(hidden ==
        "KEY     ACTIVE  SECRET    ACCOUNT  REQUIRED TAGS  ID\n"
        "moodle  yes     ********  -        eu, sip        id-1\n");
  const auto shown = render_frontends(list, {.colour = false, .show_secrets = true});
  CHECK(shown.find("s3cret") != std::string::npos);
  CHECK(render_frontend(list.at(0), plain).find("s3cret") == std::string::npos);
  CHECK(render_frontend(list.at(0), plain).find("\"required_tags\"") != std::string::npos);
  CHECK(render_frontends(json::array{}, plain) == "There are no frontends.\n");
}

TEST_CASE("backends say whether and why not meetings are placed there") {
  const auto list = json::parse(R"([
    {"bbb":{"host":"https://a/","secret":"s3cret"},"admin_state":"ready","node_state":"ready",
     "meetings_count":2,"attendees_count":31,"expected_load":45.504,"load_factor":1.0,
     "latency_ms":3.25,"synced_at":"2026-01-01T00:00:00.000Z","settings":{"tags":["eu"]},
     "eligible":true,"ineligible_reason":null,"ineligible_detail":null},
    {"bbb":{"host":"https://b/"},"admin_state":"stopped","node_state":"error",
     "eligible":false,"ineligible_reason":"admin_state",
     "ineligible_detail":"the operator stopped it"}])");
  const auto text = render_backends(list, plain);
  CHECK(text.find("45.5 ") != std::string::npos);
  CHECK(text.find("3.25 ms  eu") != std::string::npos);
  CHECK(text.find("no: the operator stopped it\n") != std::string::npos);
  CHECK(text.find("s3cret") == std::string::npos);
  CHECK(render_backends(list, {.colour = true, .show_secrets = true}).find("s3cret") !=
        std::string::npos);
  CHECK(render_backend(list.at(1), plain).find("no: the operator stopped it") != std::string::npos);
}

TEST_CASE("backends show how far they are trusted, why, and on whose word") {
  const auto list = json::parse(R"([
    {"bbb":{"host":"https://a/"},"health":{"state":"usable","reason":null,"forced":null}},
    {"bbb":{"host":"https://b/"},
     "health":{"state":"given_up","reason":"no connection for 95 s","forced":null}},
    {"bbb":{"host":"https://c/"},
     "health":{"state":"usable","reason":"slow","forced":"usable"}}])");
  const auto text = render_backends(list, plain);
  CHECK(text.find("HEALTH") != std::string::npos);
  CHECK(text.find("given_up") != std::string::npos);
  CHECK(text.find("usable (forced)") != std::string::npos);
  CHECK(render_backend(list.at(1), plain).find("given_up: no connection for 95 s") !=
        std::string::npos);
  CHECK(render_backend(list.at(2), plain).find("usable (forced): slow") != std::string::npos);
}

TEST_CASE("meeting names cannot steer the terminal") {
  const auto list = json::parse(
      "[{\"id\":\"m~1\",\"state\":\"bound\",\"running\":true,\"counts\":{\"participants\":3},"
      "\"name\":\"\\u001b[2J evil\",\"backend_host\":\"https://a/\",\"reserved_at\":\"t\"}]");
  const auto text = render_meetings(list, plain);
  CHECK(text.find('\033') == std::string::npos);
  CHECK(text.find("evil") != std::string::npos);
  const auto frontend = json::parse("{\"settings\":{\"x\":\"\\u009b31m\"}}");
  CHECK(render_frontend(frontend, plain).find("\xC2\x9B") == std::string::npos);
}

TEST_CASE("a placement is explained") {
  const auto placement = json::parse(R"({"at":"t","policy":"expected-load","chosen":"1",
    "expected_size":15,"ranked":[{"backend_id":"1","host":"https://a/","score":15},
    {"backend_id":"2","host":"https://b/","score":30.5}],
    "rejected":[{"backend_id":"3","host":"https://c/","reason":"unhealthy","detail":"it is ill"}],
    "left_out":7})");
  const auto text = render_placement(placement, plain);
  CHECK(text.find("*  https://a/") != std::string::npos);
  CHECK(text.find("30.5  eligible") != std::string::npos);
  CHECK(text.find("left out (unhealthy): it is ill") != std::string::npos);
  CHECK(text.find("7 more backends are not listed") != std::string::npos);
  CHECK(text.find("No backend can take it") == std::string::npos);
  const auto none = json::parse(R"({"chosen":"","ranked":[],"rejected":[]})");
  CHECK(render_placement(none, plain).find("No backend was considered.") != std::string::npos);
}

TEST_CASE("answers of another shape than expected do not break anything") {
  for (const auto* text : {"null", "1", "[]", "{}", "[1]", R"([{"bbb":[]}])", R"({"bbb":"x"})",
                           R"({"ranked":{},"rejected":[[]]})", R"([{"settings":{"tags":"eu"}}])"}) {
    const auto value = json::parse(text);
    for (const auto render : {render_frontends, render_frontend, render_backends, render_backend,
                              render_meetings, render_placement}) {
      CHECK_FALSE(render(value, plain).empty());
    }
    CHECK_FALSE(render_status(value, "url", plain).empty());
  }
}

TEST_CASE("the status") {
  const auto status = json::parse(R"({"version":"2.0.0","build":"b","api":"v1","account_ref":"me",
    "is_admin":true,"database":{"schema_version":3,"ok":true},"frontends":1,"backends":2,
    "meetings":3})");
  const auto text = render_status(status, "http://api", plain);
  CHECK(text.find("http://api (v1)") != std::string::npos);
  CHECK(text.find("me (administrator)") != std::string::npos);
  CHECK(text.find("ok, schema 3") != std::string::npos);
}

TEST_CASE("fields are found by path") {
  const auto value = json::parse(R"({"a":{"b":"x","n":null,"t":true,"d":1.005},"l":["p","q"]})");
  CHECK(field_text(value, "a.b") == "x");
  CHECK(field_text(value, "a.n") == "-");
  CHECK(field_text(value, "a.b.c") == "-");
  CHECK(field_text(value, "a.t") == "true");
  CHECK(field_is_true(value, "a.t"));
  CHECK_FALSE(field_is_true(value, "a.b"));
  CHECK(field_list(value, "l") == "p, q");
}

}  // namespace
}  // namespace b3::ctl
