#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <map>
#include <string>

#include "placement/kept_test.h"
#include "placement/placement.h"

namespace b3::placement {
namespace {

namespace json = boost::json;

constexpr WallTime now{milliseconds{1'795'000'000'120}};

TEST_CASE("an explanation says what was known and why") {
  const Ranking ranking{"expected-load",
                        {{"a", "https://a/", 15}, {"b", "https://b/", 22.5}},
                        {{"c", "https://c/", Rejection::missing_tags, "lacks tag \"x\""}}};
  const Demand demand{.expected_size = 15, .seed = 18446744073709551615u};
  const auto explanation = json::parse(explain_json(ranking, demand, "a", now));
  const auto expected = json::parse(R"({
    "at": "2026-11-18T11:06:40.120Z", "policy": "expected-load", "chosen": "a",
    "seed": "18446744073709551615", "expected_size": 15,
    "ranked": [{"backend_id": "a", "host": "https://a/", "score": 1.5e1},
               {"backend_id": "b", "host": "https://b/", "score": 22.5}],
    "rejected": [{"backend_id": "c", "host": "https://c/", "reason": "missing_tags",
                  "detail": "lacks tag \"x\""}]})");
  CHECK(json::serialize(explanation) == json::serialize(expected));
}

TEST_CASE("a stored explanation is short, and whole again when it is read") {
  Ranking ranking{"expected-load", {}, {}};
  std::map<std::string, std::string, std::less<>> hosts;
  for (int i = 0; i < 3; ++i) {
    const auto id = fmt::format("0b8ab28e-9d0f-4f6e-8d0c-00000000000{}", i);
    hosts[id] = fmt::format("https://bbb-{}.example.org/bigbluebutton/", i);
    ranking.ranked.push_back({kept(id), kept(hosts[id]), i * 7.5});
  }
  ranking.rejected.push_back({"c", "https://c/", Rejection::missing_tags, "lacks tag \"x\""});
  hosts["c"] = "https://c/";
  const auto chosen = ranking.ranked[1].backend_id;
  const auto stored = stored_explanation(ranking, {.seed = 7}, chosen, now);
  CHECK(stored.size() < 400);
  const auto host_of = [&](std::string_view id) { return hosts.find(id)->second; };
  const auto whole = whole_explanation(json::parse(stored).as_object(), host_of);
  CHECK(json::serialize(whole) ==
        json::serialize(json::parse(explain_json(ranking, {.seed = 7}, chosen, now))));
  // One of an older program, of an adopted meeting, and one that somebody has damaged.
  CHECK(json::serialize(whole_explanation(whole, host_of)) == json::serialize(whole));
  for (const auto* odd : {R"({"adopted":true})", R"({"ranked":7,"rejected":[[],[1,2,3],"x"]})"}) {
    CHECK(json::serialize(whole_explanation(json::parse(odd).as_object(), host_of)) == odd);
  }
}

TEST_CASE("a stored explanation of a large cluster has the first and the chosen backend") {
  Ranking ranking{"expected-load", {}, {}};
  for (int i = 0; i < 100; ++i) ranking.ranked.push_back({kept(std::to_string(i)), "h", double(i)});
  const auto stored = json::parse(stored_explanation(ranking, {}, "77", now)).as_object();
  const auto& ranked = stored.at("ranked").as_array();
  REQUIRE(ranked.size() == stored_entries + 1);
  CHECK(json::serialize(ranked.front()) == R"(["0",0E0])");
  CHECK(json::serialize(ranked.back()) == R"(["77",7.7E1])");
  CHECK(stored.at("left_out").as_int64() == 100 - 6);
}

TEST_CASE("nothing chosen and nobody there is explained too") {
  const auto explanation = json::parse(explain_json({"classic", {}, {}}, {}, "", now)).as_object();
  CHECK(explanation.at("chosen").as_string().empty());
  CHECK(explanation.at("ranked").as_array().empty());
  CHECK(explanation.at("rejected").as_array().empty());
  CHECK_FALSE(explanation.contains("left_out"));
}

TEST_CASE("a large cluster's explanation is bounded but always has the chosen backend") {
  Ranking ranking{"expected-load", {}, {}};
  for (int i = 0; i < 500; ++i) {
    ranking.ranked.push_back({kept(fmt::format("ranked-{}", i)), "https://n/", double(i)});
    ranking.rejected.push_back({kept(fmt::format("rejected-{}", i)), "https://n/",
                                Rejection::unhealthy, "node state error"});
  }
  const auto text = explain_json(ranking, {}, "ranked-400", now);
  const auto explanation = json::parse(text).as_object();
  const auto& ranked = explanation.at("ranked").as_array();
  REQUIRE(ranked.size() == explained_entries + 1);
  CHECK(ranked.front().at("backend_id").as_string() == "ranked-0");
  CHECK(ranked.back().at("backend_id").as_string() == "ranked-400");
  CHECK(explanation.at("rejected").as_array().size() == explained_entries);
  CHECK(explanation.at("left_out").as_int64() == 1'000 - 2 * 8 - 1);
  CHECK(json::serialize(explanation.at("rejected_by_reason")) == R"({"unhealthy":500})");
  CHECK(text.size() < 2'500);
}

TEST_CASE("what was left out is counted by its reason, and only then") {
  Ranking ranking{"classic", {}, {}};
  for (int i = 0; i < 8; ++i) ranking.rejected.push_back({"a", "h", Rejection::given_up, ""});
  CHECK_FALSE(explain_json(ranking, {}, "", now).contains("rejected_by_reason"));
  ranking.rejected.push_back({"b", "h", Rejection::max_meetings, ""});
  const auto explanation = json::parse(explain_json(ranking, {}, "", now)).as_object();
  CHECK(json::serialize(explanation.at("rejected_by_reason")) ==
        R"({"health_given_up":8,"max_meetings":1})");
  CHECK(explanation.at("left_out").as_int64() == 1);
}

TEST_CASE("the worst score and hostile text are still valid JSON") {
  Candidate odd;
  odd.backend_id = "a\"b\\\n";
  odd.host = "\x7f\xc3\xa9/\t";
  odd.admin_state = AdminState::ready;
  odd.node_state = NodeState::ready;
  odd.synced = true;
  odd.expected_load = std::numeric_limits<double>::quiet_NaN();
  const auto ranking = rank({odd}, {}, Policy::expected_load, now);
  const auto explanation = json::parse(explain_json(ranking, {}, odd.backend_id, now));
  CHECK(explanation.at("ranked").at(0).at("score").as_double() ==
        std::numeric_limits<double>::max());
  CHECK(explanation.at("ranked").at(0).at("host").as_string() == "\x7f\xc3\xa9/\t");
  CHECK(explanation.at("chosen").as_string() == "a\"b\\\n");
}

}  // namespace
}  // namespace b3::placement
