// How a connection waits for its next request, and what is done meanwhile without its coroutine.
#include <boost/asio/error.hpp>

#include "base/log.h"
#include "http/connection.h"

namespace b3::http {

namespace asio = boost::asio;
using boost::system::error_code;

// The fast path steps while this waits, so that most requests never wake the coroutine.
LoopTask<Connection::Next> Connection::wait_for_head() {
  todo_ = Next::step;
  answered_in_turn_ = 0;
  socket_.set_fast_path(this);
  const auto [error] = co_await socket_.async_wait(Socket::Side::read, as_loop_tuple);
  socket_.set_fast_path(nullptr);
  if (!error) co_return todo_;
  if (!expired_) co_return Next::close;
  if (parser_->head_begun()) co_return refuse({408, "request timeout"});
  if (shop_->draining) co_await close_lingering();
  co_return Next::close;
}

// For the client: idle between two requests or within a head.
void Connection::begin_waiting() {
  if (!parser_->head_begun()) {
    if (!between_requests_) begin_deadline(shop_->limits.idle_timeout);
    between_requests_ = true;
    input_.shrink();
  } else if (between_requests_ || deadline_ == no_deadline) {
    between_requests_ = false;
    begin_deadline(shop_->limits.header_timeout);
  }
}

bool Connection::on_readable() {
  answered_in_turn_ = 0;
  return goes_on_waiting(&Connection::receive);
}

bool Connection::on_stage(Socket::Stage stage) {
  if (stage == Socket::Stage::send && !has_output()) return true;
  sends_later_ = stage == Socket::Stage::work;
  const bool waits = goes_on_waiting(&Connection::step);
  sends_later_ = false;
  return waits;
}

bool Connection::goes_on_waiting(Next (Connection::*act)()) {
  try {
    todo_ = (this->*act)();
  } catch (const std::exception& error) {
    log::error("connection failed", {{"error", error.what()}});
    todo_ = Next::close;
  }
  return todo_ == Next::wait && !stopped_;
}

Connection::Next Connection::receive() {
  error_code error;
  input_.commit(socket_.read_some(read_space(head_read_size), error));
  if (!error) socket_.defer();
  return !error || error == asio::error::would_block ? Next::wait : Next::close;
}

// Long ones have cost time to make: nobody waits for another one.
bool Connection::holds_answers() const {
  constexpr std::size_t short_bytes = 8 * 1024;
  return sends_later_ && has_output() && output_.size() <= short_bytes;
}

}  // namespace b3::http
