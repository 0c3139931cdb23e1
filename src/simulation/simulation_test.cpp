// Seeds, the regression list, and whether the checks can fail at all.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "simulation/scenario.h"

using namespace b3::simulation;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// A run allocates millions of times, and can be repeated with more to see: halves its time.
// What the environment's ASAN_OPTIONS say goes first.
extern "C" const char* __asan_default_options() {
  return "malloc_context_size=1:quarantine_size_mb=4:thread_local_quarantine_size_kb=64:"
         "max_redzone=32:max_malloc_fill_size=0:detect_stack_use_after_return=0";
}
#endif
#endif

namespace {

constexpr std::uint64_t default_seeds = 300;

// Runs below print nothing but what the report says.
struct Silence {
  Silence() { b3::log::configure(b3::log::Level::panic, b3::log::Format::plain); }
};
const Silence silence;

std::uint64_t seeds_to_run() {
  const char* wanted = std::getenv("B3SCALE_TEST_SEEDS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : default_seeds;
}

std::string describe(std::uint64_t seed, const RunResult& result) {
  std::ostringstream text;
  for (const auto& event : result.violation->events) text << "  " << event << '\n';
  text << result.violation->promise << "\nreproduce: scripts/simulate --seed " << seed;
  return text.str();
}

void check_seed(std::uint64_t seed) {
  const auto result = run({.seed = seed});
  if (result.violation) FAIL_CHECK(describe(seed, result));
}

// Tests run in the repository's folder (cmake/rooms.cmake).
std::vector<std::uint64_t> regressions() {
  std::ifstream file{"src/simulation/regressions.txt"};
  REQUIRE(file);
  std::vector<std::uint64_t> seeds;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') seeds.push_back(std::stoull(line));
  }
  return seeds;
}

}  // namespace

TEST_CASE("the promises hold for a few hundred seeds") {
  std::uint64_t creates = 0;
  std::uint64_t redirects = 0;
  for (std::uint64_t seed = 1; seed <= seeds_to_run(); ++seed) {
    const auto result = run({.seed = seed});
    if (result.violation) FAIL_CHECK(describe(seed, result));
    creates += result.creates;
    redirects += result.redirects;
  }
  // Worlds in which nothing works keep every promise.
  CHECK(creates > seeds_to_run() * 20);
  CHECK(redirects > seeds_to_run() * 20);
}

TEST_CASE("seeds that found something once find nothing now") {
  for (const auto seed : regressions()) check_seed(seed);
}

TEST_CASE("a seed decides everything") {
  for (const std::uint64_t seed : {11, 12, 13}) {
    const auto first = run({.seed = seed});
    const auto second = run({.seed = seed});
    CHECK(first.hash == second.hash);
    CHECK(first.steps == second.steps);
    CHECK(first.commits == second.commits);
  }
  CHECK(run({.seed = 11}).hash != run({.seed = 12}).hash);
}

TEST_CASE("a network that calls processed creates unsent is found out") {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    if (run({.seed = seed, .network_lies = true}).violation) ++found;
  }
  CHECK(found > 0);
}
