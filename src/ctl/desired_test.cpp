#include "ctl/desired.h"

#include <doctest/doctest.h>

#include "ctl/document.h"
#include "ctl/plan.h"

namespace b3::ctl {
namespace {

namespace json = boost::json;

std::optional<std::string> environment(const std::string& name) {
  if (name == "NODE_SECRET") return "from-environment";
  if (name == "EMPTY") return "";
  return {};
}

std::expected<DesiredCluster, Failure> parse(std::string_view text) {
  return parse_desired(text, environment);
}

const auto frontends = json::parse(R"([
  {"id":"f1","active":true,"account_ref":null,"bbb":{"key":"moodle","secret":"old"},
   "settings":{"required_tags":["eu"],"deep":{"a":1,"b":2}}},
  {"id":"f2","active":true,"account_ref":"x","bbb":{"key":"other","secret":"s"},"settings":{}}])");
const auto backends = json::parse(R"([
  {"id":"b1","admin_state":"ready","load_factor":1,"settings":{},
   "bbb":{"host":"https://n1.example/bigbluebutton/api/","secret":"s"}},
  {"id":"b2","admin_state":"decommissioned","load_factor":1,"settings":{},
   "bbb":{"host":"https://n2.example/bigbluebutton/api/","secret":"s"}}])");

Plan plan_of(std::string_view text, bool prune = false) {
  const auto desired = parse(text);
  REQUIRE(desired);
  auto plan = make_plan(*desired, frontends, backends, prune);
  REQUIRE(plan);
  return std::move(*plan);
}

TEST_CASE("YAML and JSON say the same") {
  const auto yaml = parse(
      "frontends:\n  - key: moodle\n    secret: 0123\n    active: false\n    account_ref: null\n"
      "    settings: {required_tags: [eu, \"26\", 26], on: true}\n"
      "backends:\n  - host: https://N1.example\n    secret: ${NODE_SECRET}\n"
      "    load_factor: 1.5\n    admin_state: ready\n");
  const auto same = parse(
      R"({"frontends":[{"key":"moodle","secret":"0123","active":false,"account_ref":null,
          "settings":{"required_tags":["eu","26",26],"on":true}}],
          "backends":[{"host":"https://n1.example","secret":"${NODE_SECRET}","load_factor":1.5,
          "admin_state":"ready"}]})");
  for (const auto* desired : {&yaml, &same}) {
    REQUIRE(*desired);
    const auto& frontend = (**desired).frontends->at(0);
    CHECK(frontend.secret == "0123");
    CHECK(frontend.active == false);
    REQUIRE(frontend.account_ref);
    CHECK_FALSE(frontend.account_ref->has_value());
    CHECK(json::value(*frontend.settings) ==
          json::parse(R"({"required_tags":["eu","26",26],"on":true})"));
    const auto& backend = (**desired).backends->at(0);
    CHECK(backend.host == "https://n1.example/bigbluebutton/api/");
    CHECK(backend.secret == "from-environment");
    CHECK(backend.load_factor == 1.5);
  }
}

TEST_CASE("files that are not usable are refused, without their secrets") {
  for (const auto* text : {"",
                           "[]",
                           "word",
                           "frontend: []",
                           "frontends: {}",
                           "frontends: [word]",
                           "frontends: [{}]",
                           "frontends: [{key: a, secrt: hush}]",
                           "frontends: [{key: a}, {key: a}]",
                           "frontends: [{key: a, key: b}]",
                           "frontends: [{key: a, active: maybe}]",
                           "frontends: [{key: a, settings: [1]}]",
                           "frontends: [{key: a, secret: \"\"}]",
                           "frontends: [{key: a, secret: \"${UNSET}\"}]",
                           "frontends: [{key: a, secret: \"${EMPTY}\"}]",
                           "backends: [{host: nonsense}]",
                           "backends: [{host: https://a, admin_state: redy}]",
                           "backends: [{host: https://a, load_factor: heavy}]",
                           "backends: [{host: https://a}, {host: https://A/bigbluebutton/api}]",
                           "a: [\nhush: }",
                           "frontends: []\n---\nfrontends: []\n",
                           "? [a]\n: b\n",
                           "frontends: [{key: \"\xff\"}]"}) {
    CAPTURE(text);
    const auto desired = parse(text);
    REQUIRE_FALSE(desired);
    CHECK(desired.error().what.find("hush") == std::string::npos);
  }
  CHECK(parse("frontends: [{key: a, secret: \"${UNSET}\"}]").error().what.find("UNSET") !=
        std::string::npos);
  CHECK(parse("frontends:\nbackends: []\n"));
}

TEST_CASE("documents that blow up or go too deep are refused") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const auto last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int n = 0; n < 9; ++n) bomb += ", " + last;
    bomb += "]\n";
  }
  CHECK(parse_document(bomb, {}).error().find("too many") != std::string::npos);
  CHECK_FALSE(parse_document(std::string(200, '[') + std::string(200, ']'), {}));
  CHECK_FALSE(parse_document(std::string(2 * 1024 * 1024, ' '), {}));
  CHECK_FALSE(parse_document("a: *nobody", {}));
}

TEST_CASE("unquoted words mean what YAML's core schema says") {
  const auto value = parse_document(
      "a: 1\nb: 1.5\nc: true\nd: ~\ne: \"1\"\nf: no\ng: 1e3\nh: inf\ni: -3\nj: 1.2.3\nk:\nl: '~'\n",
      {});
  REQUIRE(value);
  CHECK(*value == json::parse(R"({"a":1,"b":1.5,"c":true,"d":null,"e":"1","f":"no","g":1000.0,
    "h":"inf","i":-3,"j":"1.2.3","k":null,"l":"~"})"));
}

TEST_CASE("a plan holds what differs and nothing else") {
  CHECK(plan_of("frontends: [{key: moodle, secret: old, active: true, account_ref: ~}]\n"
                "backends: [{host: https://n1.example, load_factor: 1.0, settings: {}}]")
            .empty());
  const auto plan = plan_of(
      "frontends: [{key: moodle, secret: new, active: false, settings: {deep: {a: 1.0, c: 3}}},"
      " {key: fresh}]\nbackends: [{host: https://n1.example, admin_state: stopped}]");
  REQUIRE(plan.size() == 3);
  CHECK(plan[0].target == "/api/v1/backends/b1");
  CHECK(plan[0].method == "PATCH");
  CHECK(json::value(plan[0].body) == json::parse(R"({"admin_state":"stopped"})"));
  CHECK(plan[1].target == "/api/v1/frontends/f1");
  CHECK(json::value(plan[1].body) == json::parse(R"({"active":false,"bbb":{"secret":"new"},
          "settings":{"deep":{"a":1.0,"b":null,"c":3},"required_tags":null}})"));
  CHECK(plan[2].method == "POST");
  CHECK(json::value(plan[2].body) == json::parse(R"({"bbb":{"key":"fresh"}})"));
  const auto text = render_plan(plan, {}) + json::serialize(plan_as_json(plan));
  CHECK(text.find("new\"") == std::string::npos);
  CHECK(text.find("secret: changed") != std::string::npos);
  CHECK(text.find("+ frontend fresh") != std::string::npos);
}

TEST_CASE("pruning removes what a section does not name, and no other section") {
  const auto plan = plan_of("frontends: [{key: moodle}]", true);
  REQUIRE(plan.size() == 1);
  CHECK(plan[0].method == "DELETE");
  CHECK(plan[0].target == "/api/v1/frontends/f2");
  const auto all = plan_of("frontends: []\nbackends: []", true);
  CHECK(all.size() == 3);  // n2 is on its way out already
  CHECK(plan_of("frontends: []\nbackends: []").empty());
}

TEST_CASE("a new backend needs a secret") {
  const auto desired = parse("backends: [{host: https://new.example}]");
  REQUIRE(desired);
  const auto plan = make_plan(*desired, frontends, backends, false);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().what.find("https://new.example") != std::string::npos);
}

}  // namespace
}  // namespace b3::ctl
