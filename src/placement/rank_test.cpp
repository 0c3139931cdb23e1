#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>

#include "placement/kept_test.h"
#include "placement/placement.h"

namespace b3::placement {
namespace {

constexpr WallTime now{milliseconds{1'800'000'000'000}};
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Candidate healthy(const std::string& id, double expected_load = 0) {
  Candidate candidate;
  candidate.backend_id = kept(id);
  candidate.host = kept("https://" + id + "/bigbluebutton/api/");
  candidate.admin_state = AdminState::ready;
  candidate.node_state = NodeState::ready;
  candidate.synced = true;
  candidate.expected_load = expected_load;
  return candidate;
}

std::vector<std::string> order(const std::vector<Candidate>& candidates, const Demand& demand = {},
                               Policy policy = Policy::expected_load) {
  std::vector<std::string> ids;
  for (const auto& ranked : rank(candidates, demand, policy, now).ranked) {
    ids.emplace_back(ranked.backend_id);
  }
  return ids;
}

std::size_t position(const std::vector<std::string>& ids, std::string_view id) {
  return std::size_t(std::ranges::find(ids, id) - ids.begin());
}

// Clusters of every kind: ties, refused candidates, odd factors and loads.
std::vector<Candidate> random_cluster(std::mt19937_64& random) {
  const double loads[] = {0, 0, 15, 15, 30.5, 400, not_a_number, infinity, -5};
  const double factors[] = {1, 1, 1, 0.5, 2, 0, -1, not_a_number, infinity};
  std::vector<Candidate> cluster(random() % 12);
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    cluster[i] = healthy(fmt::format("node-{}", i), loads[random() % std::size(loads)]);
    cluster[i].load_factor = factors[random() % std::size(factors)];
    cluster[i].meetings = std::int64_t(random() % 5);
    cluster[i].attendees = std::int64_t(random() % 50);
    if (random() % 5 == 0) cluster[i].node_state = NodeState::error;
    if (random() % 5 == 0) cluster[i].max_attendees = 40;
  }
  return cluster;
}

TEST_CASE("policies by name") {
  for (const auto policy : {Policy::expected_load, Policy::classic}) {
    CHECK(parse_policy(to_string(policy)) == policy);
  }
  CHECK(to_string(Policy::expected_load) == "expected-load");
  CHECK_FALSE(parse_policy(""));
  CHECK_FALSE(parse_policy("expected_load"));
  CHECK_FALSE(parse_policy("Classic"));
}

TEST_CASE("the least loaded comes first, with its score") {
  const auto ranking = rank({healthy("a", 30), healthy("b", 0), healthy("c", 15)},
                            {.expected_size = 10}, Policy::expected_load, now);
  CHECK(ranking.policy == "expected-load");
  REQUIRE(ranking.ranked.size() == 3);
  CHECK(ranking.ranked[0].backend_id == "b");
  CHECK(ranking.ranked[0].host == "https://b/bigbluebutton/api/");
  CHECK(ranking.ranked[0].score == 10);
  CHECK(ranking.ranked[1].score == 25);
  CHECK(ranking.ranked[2].score == 40);
}

TEST_CASE("no candidates, no ranking") {
  const auto ranking = rank({}, {}, Policy::classic, now);
  CHECK(ranking.policy == "classic");
  CHECK(ranking.ranked.empty());
  CHECK(ranking.rejected.empty());
}

TEST_CASE("rejected candidates keep the candidates' order and are not ranked") {
  auto stopped = healthy("z");
  stopped.admin_state = AdminState::stopped;
  auto broken = healthy("a");
  broken.node_state = NodeState::error;
  const auto ranking = rank({stopped, healthy("m", 5), broken}, {}, Policy::expected_load, now);
  REQUIRE(ranking.ranked.size() == 1);
  REQUIRE(ranking.rejected.size() == 2);
  CHECK(ranking.rejected[0].backend_id == "z");
  CHECK(ranking.rejected[1].backend_id == "a");
  CHECK(ranking.rejected[1].reason == Rejection::unhealthy);
}

TEST_CASE("the load factor is a penalty, on an idle node too") {
  auto weak = healthy("weak");
  weak.load_factor = 2;
  CHECK(order({weak, healthy("strong", 10)}, {.expected_size = 15}) ==
        std::vector<std::string>{"strong", "weak"});
  CHECK(order({weak, healthy("strong", 20)}, {.expected_size = 15}) ==
        std::vector<std::string>{"weak", "strong"});
}

TEST_CASE("a load factor that is no factor counts as 1") {
  for (const double factor : {0.0, -3.0, -infinity, not_a_number}) {
    auto odd = healthy("odd", 5);
    odd.load_factor = factor;
    const auto ranking = rank({odd}, {.expected_size = 10}, Policy::expected_load, now);
    CHECK(ranking.ranked.at(0).score == 15);
    CHECK(classic_load(odd) == 0);
  }
}

TEST_CASE("what is not a finite load ranks last and is finite itself") {
  for (const double load : {not_a_number, infinity, -infinity}) {
    const auto ranking =
        rank({healthy("odd", load), healthy("full", 1e9)}, {}, Policy::expected_load, now);
    CHECK(ranking.ranked.at(0).backend_id == "full");
    CHECK(ranking.ranked.at(1).score == std::numeric_limits<double>::max());
  }
}

TEST_CASE("classic counts meetings and attendees, not expectations") {
  auto many = healthy("many");
  many.meetings = 10;
  many.attendees = 5;
  auto few = healthy("few", 500);
  few.meetings = 1;
  few.attendees = 6;
  few.load_factor = 2;
  CHECK(classic_load(many) == 15);
  CHECK(classic_load(few) == 14);
  CHECK(order({many, few}, {}, Policy::classic) == std::vector<std::string>{"few", "many"});
  CHECK(order({many, few}) == std::vector<std::string>{"many", "few"});
  many.meetings = many.attendees = std::numeric_limits<std::int64_t>::max();
  CHECK(classic_load(many) > 1e19);
}

TEST_CASE("property: the candidates' order does not change the ranking") {
  std::mt19937_64 random{1};
  for (int round = 0; round < 500; ++round) {
    auto cluster = random_cluster(random);
    const Demand demand{.expected_size = std::int64_t(random() % 40), .seed = random()};
    const auto policy = random() % 2 ? Policy::classic : Policy::expected_load;
    const auto before = rank(cluster, demand, policy, now);
    std::ranges::shuffle(cluster, random);
    const auto after = rank(cluster, demand, policy, now);
    REQUIRE(before.ranked.size() == after.ranked.size());
    for (std::size_t i = 0; i < before.ranked.size(); ++i) {
      REQUIRE(before.ranked[i].backend_id == after.ranked[i].backend_id);
      REQUIRE(before.ranked[i].score == after.ranked[i].score);
    }
    REQUIRE(before.ranked.size() + before.rejected.size() == cluster.size());
  }
}

TEST_CASE("property: scores ascend") {
  std::mt19937_64 random{2};
  for (int round = 0; round < 500; ++round) {
    const auto ranking =
        rank(random_cluster(random), {.seed = random()}, Policy::expected_load, now);
    REQUIRE(std::ranges::is_sorted(ranking.ranked, {}, &Ranked::score));
  }
}

TEST_CASE("property: more load never improves a candidate's rank, nor does a higher factor") {
  std::mt19937_64 random{3};
  for (int round = 0; round < 500; ++round) {
    auto cluster = random_cluster(random);
    if (cluster.empty()) continue;
    const Demand demand{.seed = random()};
    const auto policy = random() % 2 ? Policy::classic : Policy::expected_load;
    auto& changed = cluster[random() % cluster.size()];
    const auto before = position(order(cluster, demand, policy), changed.backend_id);
    changed.expected_load += double(random() % 100);
    changed.attendees += std::int64_t(random() % 100);
    changed.meetings += std::int64_t(random() % 100);
    if (changed.load_factor >= 1 && changed.expected_load >= 0) changed.load_factor += 0.5;
    const auto after_order = order(cluster, demand, policy);
    const auto after = position(after_order, changed.backend_id);
    const bool rejected = after == after_order.size();
    REQUIRE((rejected || after >= before));
  }
}

TEST_CASE("ties are broken the same way for one seed") {
  const std::vector<Candidate> cluster{healthy("a"), healthy("b"), healthy("c"), healthy("d")};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CHECK(order(cluster, {.seed = seed}) == order(cluster, {.seed = seed}));
  }
}

TEST_CASE("ties spread evenly over seeds, consecutive ones included, in every place") {
  constexpr int seeds = 10'000;
  constexpr std::size_t nodes = 10;
  std::vector<Candidate> cluster;
  for (std::size_t i = 0; i < nodes; ++i) cluster.push_back(healthy(fmt::format("node-{}", i)));
  std::map<std::pair<std::string, std::size_t>, int> times;
  for (int seed = 0; seed < seeds; ++seed) {
    const auto ids = order(cluster, {.seed = std::uint64_t(seed)});
    for (std::size_t place = 0; place < nodes; ++place) ++times[{ids[place], place}];
  }
  REQUIRE(times.size() == nodes * nodes);
  for (const auto& [where, count] : times) {  // 1,000 expected, standard deviation 30
    CAPTURE(where.first);
    CAPTURE(where.second);
    CHECK(count > 850);
    CHECK(count < 1'150);
  }
}

TEST_CASE("whom a tie prefers does not depend on who else is there") {
  std::mt19937_64 random{4};
  for (int round = 0; round < 100; ++round) {
    const Demand demand{.seed = random()};
    const auto three = order({healthy("a"), healthy("b"), healthy("c")}, demand);
    auto without = three;
    std::erase(without, "c");
    CHECK(order({healthy("b"), healthy("a")}, demand) == without);
  }
}

}  // namespace
}  // namespace b3::placement
