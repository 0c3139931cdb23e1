// Calls that wait to be sent. Calls of one meeting go out in order and never at the same time;
// those of different meetings may. Owned by Agent; event loop thread.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "agent/calls.h"

namespace b3::agent {

class Outbox {
 public:
  explicit Outbox(std::size_t most = 10'000, std::size_t most_bytes = std::size_t{64} << 20)
      : most_(most), most_bytes_(most_bytes) {}

  // Where they are too many for what waits already, that is dropped. What is pushed together is
  // kept: a snapshot of a node is as large as it is.
  void push(std::vector<Call> calls);
  // The oldest calls of meetings that nothing is under way for: at most so many, and, beyond the
  // first, about so many bytes.
  std::vector<Call> take(std::size_t most, std::size_t most_bytes = 256 * 1024);
  // Each batch taken is handed back in one of two ways: sent, or to be sent again.
  void finish(const std::vector<Call>& batch);
  void put_back(std::vector<Call> batch);

  std::size_t waiting() const { return waiting_.size(); }
  // About as many as they are when they are sent.
  std::size_t waiting_bytes() const { return bytes_; }
  bool idle() const { return waiting_.empty() && busy_.empty(); }
  // Whether calls were dropped since the last time this was asked.
  bool take_overflow();

 private:
  bool has_room_for(std::size_t calls, std::size_t bytes) const;
  void drop();

  const std::size_t most_;
  const std::size_t most_bytes_;
  std::deque<Call> waiting_;
  std::size_t bytes_ = 0;                    // of these
  std::set<std::string, std::less<>> busy_;  // meetings with calls under way
  bool overflowed_ = false;
};

}  // namespace b3::agent
