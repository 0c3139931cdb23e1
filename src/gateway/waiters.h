// Lets a request wait until a meeting's row changes, without polling. Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"

namespace b3::gateway {

class Waiters {
 public:
  // Returns after the next notify() for this id or at the deadline, whichever comes first.
  boost::asio::awaitable<void> wait(std::string scoped_id, SteadyTime deadline) {
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, deadline};
    const auto position = timers_.emplace(std::move(scoped_id), &timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    timers_.erase(position);
  }

  void notify(std::string_view scoped_id) {
    const auto [first, last] = timers_.equal_range(scoped_id);
    for (auto it = first; it != last; ++it) it->second->cancel();
  }

 private:
  std::multimap<std::string, boost::asio::steady_timer*, std::less<>> timers_;
};

}  // namespace b3::gateway
