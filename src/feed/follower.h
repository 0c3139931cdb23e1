// Follows the change feed, so that this instance's view has what other instances wrote.
//
// Owned by the daemon; event loop thread only. While the database is away it tries again, slower;
// the view stays as it was.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <set>
#include <string>

#include "base/timer.h"
#include "store/executor.h"
#include "view/in_flight.h"
#include "view/view.h"

namespace b3::feed {

struct FollowerOptions {
  milliseconds interval{100};
  milliseconds retry_interval{1'000};  // after a failure
};

class Follower {
 public:
  // `position` is where the view was loaded. All of them must outlive the Follower.
  Follower(boost::asio::io_context& loop, store::Executor& store, view::View& view,
           const view::InFlight& in_flight, store::FeedPosition position, FollowerOptions options);

  void start();
  void stop();

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<void> follow();
  // True when there is more to read at once.
  Awaitable<bool> read_once();
  Awaitable<void> reload();
  // What apply() skipped is looked at again, once no create of it is running here any more.
  Awaitable<void> synchronize_skipped();

  boost::asio::io_context& loop_;
  store::Executor& store_;
  view::View& view_;
  const view::InFlight& in_flight_;
  store::FeedPosition position_;
  FollowerOptions options_;
  Timer timer_;
  std::set<std::string> skipped_;  // scoped ids
  bool stopped_ = false;
};

}  // namespace b3::feed
