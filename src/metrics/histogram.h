// A histogram as Prometheus has them: how many observations were at most so large.
//
// Plain integers: one thread, or guarded by whoever owns it. Values are in base units (seconds).
#pragma once

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace b3::metrics {

class Histogram {
 public:
  static constexpr std::size_t most_bounds = 16;

  // `bounds` ascend, are at most most_bounds and live for ever; what lies above the last one is
  // counted, too.
  explicit constexpr Histogram(std::span<const double> bounds) : bounds_(bounds) {}

  // What is not a number is left out; less than nothing counts as nothing.
  void observe(double value) {
    if (std::isnan(value)) return;
    if (value < 0) value = 0;
    std::size_t at = 0;
    while (at < bounds_.size() && value > bounds_[at]) ++at;
    ++counts_[at];
    sum_ += value;
  }
  void observe(std::chrono::nanoseconds duration) {
    observe(std::chrono::duration<double>(duration).count());
  }

  std::span<const double> bounds() const { return bounds_; }
  // One more than there are bounds: of each, those that are not in the one before; at the end those
  // above all of them.
  std::span<const std::uint64_t> counts() const { return {counts_.data(), bounds_.size() + 1}; }
  std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const auto each : counts()) all += each;
    return all;
  }
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::array<std::uint64_t, most_bounds + 1> counts_{};
  double sum_ = 0;
};

// Requests that memory answers take microseconds, creates that move from node to node many seconds.
inline constexpr std::array request_bounds{0.00005, 0.0001, 0.00025, 0.001, 0.005, 0.01,
                                           0.025,   0.05,   0.1,     0.25,  0.5,   1.0,
                                           2.5,     5.0,    10.0,    30.0};
// Calls to nodes.
inline constexpr std::array call_bounds{0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0};
// Calls of the database.
inline constexpr std::array query_bounds{0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                         0.05,    0.1,    0.25,  0.5,    1.0,   5.0};

}  // namespace b3::metrics
