// The moment at which calls that still wait for a database server give up.
//
// One for all connections that end together. Any thread may set and ask; whoever waits asks every
// 100 ms.
#pragma once

#include <atomic>
#include <chrono>

#include "base/time.h"

namespace b3::store {

class Curfew {
 public:
  void set(SteadyTime when) { when_ = when.time_since_epoch().count(); }
  bool passed() const {
    return std::chrono::steady_clock::now().time_since_epoch().count() >= when_;
  }

 private:
  std::atomic<SteadyTime::rep> when_ = SteadyTime::max().time_since_epoch().count();
};

}  // namespace b3::store
