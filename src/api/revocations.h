// The ids of tokens that count no more, in memory: every request is checked against them.
//
// Owned by the daemon; event loop thread only. Re-read every 2 s; while the database is away the
// last ones stay.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/timer.h"
#include "store/executor.h"

namespace b3::api {

struct RevocationOptions {
  milliseconds interval{2'000};
  milliseconds prune_interval{10 * 60'000};
  std::function<Now()> clock = read_clocks;
};

class Revocations {
 public:
  // `keeps_house`: whether this instance removes ids whose tokens have long expired.
  Revocations(boost::asio::io_context& loop, store::Executor& store,
              std::function<bool()> keeps_house, RevocationOptions options = {});

  void start();
  void stop();
  bool contains(std::string_view token_id) const { return ids_.contains(token_id); }
  // Counts at once, and after every reading that was under way.
  void add(std::string token_id);
  // What the store has, before the first request.
  void load(const std::vector<store::RevokedToken>& tokens);

 private:
  boost::asio::awaitable<void> follow();
  boost::asio::awaitable<void> read();

  boost::asio::io_context& loop_;
  store::Executor& store_;
  const std::function<bool()> keeps_house_;
  const RevocationOptions options_;
  std::set<std::string, std::less<>> ids_;
  std::set<std::string, std::less<>> added_;  // since the reading under way began
  SteadyTime pruned_{};
  Timer timer_;
  bool stopped_ = false;
};

}  // namespace b3::api
