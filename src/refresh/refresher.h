// Polls every backend, keeps store and view in step with what the nodes say.
//
// Owned by the daemon; event loop thread only. At most one poll per backend is in flight; a slow
// or dead node delays nobody else.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <expected>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>

#include "base/timer.h"
#include "node/node.h"
#include "refresh/plan.h"
#include "store/executor.h"
#include "view/in_flight.h"
#include "view/view.h"

namespace b3::refresh {

struct RefreshOptions {
  milliseconds interval{5'000};  // between the end of one poll and the start of the next, +-10 %
  node::Timeouts timeouts{milliseconds{3'000}, milliseconds{10'000}};
  milliseconds reservation_timeout{60'000};
  milliseconds tombstone_lifetime{24 * 60 * 60'000};
  milliseconds change_lifetime{10 * 60'000};  // of the change feed
  std::function<Now()> clock = read_clocks;
  std::uint32_t seed = std::random_device{}();  // of the jitter
};

class Refresher {
 public:
  // All of them must outlive the Refresher. Makes the view remember erasures.
  Refresher(boost::asio::io_context& loop, store::Executor& store, view::View& view,
            const view::InFlight& in_flight, node::Nodes& nodes, RefreshOptions options);

  void start();
  // No new polls; running ones end by themselves.
  void stop();
  std::size_t running() const { return polling_.size(); }

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<void> supervise();
  Awaitable<void> refresh(std::string backend_id);
  Awaitable<void> refresh_once(const std::string& backend_id);
  Awaitable<void> record_failure(const Backend& before, std::string reason, milliseconds latency);
  Awaitable<void> record(const Backend& before, Poll poll, std::chrono::microseconds latency,
                         const node::Target& target);
  // `result` holds what is known of the node's health already.
  Awaitable<void> record_meetings(const Backend& before, Poll poll, store::RefreshResult result,
                                  const node::Target& target);
  Awaitable<void> release(std::vector<Plan::Expired> expired);
  Awaitable<void> end_copies(const node::Target& target, std::vector<std::string> scoped_ids);
  Awaitable<void> remove_if_decommissioned(const std::string& backend_id);
  void apply(const store::RefreshResult& result, store::RefreshOutcome outcome, WallTime now);
  milliseconds jittered_interval();

  boost::asio::io_context& loop_;
  store::Executor& store_;
  view::View& view_;
  const view::InFlight& in_flight_;
  node::Nodes& nodes_;
  RefreshOptions options_;
  Timer timer_;
  std::minstd_rand random_;
  std::map<std::string, SteadyTime> due_;       // by backend id
  std::map<std::string, SteadyTime> written_;   // last write of an otherwise unchanged backend
  std::set<std::string, std::less<>> polling_;  // backend ids
  SteadyTime pruned_{};
  std::uint64_t erasures_known_ = 0;  // View::version() at the last pruning
  bool stopped_ = false;
};

}  // namespace b3::refresh
