// Runs commands: work on a backend that takes longer than a request.
//
// Owned by the daemon; event loop thread only. The instance that was asked for a command runs it;
// commands of instances that are gone are taken over by whoever keeps house. Everything a command
// does is harmless when done twice: two instances may run one for a moment, until the first of them
// learns from the store that it is not the holder any more.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/timer.h"
#include "command/actions.h"
#include "node/node.h"
#include "store/executor.h"
#include "view/view.h"

namespace b3::command {

struct RunnerOptions {
  milliseconds interval{2'000};             // between looks for commands whose holder is gone
  milliseconds look_again{1'000};           // between looks at a backend that is being drained
  milliseconds retry{1'000};                // after the database failed
  milliseconds lifetime{24 * 60 * 60'000};  // of a finished command's row
  node::Timeouts timeouts{milliseconds{3'000}, milliseconds{10'000}};
  std::size_t parallel = 8;  // meetings ended at a time, for each command
  // Is this instance there? Asked where we keep house, for holders other than ourselves.
  std::function<bool(std::string_view instance_id)> is_alive = [](std::string_view) {
    return false;
  };
  std::function<Now()> clock = read_clocks;
};

class Runner {
 public:
  // All of them must outlive the loop's last run. `keeps_house`: do we hold that lease?
  Runner(boost::asio::io_context& loop, store::Executor& store, view::View& view,
         node::Nodes& nodes, std::string instance_id,
         std::function<void(std::string_view backend_id)> poll_now,
         std::function<bool()> keeps_house, RunnerOptions options = {});
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void start();
  // Begins no more; what runs ends at its next step, unfinished, for others to take over.
  void stop();
  std::size_t running() const { return running_.size(); }

  // Stores the command with what the audit says of it, as one transaction, and begins it. A drain
  // has stopped its backend when this returns. nullopt: there is no such backend (any more).
  // Throws what the store throws.
  boost::asio::awaitable<std::optional<store::CommandRow>> request(store::CommandRow command,
                                                                   store::AuditRecord audit);
  // To be called when a command was cancelled in the store: it is looked at at once.
  void cancelled(std::string_view id);

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<void> supervise();
  Awaitable<void> take_over();
  void begin(const store::CommandRow& command);
  Awaitable<void> run(std::string id, std::string expected_holder);
  Awaitable<Verdict> act(const store::CommandRow& command, Timer& timer);
  Awaitable<Verdict> end_all_meetings(const store::CommandRow& command);
  std::vector<PlannedEnd> meetings_to_end(const std::string& backend_id) const;
  bool is_over(const std::string& backend_id, const PlannedEnd& meeting) const;
  Awaitable<MeetingEnd> end_meeting(const store::CommandRow& command, PlannedEnd meeting);
  Awaitable<std::string> end_on_node(const store::CommandRow& command, std::string scoped_id,
                                     bool undecided);
  Awaitable<Verdict> drain(const store::CommandRow& command, Timer& timer);
  Awaitable<Verdict> refresh(const store::CommandRow& command);
  // False: it is not ours any more.
  Awaitable<bool> report(const store::CommandRow& command, std::string progress);
  Awaitable<void> finish(std::string id, Verdict verdict, Timer& timer);
  Awaitable<void> pause(Timer& timer, milliseconds time);
  WallTime now() const { return options_.clock().wall; }

  boost::asio::io_context& loop_;
  store::Executor& store_;
  view::View& view_;
  node::Nodes& nodes_;
  const std::string instance_id_;
  const std::function<void(std::string_view)> poll_now_;
  const std::function<bool()> keeps_house_;
  const RunnerOptions options_;
  std::map<std::string, std::unique_ptr<Timer>, std::less<>> running_;  // by id: what it waits on
  Timer timer_;
  bool stopped_ = false;
};

}  // namespace b3::command
