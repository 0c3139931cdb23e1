#include "base/turns.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <optional>

namespace b3 {

namespace asio = boost::asio;

struct Turns::Waiter {
  Waiter(Turns& turns_, asio::any_io_executor loop) : turns(turns_), called(std::move(loop)) {
    turns.waiting_.push_back(this);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  // Also where the coroutine ends while it waits.
  ~Waiter() { std::erase(turns.waiting_, this); }

  Turns& turns;
  std::optional<Turn> turn;
  Timer called;  // cut short when it is our turn
};

asio::awaitable<Turns::Turn> Turns::take() {
  if (free_ > 0) {
    --free_;
    co_return Turn(*this);
  }
  Waiter waiter(*this, co_await asio::this_coro::executor);
  while (!waiter.turn) {
    waiter.called.expires_after(std::chrono::hours{1});
    co_await waiter.called.wait();
  }
  co_return std::move(*waiter.turn);
}

void Turns::give_back() {
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  auto& next = *waiting_.front();
  waiting_.pop_front();
  next.turn.emplace(*this);
  next.called.cancel();
}

}  // namespace b3
