// Lets a request wait until a meeting's row changes, without polling. Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <string>
#include <string_view>

#include "base/timer.h"

namespace b3::gateway {

class Waiters {
 public:
  // Returns after the next notify() for this id or at the deadline, whichever comes first.
  boost::asio::awaitable<void> wait(std::string scoped_id, SteadyTime deadline) {
    Timer timer{co_await boost::asio::this_coro::executor};
    timer.expires_at(deadline);
    const struct Listed {
      Timers& timers;
      Timers::iterator position;
      ~Listed() { timers.erase(position); }
    } listed{timers_, timers_.emplace(std::move(scoped_id), &timer)};
    co_await timer.wait();
  }

  void notify(std::string_view scoped_id) {
    const auto [first, last] = timers_.equal_range(scoped_id);
    for (auto it = first; it != last; ++it) it->second->cancel();
  }

 private:
  using Timers = std::multimap<std::string, Timer*, std::less<>>;
  Timers timers_;
};

}  // namespace b3::gateway
