#include "store/own_writes.h"

namespace b3::store {

// Numbers grow with time, more or less, so the oldest are the first.
void OwnWrites::note(std::int64_t transaction, SteadyTime now) {
  const std::scoped_lock lock{mutex_};
  while (!noted_.empty() && now - noted_.begin()->second > remembered) {
    noted_.erase(noted_.begin());
  }
  noted_[transaction] = now;
}

bool OwnWrites::contains(std::int64_t transaction, SteadyTime now) const {
  const std::scoped_lock lock{mutex_};
  const auto found = noted_.find(transaction);
  return found != noted_.end() && now - found->second <= remembered;
}

void OwnWrites::forget() {
  const std::scoped_lock lock{mutex_};
  noted_.clear();
}

}  // namespace b3::store
