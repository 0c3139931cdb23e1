// Follows the change feed, so that this instance's view has what other instances wrote.
//
// Owned by the daemon; event loop thread only. While the database is away it tries again, slower;
// the view stays as it was. Whatever is to be applied is applied in slices, between which the loop
// serves requests.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <set>
#include <string>

#include "base/timer.h"
#include "feed/feed_statistics.h"
#include "store/executor.h"
#include "view/in_flight.h"
#include "view/view.h"

namespace b3::feed {

struct FollowerOptions {
  milliseconds interval{100};
  milliseconds retry_interval{1'000};  // after a failure
  // After a poke(): how soon, and how often, to look again for what is announced but not settled.
  milliseconds settle_interval{5};
  int settle_attempts = 6;
  std::size_t slice = 200;  // rows applied in one go
};

class Follower {
 public:
  // `position` is where the view was loaded. All of them must outlive the Follower.
  Follower(boost::asio::io_context& loop, store::Executor& store, view::View& view,
           const view::InFlight& in_flight, store::FeedPosition position, FollowerOptions options);

  void start();
  void stop();
  // Somebody has written: read now instead of at the next interval.
  void poke();

  const FeedStatistics& statistics() const { return statistics_; }

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<void> follow();
  // True when there is more to read at once.
  Awaitable<bool> read_once();
  // Makes the view equal to the store, row by row; reads go on meanwhile.
  Awaitable<void> reload();
  Awaitable<void> apply_in_slices(store::Changes changes, std::uint64_t asked_at);
  Awaitable<void> apply_slice(store::Changes changes, std::uint64_t asked_at);
  milliseconds next_pause(bool moved);
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
  bool poked_ = false;
  int settling_ = 0;  // looks left after a poke
  bool stopped_ = false;
  FeedStatistics statistics_;
};

}  // namespace b3::feed
