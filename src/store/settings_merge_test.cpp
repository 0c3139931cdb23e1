#include "store/settings_merge.h"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <stdexcept>

namespace b3::store {
namespace {

void check_merge(std::string_view stored, std::string_view patch, std::string_view expected) {
  CAPTURE(stored);
  CAPTURE(patch);
  CHECK(boost::json::parse(merge_settings(stored, patch)) == boost::json::parse(expected));
}

TEST_CASE("settings are merged as RFC 7396 says") {  // its appendix A, where objects are patched
  check_merge(R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})");
  check_merge(R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})");
  check_merge(R"({"a":"b"})", R"({"a":null})", "{}");
  check_merge(R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})");
  check_merge(R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})");
  check_merge(R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})");
  check_merge(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})");
  check_merge(R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})");
  check_merge(R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})");
  check_merge(R"({"a":"foo"})", R"({"a":{"b":1}})", R"({"a":{"b":1}})");
  check_merge("{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})");
  check_merge("{}", "{}", "{}");
}

TEST_CASE("unreadable stored settings count as empty") {
  for (const auto* stored : {"", "nonsense", "[1]", "null"})
    check_merge(stored, R"({"a":1})", R"({"a":1})");
}

TEST_CASE("a patch that is no object is refused") {
  for (const auto* patch : {"", "[]", "null", "7", "{", "{}x"}) {
    CHECK_THROWS_AS(merge_settings("{}", patch), std::invalid_argument);
  }
  CHECK_THROWS_AS(merge_settings("{}", std::string(100'000, '[')), std::invalid_argument);
}

}  // namespace
}  // namespace b3::store
