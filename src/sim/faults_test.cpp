#include "sim/faults.h"

#include <doctest/doctest.h>

#include <boost/json/serialize.hpp>

using namespace b3;
using namespace b3::sim;
using namespace std::chrono_literals;

namespace {

std::string complaint(std::string_view body) {
  const auto faults = parse_faults(body, {});
  return faults ? "" : faults.error();
}

FaultMode next_mode(Faults& faults, std::string_view call) {
  std::mt19937_64 random(1);
  return take_treatment(faults, call, random).mode;
}

}  // namespace

TEST_CASE("faults are read and shown") {
  const auto faults = parse_faults(R"({"latency_ms": 5, "latency_jitter_ms": 10, "cdata": true,
      "never_joined_ms": 0, "empty_ms": 1, "end_delay_ms": 2, "oversized_mib": 3, "version": "3.0",
      "calls": {"create": {"mode": "hang_after_effect", "times": 2, "latency_ms": 7},
                "join": {"mode": "http_503", "effect": true}, "*": {"latency_after_ms": 9}}})",
                                   {});
  REQUIRE(faults);
  CHECK(faults->latency == 5ms);
  CHECK(faults->settings.cdata);
  CHECK(faults->settings.never_joined == 0ms);
  CHECK(faults->oversized_bytes == 3 * 1024 * 1024);
  CHECK(faults->calls.at("create").mode == FaultMode::hang);
  CHECK(faults->calls.at("create").effect);
  CHECK(faults->calls.at("join").status == 503);
  CHECK(faults->calls.at("join").effect);
  CHECK(faults->calls.at("*").mode == FaultMode::ok);
  CHECK(faults->calls.at("*").effect);

  const auto shown = boost::json::serialize(to_json(*faults));
  const auto read_back = parse_faults(shown, {});
  REQUIRE(read_back);
  CHECK(boost::json::serialize(to_json(*read_back)) == shown);
}

TEST_CASE("what a document leaves out is as in the defaults") {
  Faults defaults;
  defaults.settings.empty = 7s;
  CHECK(parse_faults("{}", defaults)->settings.empty == 7s);
  CHECK(parse_faults(R"({"empty_ms": 0})", defaults)->settings.empty == 0ms);
}

TEST_CASE("every mode has a name of its own") {
  for (const std::string mode :
       {"ok", "hang", "hang_after_effect", "close", "close_after_effect", "garbage", "truncated",
        "http_500", "http_502", "http_404", "failed", "oversized", "wrong_checksum"}) {
    CAPTURE(mode);
    const auto faults = parse_faults(R"({"calls":{"end":{"mode":")" + mode + "\"}}}", {});
    REQUIRE(faults);
    CHECK(to_json(*faults).at("calls").at("end").at("mode").as_string() == mode);
  }
}

TEST_CASE("nonsense is refused by name") {
  CHECK(complaint("[]").contains("object"));
  CHECK(complaint("{").contains("object"));
  CHECK(complaint(R"({"latncy_ms": 1})") == "latncy_ms is unknown");
  CHECK(complaint(R"({"latency_ms": -1})").starts_with("latency_ms must be"));
  CHECK(complaint(R"({"latency_ms": "1"})").starts_with("latency_ms must be"));
  CHECK(complaint(R"({"latency_ms": 600001})").starts_with("latency_ms must be"));
  CHECK(complaint(R"({"cdata": 1})").starts_with("cdata must be"));
  CHECK(complaint(R"({"oversized_mib": 0})").starts_with("oversized_mib"));
  CHECK(complaint(R"({"calls": []})").starts_with("calls must be"));
  CHECK(complaint(R"({"calls": {"end": 1}})").starts_with("calls.end must be"));
  CHECK(complaint(R"({"calls": {"end": {"mode": "bla"}}})") == "calls.end.mode is unknown");
  CHECK(complaint(R"({"calls": {"end": {"mode": "http_200"}}})") == "calls.end.mode is unknown");
  CHECK(complaint(R"({"calls": {"end": {"mode": "http_5x0"}}})") == "calls.end.mode is unknown");
  CHECK(complaint(R"({"calls": {"end": {"times": 0}}})").starts_with("calls.end.times"));
  CHECK(complaint(R"({"calls": {"end": {"time": 1}}})") == "calls.end.time is unknown");
}

TEST_CASE("a call's own fault goes before the general one, and wears off") {
  auto faults = *parse_faults(
      R"({"calls": {"create": {"mode": "close", "times": 2}, "*": {"mode": "failed"}}})", {});
  CHECK(next_mode(faults, "end") == FaultMode::failed);
  CHECK(next_mode(faults, "create") == FaultMode::close);
  CHECK(next_mode(faults, "create") == FaultMode::close);
  CHECK(next_mode(faults, "create") == FaultMode::failed);
  CHECK(faults.calls.size() == 1);
}

TEST_CASE("touches() tells whether anything would happen") {
  Faults faults;
  CHECK_FALSE(touches(faults, "create"));
  faults.calls["create"].times = 1;
  CHECK(touches(faults, "create"));
  CHECK_FALSE(touches(faults, "end"));
  next_mode(faults, "create");
  CHECK_FALSE(touches(faults, "create"));
  faults.latency_jitter = 1ms;
  CHECK(touches(faults, "end"));
}

TEST_CASE("latencies add up, jitter stays in its bounds") {
  auto faults = *parse_faults(
      R"({"latency_ms": 100, "latency_jitter_ms": 50, "calls": {"end": {"latency_ms": 1000}}})",
      {});
  std::mt19937_64 random(1);
  milliseconds least = 1h, most = 0ms;
  for (int i = 0; i < 1000; ++i) {
    const auto wait = take_treatment(faults, "end", random).wait_before;
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least == 1100ms);
  CHECK(most == 1150ms);
}
