#include "gateway/route.h"

#include <doctest/doctest.h>

using b3::gateway::CallName;
using b3::gateway::parse_route;

TEST_CASE("a call is found behind the tenant key, whatever lies between") {
  for (const char* path :
       {"/bbb/moodle/create", "/bbb/moodle/api/create", "/bbb/moodle/bigbluebutton/api/create",
        "/bbb/moodle//bigbluebutton//api//create", "//bbb//moodle/create/"}) {
    const auto route = parse_route(path);
    REQUIRE_MESSAGE(route, path);
    CHECK(route->frontend_key == "moodle");
    CHECK(route->call == CallName::create);
    CHECK(route->call_text == "create");
  }
}

TEST_CASE("the index call is the path without a call") {
  for (const char* path : {"/bbb/moodle", "/bbb/moodle/", "/bbb/moodle/api",
                           "/bbb/moodle/bigbluebutton/api/", "/bbb/moodle/bigbluebutton"}) {
    const auto route = parse_route(path);
    REQUIRE_MESSAGE(route, path);
    CHECK(route->call == CallName::index);
  }
}

TEST_CASE("call names are exact") {
  CHECK(parse_route("/bbb/moodle/Create")->call == CallName::unsupported);
  CHECK(parse_route("/bbb/moodle/create.xml")->call == CallName::unsupported);
  CHECK(parse_route("/bbb/moodle/cr%65ate")->call == CallName::unsupported);
  CHECK(parse_route("/bbb/moodle/getRecordings")->call == CallName::unsupported);
}

TEST_CASE("other paths are not the gateway's") {
  CHECK_FALSE(parse_route(""));
  CHECK_FALSE(parse_route("/"));
  CHECK_FALSE(parse_route("/bbb"));
  CHECK_FALSE(parse_route("/bbb//"));
  CHECK_FALSE(parse_route("/bbbx/moodle/create"));
  CHECK_FALSE(parse_route("bbb/moodle/create"));
}

TEST_CASE("a key is percent-decoded, and one that does not decode names nobody") {
  CHECK(parse_route("/bbb/uni%2Dkl/create")->frontend_key == "uni-kl");
  CHECK(parse_route("/bbb/uni%zz/create")->frontend_key.empty());
}
