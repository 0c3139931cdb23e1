// One simulated node on its own port: a NodeState behind HTTP, with faults.
//
// Owned by Farm; event loop thread only. It lives as long as the program: stopping it ends only
// its server, so its handler coroutines can always finish.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>

#include "http/server.h"
#include "redis/publisher.h"
#include "sim/calls.h"
#include "sim/control.h"
#include "sim/events.h"
#include "sim/faults.h"
#include "sim/node_state.h"

namespace b3::sim {

struct SimNodeOptions {
  std::string name;
  std::string host;        // an address to listen on
  std::uint16_t port = 0;  // 0: a free one, kept from the first start on
  std::string secret;
  std::uint64_t seed = 0;
  Faults faults;                             // what DELETE faults goes back to
  std::optional<redis::Address> redis = {};  // where its events are published
};

class SimNode final : public http::Handler {
 public:
  SimNode(boost::asio::io_context& loop, SimNodeOptions options);

  // Throws like http::Server::listen(). Nothing happens when it is up.
  void start();
  // Refuses connections from now on; open ones break off. `lose` forgets the meetings.
  void stop(bool lose);
  bool up() const { return server_ != nullptr; }

  std::expected<void, std::string> set_faults(std::string_view json);
  void reset_faults();

  const std::string& name() const { return state_.name(); }
  const std::string& secret() const { return address_.secret; }
  std::string api_url() const { return address_.origin + "/bigbluebutton/api/"; }
  NodeState& state() { return state_; }
  const Faults& faults() const { return faults_; }
  NodeFigures figures() const;
  // Publishes what has happened since the last time.
  void publish_events();
  void set_events(const EventSettings& settings);
  const EventQuirks& event_quirks() const { return event_quirks_; }

  bool answer_now(const http::Request& request, http::Response& response) override;
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body) override;

 private:
  // Timers that coroutines wait for; shared with them, as they may be destroyed with the loop.
  using Waiting = std::set<boost::asio::steady_timer*>;
  // False when it was cut short.
  static boost::asio::awaitable<bool> wait(boost::asio::io_context& loop,
                                           std::shared_ptr<Waiting> waiting, milliseconds time);
  static void wake(const Waiting& waiting);
  void adopt(Faults faults);
  void work(const http::Request& request, std::string_view call, std::string_view body,
            http::Response& response);

  boost::asio::io_context& loop_;
  const SimNodeOptions options_;
  NodeAddress address_;
  std::uint16_t port_;
  std::mt19937_64 random_;
  NodeState state_;
  Faults faults_;
  NodeFigures figures_;
  EventQuirks event_quirks_;
  std::optional<redis::Publisher> publisher_;
  std::shared_ptr<Waiting> hanging_ = std::make_shared<Waiting>();
  std::shared_ptr<Waiting> delayed_ = std::make_shared<Waiting>();
  std::unique_ptr<http::Server> server_;
};

// "create" of "/bigbluebutton/api/create", "" of the index; nullopt: not an API path.
std::optional<std::string_view> api_call(std::string_view path);
// The answer as the treatment's mode leaves it; not for hang.
http::Response distort(const Treatment& treatment, http::Response response,
                       std::size_t oversized_bytes);

}  // namespace b3::sim
