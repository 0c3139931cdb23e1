// Polls since the start. Written by the Refresher; event loop thread only.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "health/health.h"
#include "metrics/counters.h"
#include "metrics/histogram.h"

namespace b3::refresh {

constexpr std::string_view label_of(health::ContactKind kind) {
  constexpr std::array<std::string_view, 5> names{"answered", "slow", "silent", "refused",
                                                  "unwilling"};
  return names[std::size_t(kind)];
}

// How late a poll began. A tick of the refresher's, a quarter of a second at most, is ordinary.
inline constexpr std::array delay_bounds{0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0};

struct RefreshStatistics {
  metrics::Counters<health::ContactKind, health::ContactKind::unwilling> polls;
  metrics::Histogram delay{delay_bounds};
};

}  // namespace b3::refresh
