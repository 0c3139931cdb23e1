// What the database was asked since the start, by one Executor. A copy, taken under its lock.
#pragma once

#include <cstdint>

#include "metrics/histogram.h"

namespace b3::store {

struct ExecutorStatistics {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;  // ended with an exception
  std::uint64_t refused =
      0;  // not made: too many wait, waited too long, known to be away, stopping
  metrics::Histogram waited{metrics::query_bounds};  // for a worker
  metrics::Histogram ran{metrics::query_bounds};     // the call itself: one or more statements
  int waiting = 0;                                   // now
  int running = 0;                                   // now
  int connections = 0;                               // open now
  bool away = false;                                 // calls are refused without trying
};

}  // namespace b3::store
