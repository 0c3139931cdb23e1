// Keeps this instance's leases: beats, claims its share of the work, gives up what is too much.
//
// Owned by the daemon, event loop thread only; the Executor and what `wanted` looks at must outlive
// it. All its time is the clock it is given and b3::Timer's, so it runs in virtual time as well.
//
// While it cannot beat because the database is away, nobody can take over anything, and it holds
// everything. While it cannot beat for another reason, it holds nothing. Who has stepped back does
// not beat and is not there for the others.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/timer.h"
#include "lease/leases.h"
#include "lease/plan.h"
#include "store/executor.h"

namespace b3::lease {

struct KeeperOptions {
  std::string instance_id;  // unique; a random one for each start
  std::string host;         // for people
  milliseconds interval{2'000};
  milliseconds dead_after{6'000};
  std::function<Now()> clock = read_clocks;
};

class Keeper final : public Leases {
 public:
  // `wanted` tells the names of all work there is, at each beat.
  Keeper(boost::asio::io_context& loop, store::Executor& store, KeeperOptions options,
         std::function<std::vector<std::string>()> wanted);

  void start();
  // Asks for a beat now. However often it is called, there are 200 ms between two such beats.
  void soon() override;
  bool has_others() const override { return live_instances_ > 1; }
  void step_back(bool back) override;
  // The last beat ends; holds nothing from now on.
  void stop();
  // stop(), and tells the others, who then need not find out. Takes as long as the database does;
  // a failure is only logged.
  boost::asio::awaitable<void> hand_back();

  bool holds(std::string_view name) const override;
  std::size_t live_instances() const { return live_instances_; }
  // Ids of the instances that are there as far as this one has seen, its own among them.
  std::vector<std::string> instances() const;

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<void> run();
  // Until `next`, or earlier when a beat is asked for.
  Awaitable<void> pause(SteadyTime next);
  // Returns when the next beat is due.
  Awaitable<SteadyTime> beat();
  // In place of a beat: the others need not find out. Returns when to look again.
  Awaitable<SteadyTime> rest();
  Awaitable<void> carry_out(Plan plan);
  void note_failure(const char* reason, bool away);
  bool is_away(SteadyTime now) const;
  SteadyTime now() const { return options_.clock().steady; }

  boost::asio::io_context& loop_;
  store::Executor& store_;
  const KeeperOptions options_;
  const std::function<std::vector<std::string>()> wanted_;
  const Rules rules_;
  State seen_;
  std::set<std::string, std::less<>> held_;
  std::size_t live_instances_ = 1;
  std::uint64_t beats_ = 0;
  SteadyTime last_beat_{};                // when the last one that succeeded was sent
  std::optional<SteadyTime> unanswered_;  // when the one that is under way was sent
  bool failing_ = false;                  // the last one failed
  bool away_ = false;                     // ... because the database is away
  bool back_ = false;                     // stepped back
  bool left_ = false;                     // ... and the others know
  bool soon_ = false;
  SteadyTime hurried_{};  // when the last beat that was asked for was due
  bool running_ = false;
  bool stopped_ = false;
  Timer timer_;  // until the next beat
  Timer ended_;  // until run() has ended
};

}  // namespace b3::lease
