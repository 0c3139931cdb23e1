// Host names to addresses, bounded in time. Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace b3::http {

// Results are kept for ten seconds, failures not at all. Numeric addresses are not looked up.
class Resolver {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

  explicit Resolver(boost::asio::io_context& loop) : loop_(loop) {}

  // Not empty unless `error` is set; error::timed_out at the deadline. The resolver must outlive
  // the call.
  boost::asio::awaitable<Endpoints> resolve(std::string host, std::uint16_t port, Time deadline,
                                            boost::system::error_code& error);

 private:
  struct Entry {
    Endpoints endpoints;
    Time until;
  };

  boost::asio::io_context& loop_;
  std::map<std::pair<std::string, std::uint16_t>, Entry> cache_;
};

}  // namespace b3::http
