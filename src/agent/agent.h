// The agent of one node: tells the cluster that the node lives, who is in its meetings, and how to
// reach it. Puts the pure parts (state.h, outbox.h) between redis, the node and a Link.
// Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/figures.h"
#include "agent/link.h"
#include "agent/outbox.h"
#include "agent/properties.h"
#include "agent/state.h"
#include "base/timer.h"
#include "http/client.h"
#include "redis/address.h"
#include "redis/subscriber.h"

namespace b3::agent {

struct AgentOptions {
  std::string properties;          // file; goes before the next
  std::string default_properties;  // file; one of the two may be missing
  redis::Address redis;
  double load_factor = 1.0;
  bool may_register = false;
  milliseconds heartbeat_interval{1'000};
  milliseconds properties_interval{10'000};  // between two looks at the files
};

// Everything that the agent shares with b3scalenoded. Must not be destroyed while the loop runs.
class Agent {
 public:
  Agent(boost::asio::io_context& loop, AgentOptions options, Link& link, http::Sender& node);
  // Throws std::runtime_error when the properties do not tell what is needed.
  void start();

 private:
  using Task = boost::asio::awaitable<void>;
  static constexpr std::size_t lane_count = 4;

  void spawn(Task task);
  Task keep_enrolled();
  Task beat();
  Task send_calls(Timer& wake);
  Task take_snapshots();
  Task watch_properties();
  Task feed_watchdog();

  Task snapshot();
  void hear(const std::vector<std::string>& messages);
  void queue(std::vector<Call> calls);
  void sent(const std::vector<Call>& batch, const std::vector<Outcome>& outcomes);
  void not_sent(std::vector<Call> batch, const LinkError& error);
  void heal_gap();
  void wake_lanes();
  void say_once(const LinkError& error);

  boost::asio::io_context& loop_;
  const AgentOptions options_;
  Link& link_;
  http::Sender& node_;
  Identity identity_;
  State state_;
  Outbox outbox_;
  Figures figures_;
  bool registered_once_ = false;  // a backend that was removed while we run stays removed
  bool enrolled_ = false;
  bool gap_ = false;  // the cluster has missed something: a snapshot follows when it listens again
  std::string last_complaint_;
  std::uint64_t malformed_ = 0;
  std::optional<SteadyTime> complained_of_malformed_;
  Timer enroll_wake_;
  Timer snapshot_wake_;
  std::vector<std::unique_ptr<Timer>> lane_wakes_;
  std::optional<redis::Subscriber> subscriber_;
};

}  // namespace b3::agent
