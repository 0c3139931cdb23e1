// Asks the system for the addresses of names, several at a time, each on a thread of its own:
// getaddrinfo(3) waits, for a name whose servers are dead many seconds.
//
// One per loop (asio::use_service<LookUps>(loop)); event loop thread only. The threads are not
// waited for at the end: what they find then is forgotten.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "http/resolver.h"

namespace b3::http {

class LookUps final : public boost::asio::execution_context::service {
 public:
  using key_type = LookUps;
  static inline boost::asio::execution_context::id id;
  using Error = boost::system::error_code;
  // Called on the threads. Not empty unless there is an error.
  using Ask = std::function<Error(const std::string& host, Resolver::Addresses& found)>;

  static constexpr std::size_t max_threads = 8;
  // Names whose last look-up failed or took long occupy no more than so many of them.
  static constexpr std::size_t max_doubtful = 2;
  static constexpr std::chrono::milliseconds long_time{1'000};

  explicit LookUps(boost::asio::execution_context& loop);  // asks the system
  LookUps(boost::asio::execution_context& loop, Ask ask);
  ~LookUps() override;

  // Throws std::system_error when there is no thread to be had.
  void start(const std::string& host, Resolver::Done done);

 private:
  struct Queue;
  struct Job;

  void shutdown() override;
  void finish(std::uint64_t number, const std::string& host, bool was_good, const Error& error,
              Resolver::Addresses found);

  boost::asio::io_context& loop_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Resolver::Done> running_;
  std::set<std::string> doubtful_;
  const std::shared_ptr<Queue> queue_;  // shared with the threads
};

}  // namespace b3::http
