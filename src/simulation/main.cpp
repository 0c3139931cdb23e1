// b3simulate: runs simulated clusters, seed after seed, until one breaks a promise.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

#include "base/log.h"
#include "simulation/scenario.h"

namespace {

using b3::simulation::RunResult;

struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

// "7" or "1..200".
std::optional<Range> parse_range(const std::string& text) {
  Range range;
  const auto* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, range.first);
  range.last = range.first;
  if (parsed.ec != std::errc{}) return std::nullopt;
  if (parsed.ptr == end) return range;
  if (end - parsed.ptr < 3 || parsed.ptr[0] != '.' || parsed.ptr[1] != '.') return std::nullopt;
  parsed = std::from_chars(parsed.ptr + 2, end, range.last);
  if (parsed.ec != std::errc{} || parsed.ptr != end || range.last < range.first) {
    return std::nullopt;
  }
  return range;
}

void report(std::uint64_t seed, const RunResult& result) {
  for (const auto& event : result.violation->events) fmt::print("  {}\n", event);
  fmt::print("\nseed {} broke a promise: {}\n", seed, result.violation->promise);
  fmt::print("reproduce: scripts/simulate --seed {}\n", seed);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Runs simulated clusters, seed after seed, and checks the promises."};
  std::string seeds;
  std::uint64_t first = 0;
  double hours = 0;
  bool verbose = false;
  bool keep_going = false;
  bool network_lies = false;
  app.add_option("--seeds", seeds, "a range, A..B");
  app.add_option("--seed", first, "one seed; with --hours, the first one");
  app.add_option("--hours", hours, "how long, from one seed to the next");
  app.add_flag("--verbose", verbose, "print every event");
  app.add_flag("--keep-going", keep_going, "go on after a failure");
  app.add_flag("--network-lies", network_lies,
               "creates that took effect are called unsent: how many seeds do the checks need?");
  CLI11_PARSE(app, argc, argv);

  b3::log::configure(verbose ? b3::log::Level::info : b3::log::Level::panic,
                     b3::log::Format::plain);
  Range range{first, hours > 0 ? UINT64_MAX : first};
  if (!seeds.empty()) {
    const auto parsed = parse_range(seeds);
    if (!parsed) {
      fmt::print(stderr, "b3simulate: --seeds wants A..B\n");
      return 2;
    }
    range = *parsed;
  }

  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::uint64_t failures = 0;
  std::uint64_t runs = 0;
  RunResult total;
  for (auto seed = range.first;; ++seed) {
    const auto result =
        b3::simulation::run({.seed = seed, .verbose = verbose, .network_lies = network_lies});
    ++runs;
    total.simulated += result.simulated;
    total.creates += result.creates;
    total.redirects += result.redirects;
    if (range.first == range.last) {
      fmt::print("seed {}: {} steps, {} commits, {} creates, {} redirects, hash {:016x}\n", seed,
                 result.steps, result.commits, result.creates, result.redirects, result.hash);
    }
    if (result.violation) {
      report(seed, result);
      ++failures;
      if (!keep_going) return 1;
    }
    if (seed == range.last || (hours > 0 && spent() > hours * 3'600)) break;
  }
  fmt::print("{} seeds, {} failed, {:.1f} simulated hours, {} creates, {} redirects, {:.1f} s\n",
             runs, failures, double(total.simulated.count()) / 3.6e6, total.creates,
             total.redirects, spent());
  return failures == 0 ? 0 : 1;
}
