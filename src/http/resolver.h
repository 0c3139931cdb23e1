// Host names to addresses, bounded in time. Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace b3::http {

struct ResolverLimits {
  std::chrono::milliseconds fresh_time{10'000};     // no new lookup that long after a good one
  std::chrono::milliseconds retry_time{30'000};     // nor when the name does not exist
  std::chrono::milliseconds no_answer_time{5'000};  // nor when the name servers did not answer
  // Calls wait for a refresh until it has run this long; then the known addresses are used.
  std::chrono::milliseconds patience{200};
  std::size_t names = 4'096;
};

// Did the name servers say that there is no such name or that it has no addresses? Everything else
// that may go wrong with a look-up can be the fault of whoever looks up.
bool does_not_exist(const boost::system::error_code& error);

// The system looks up few names at a time (look_ups.h), and a name whose servers are dead takes it
// many seconds. So there is never more than one lookup of the same name: calls join the one that
// runs. What was found stays in use while later lookups fail or are late. Numeric addresses are not
// looked up.
class Resolver {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  using Addresses = std::vector<boost::asio::ip::address>;

  // Calls `done` once, on the event loop's thread, now or later. May outlive the resolver.
  using Done = std::function<void(const boost::system::error_code& error, Addresses found)>;
  using LookUp = std::function<void(const std::string& host, Done done)>;

  explicit Resolver(boost::asio::io_context& loop, ResolverLimits limits = {});  // asks the system
  Resolver(boost::asio::io_context& loop, ResolverLimits limits, LookUp look_up);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Not empty unless `error` is set; error::timed_out at the deadline, which does not end the
  // lookup. The resolver must outlive the call.
  boost::asio::awaitable<Endpoints> resolve(std::string host, std::uint16_t port, Time deadline,
                                            boost::system::error_code& error);

 private:
  struct Name;

  std::shared_ptr<Name> find_or_add(const std::string& host);  // null: too many are looked up
  void start(const std::shared_ptr<Name>& name, const std::string& host);

  boost::asio::io_context& loop_;
  const ResolverLimits limits_;
  const LookUp look_up_;
  std::map<std::string, std::shared_ptr<Name>> names_;
};

}  // namespace b3::http
