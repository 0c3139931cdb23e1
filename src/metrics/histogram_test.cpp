#include "metrics/histogram.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "metrics/counters.h"

namespace b3::metrics {
namespace {

constexpr std::array bounds{0.1, 1.0, 10.0};

std::vector<std::uint64_t> counts_of(const Histogram& histogram) {
  return {histogram.counts().begin(), histogram.counts().end()};
}

TEST_CASE("a bound belongs to its own bucket") {
  Histogram histogram{bounds};
  for (const double value : {0.05, 0.1, 0.1000001, 1.0, 9.9, 10.0, 10.5, 1e9}) {
    histogram.observe(value);
  }
  CHECK(counts_of(histogram) == std::vector<std::uint64_t>{2, 2, 2, 2});
  CHECK(histogram.count() == 8);
}

TEST_CASE("odd values do not spoil the sum") {
  Histogram histogram{bounds};
  histogram.observe(std::numeric_limits<double>::quiet_NaN());
  CHECK(histogram.count() == 0);
  histogram.observe(-5.0);
  CHECK(histogram.sum() == 0);
  CHECK(counts_of(histogram) == std::vector<std::uint64_t>{1, 0, 0, 0});
}

TEST_CASE("durations are seconds") {
  Histogram histogram{bounds};
  histogram.observe(std::chrono::milliseconds{1'500});
  CHECK(histogram.sum() == doctest::Approx(1.5));
  CHECK(counts_of(histogram) == std::vector<std::uint64_t>{0, 0, 1, 0});
}

template <std::size_t Size>
bool ascend(const std::array<double, Size>& all) {
  for (std::size_t i = 1; i < Size; ++i) {
    if (all[i - 1] >= all[i]) return false;
  }
  return Size <= Histogram::most_bounds;
}

TEST_CASE("the bounds that are used are fit for use") {
  CHECK(ascend(request_bounds));
  CHECK(ascend(call_bounds));
  CHECK(ascend(query_bounds));
}

enum class Colour { red, green, blue };

TEST_CASE("every label of an enumeration is there from the start, and no other") {
  Counters<Colour, Colour::blue> counters;
  counters.add(Colour::green);
  counters.add(Colour::green, 4);
  counters.add(Colour(7));
  std::vector<std::uint64_t> seen;
  counters.for_each([&](Colour, std::uint64_t count) { seen.push_back(count); });
  CHECK(seen == std::vector<std::uint64_t>{0, 5, 0});
  CHECK(counters[Colour::green] == 5);
}

}  // namespace
}  // namespace b3::metrics
