// Which transactions this process need not hear of from the change feed, because whoever asked for
// them puts what they wrote into the view itself. It only saves work: what is not noted here, or no
// longer, is read and applied once more.
//
// Transaction numbers are a server's own. After a failover to a server that has lost transactions
// they may be given again, to somebody else's; so none is remembered for long, and none beyond a
// new connection. One for all Stores of an Executor; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "base/time.h"

namespace b3::store {

class OwnWrites {
 public:
  static constexpr milliseconds remembered{2'000};

  void note(std::int64_t transaction, SteadyTime now);
  bool contains(std::int64_t transaction, SteadyTime now) const;
  void forget();

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, SteadyTime> noted_;  // transaction, when
};

}  // namespace b3::store
