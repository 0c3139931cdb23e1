// Lets coroutines do something few at a time, in the order in which they asked.
//
// Event loop thread only. Must outlive the coroutines that wait here or have a turn.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <utility>

#include "base/timer.h"

namespace b3 {

class Turns {
 public:
  explicit Turns(int most) : free_(most) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Until it is destroyed, it is one's turn.
  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(&turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->give_back();
    }

   private:
    Turns* turns_;
  };

  boost::asio::awaitable<Turn> take();

 private:
  struct Waiter;
  void give_back();

  int free_;
  std::deque<Waiter*> waiting_;
};

}  // namespace b3
