// Polls the backends whose lease this instance holds, keeps store and view in step with what the
// nodes say, and judges how far each is to be trusted.
//
// Owned by the daemon; event loop thread only. At most one poll per backend is in flight, and not
// many begin at the same time; a slow or dead node delays nobody else.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>

#include "base/timer.h"
#include "base/turns.h"
#include "health/health.h"
#include "lease/leases.h"
#include "node/node.h"
#include "refresh/plan.h"
#include "refresh/refresh_statistics.h"
#include "store/executor.h"
#include "view/in_flight.h"
#include "view/view.h"

namespace b3::refresh {

struct RefreshOptions {
  milliseconds interval{5'000};  // between the end of one poll and the start of the next, +-10 %
  node::Timeouts timeouts{milliseconds{3'000}, milliseconds{10'000}};
  health::Thresholds thresholds;
  milliseconds reservation_timeout{60'000};
  milliseconds tombstone_lifetime{24 * 60 * 60'000};
  milliseconds change_lifetime{10 * 60'000};  // of the change feed
  // Answers come at once or late: a poll counts while it is young, so that many nodes that do not
  // answer keep nobody from being polled.
  std::size_t young_polls = 64;
  milliseconds young{1'000};
  std::function<Now()> clock = read_clocks;
  std::uint32_t seed = std::random_device{}();  // of all that is random
  // Polls of many meetings that are written at the same time: what they cost the database, creates
  // wait for.
  int bulk_writes = 2;
};

class Refresher {
 public:
  // All of them must outlive the Refresher. Makes the view remember erasures.
  Refresher(boost::asio::io_context& loop, store::Executor& store, view::View& view,
            const view::InFlight& in_flight, node::Nodes& nodes, lease::Leases& leases,
            RefreshOptions options);

  void start();
  // No new polls; running ones end by themselves.
  void stop();
  std::size_t running() const { return polling_.size() + (keeps_house_ ? 1 : 0); }
  // Polls this backend soon, at once where no poll of it is under way. Where the polls are another
  // instance's, the one poll is ours all the same, but it counts only if the node answers.
  void poll_now(std::string_view backend_id);

  const RefreshStatistics& statistics() const { return statistics_; }
  // Backends whose polls are this instance's now.
  std::size_t watched() const { return watched_.size(); }

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  // What is kept of a backend while its lease is held.
  struct Watched {
    SteadyTime due{};
    SteadyTime written{};  // last write; epoch: what the view has may not be in the store
    health::Record record;
    std::optional<Health> forced;  // as last noticed
    bool isolated = false;         // not given up because no other node is reached; said so
  };
  // A poll that is under way.
  struct Polling {
    SteadyTime since{};
    Baseline baseline = {};
  };
  // A poll that was answered.
  struct Visit {
    Backend before;
    node::Target target;
    Poll poll;
    health::Contact contact;
    std::chrono::microseconds latency{};
    health::Standing standing{};  // before it
    health::Record record{};      // before it
  };

  Awaitable<void> supervise();
  // Notes which of the backends are ours now, and which of these are due.
  void look_around(SteadyTime now);
  void meet(const std::string& backend_id, bool held);
  Watched begin_to_watch(const Backend& backend, milliseconds spread, SteadyTime now);
  bool may_poll(const std::string& backend_id) const;
  // Marks meetings that somebody else tells of while their node is polled.
  void notice(std::string_view scoped_id);
  // Starts as many of the polls that are due as may be.
  void start_polls(SteadyTime now);
  Awaitable<void> refresh(std::string backend_id);
  Awaitable<void> refresh_once(const std::string& backend_id);

  // `began`: when the poll was sent.
  Awaitable<void> record_failure(const Backend& before, health::Contact contact, SteadyTime began);
  Awaitable<void> record(Visit visit);
  // `result` holds what is known of the node already.
  Awaitable<void> record_meetings(const Visit& visit, store::RefreshResult result);
  Awaitable<Plan> plan(const Visit& visit, Now now);
  Awaitable<store::RefreshOutcome> write(const store::RefreshResult& result,
                                         const std::vector<store::Store::BindRequest>& followed,
                                         Now now);
  void apply(const store::RefreshResult& result, store::RefreshOutcome outcome, WallTime now);
  void take_overtaken(const std::string& backend_id, store::RefreshOutcome& outcome,
                      std::vector<std::string>& overtaken) const;
  Awaitable<void> release(std::vector<Plan::Expired> expired);
  Awaitable<void> end_copies(const node::Target& target, std::vector<std::string> scoped_ids);

  health::Assessment judge(const view::BackendEntry& entry, const health::Record& record,
                           const health::Standing& before, const health::Contact& contact,
                           health::Circumstances circumstances, SteadyTime now) const;
  Strays strays_of(const Visit& visit) const;
  Awaitable<void> detach_if_given_up(const std::string& backend_id);
  Awaitable<void> give_up(const std::string& backend_id, std::string reason);

  // isolation.cpp
  // Can it be trusted that a node which cannot be reached from here is not there?
  Awaitable<bool> reaches_another(const std::string& backend_id);
  // Is a poll that failed no evidence against its node, because others reach theirs and we none?
  Awaitable<bool> is_cut_off(const std::string& backend_id, SteadyTime began);
  bool is_long_unheard() const;
  // Leaves all polls to other instances, until look_out() finds that we can see nodes again.
  void step_back();
  Awaitable<void> look_out();
  Awaitable<bool> speaks(node::Target target);
  // A random one of these.
  std::optional<node::Target> some_node(const std::function<bool(const Backend&)>& is_wanted);
  std::int64_t successes_seen() const;
  milliseconds reach_window() const;
  void note_reached(const health::Contact& contact);
  void note_isolation(const Backend& backend, bool isolated);

  Awaitable<void> keep_house();
  Awaitable<void> remove_if_decommissioned(const std::string& backend_id);
  milliseconds jittered_interval();

  boost::asio::io_context& loop_;
  store::Executor& store_;
  view::View& view_;
  const view::InFlight& in_flight_;
  node::Nodes& nodes_;
  lease::Leases& leases_;
  RefreshOptions options_;
  Timer timer_;
  Turns bulk_turns_{options_.bulk_writes};
  std::minstd_rand random_;
  std::map<std::string, Watched, std::less<>> watched_;  // by backend id
  std::map<std::string, Polling, std::less<>> polling_;  // by backend id
  std::deque<std::string> waiting_;                      // due, the longest first: backend ids
  std::set<std::string, std::less<>> asked_;             // for, by poll_now(): backend ids
  std::shared_ptr<const void> watch_;
  std::set<std::string, std::less<>> known_;  // backend ids seen so far
  std::set<std::string, std::less<>> new_;    // of these, added while we ran and not polled yet
  bool began_ = false;
  SteadyTime began_at_{};
  std::optional<SteadyTime> reached_;  // when a node, any one, has spoken to us last
  bool steps_back_ = false;            // cut off from the nodes that other instances reach
  bool alone_ = false;  // stepped back, and nobody else reached any; until one speaks
  Timer look_out_;
  std::optional<SteadyTime> house_kept_;
  bool keeps_house_ = false;
  std::uint64_t erasures_known_ = 0;  // View::version() when house was kept last
  bool stopped_ = false;
  RefreshStatistics statistics_;
};

}  // namespace b3::refresh
