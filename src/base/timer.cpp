#include "base/timer.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace b3 {

namespace asio = boost::asio;

namespace {

// Ties a loop to its VirtualTime, and sees to it that waiters go before the loop does.
class VirtualTimeService : public asio::execution_context::service {
 public:
  using key_type = VirtualTimeService;
  static inline asio::execution_context::id id;

  explicit VirtualTimeService(asio::execution_context& loop) : service(loop) {}

  VirtualTime* time = nullptr;

 private:
  void shutdown() override {
    if (time != nullptr) time->drop(&context());
  }
};

asio::execution_context& context_of(const asio::any_io_executor& loop) {
  return asio::query(loop, asio::execution::context);
}

template <class Handler>
struct HandlerWaiter final : VirtualTime::Waiter {
  HandlerWaiter(asio::any_io_executor loop_, Handler handler_)
      : loop(std::move(loop_)), handler(std::move(handler_)) {}
  void complete() override { asio::post(loop, std::move(handler)); }
  asio::any_io_executor loop;
  Handler handler;
};

}  // namespace

std::optional<SteadyTime> VirtualTime::next() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first.first;
}

bool VirtualTime::advance() {
  if (waiting_.empty()) return false;
  auto first = waiting_.extract(waiting_.begin());
  if (first.key().first > now_) now_ = first.key().first;
  first.mapped().waiter->complete();
  return true;
}

VirtualTime::Ticket VirtualTime::add(SteadyTime when, const void* loop,
                                     std::unique_ptr<Waiter> waiter) {
  const Ticket ticket{when, ++sequence_};
  waiting_.emplace(ticket, Entry{loop, std::move(waiter)});
  return ticket;
}

void VirtualTime::expire(Ticket ticket) {
  if (auto found = waiting_.extract(ticket)) found.mapped().waiter->complete();
}

// What a waiter holds may end other waits while it is destroyed, so nothing is held on to.
void VirtualTime::drop(const void* loop) {
  for (;;) {
    auto found = waiting_.begin();
    while (found != waiting_.end() && found->second.loop != loop) ++found;
    if (found == waiting_.end()) return;
    const auto dropped = waiting_.extract(found);
  }
}

void set_virtual_time(asio::execution_context& loop, VirtualTime& time) {
  asio::use_service<VirtualTimeService>(loop).time = &time;
}

Timer::Timer(asio::any_io_executor loop) : loop_(std::move(loop)) {
  auto& context = context_of(loop_);
  if (asio::has_service<VirtualTimeService>(context)) {
    virtual_ = asio::use_service<VirtualTimeService>(context).time;
  } else {
    real_.emplace(loop_);
  }
}

void Timer::expires_at(SteadyTime time) {
  cancel();
  expiry_ = time;
  if (real_) real_->expires_at(time);
}

void Timer::expires_after(SteadyTime::duration duration) {
  expires_at((virtual_ != nullptr ? virtual_->now() : std::chrono::steady_clock::now()) + duration);
}

void Timer::cancel() {
  if (real_) real_->cancel();
  if (virtual_ != nullptr && ticket_) virtual_->expire(*std::exchange(ticket_, std::nullopt));
}

// The timer may be gone when the wait is over. The ticket stays: one that is used up expires
// nothing.
asio::awaitable<void> Timer::wait() {
  if (real_) {
    boost::system::error_code ignored;
    co_await real_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return;
  }
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [this](auto handler) {
        using Here = HandlerWaiter<decltype(handler)>;
        ticket_ = virtual_->add(expiry_, &context_of(loop_),
                                std::make_unique<Here>(loop_, std::move(handler)));
      },
      asio::use_awaitable);
}

}  // namespace b3
