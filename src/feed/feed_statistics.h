// How well the change feed is followed. Written by the Follower; event loop thread only.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace b3::feed {

struct FeedStatistics {
  std::uint64_t reads = 0;
  std::uint64_t failures = 0;
  std::uint64_t changes = 0;  // rows and ids of rows that are gone
  std::uint64_t reloads = 0;  // after a gap
  // When it was last asked for with the result that there is no more.
  std::optional<SteadyTime> caught_up;
};

}  // namespace b3::feed
