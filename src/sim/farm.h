// All nodes of one simulator, its control API and its script. Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"
#include "sim/control.h"
#include "sim/script.h"
#include "sim/sim_node.h"

namespace b3::sim {

struct FarmOptions {
  std::size_t nodes = 3;
  std::string host = "127.0.0.1";
  std::uint16_t port = 9001;  // of the first node; 0: free ports
  std::string control = "127.0.0.1:9000";
  std::string secret;
  bool secret_per_node = false;  // "<secret>-1", "<secret>-2", ...
  std::uint64_t seed = 0;
  NodeSettings settings;
  std::vector<redis::Address> redis = {};  // of the first nodes; the others publish nothing
};

class Farm final : public http::Handler {
 public:
  Farm(boost::asio::io_context& loop, const FarmOptions& options);

  // Throws like http::Server::listen().
  void start();
  void stop();
  // {"control": ..., "nodes": [{"name", "url", "secret"}]}
  boost::json::object announcement() const;

  bool answer_now(const http::Request& request, http::Response& response) override;
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body) override;

 private:
  struct Executor;
  http::Response respond(const http::Request& request, std::string_view body);
  SimNode* find(std::string_view name);
  void tick();
  void play_script(const Now& now);

  boost::asio::io_context& loop_;
  const FarmOptions options_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::string control_url_;
  Script script_;
  double script_carry_ = 0;
  SteadyTime last_tick_{};
  unsigned ticks_ = 0;
  boost::asio::steady_timer ticker_;
  std::unique_ptr<http::Server> control_;
};

}  // namespace b3::sim
