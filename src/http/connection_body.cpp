// What a connection reads after the head of a request.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "http/connection.h"

namespace b3::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t body_read_size = 32 * 1024;

}  // namespace

asio::awaitable<std::expected<std::string, BodyError>> Connection::read_all(std::size_t limit) {
  std::string body;
  if (body_taken_) co_return std::unexpected(BodyError::broken);
  body_taken_ = true;
  limit = std::min(limit, shop_->limits.body_bytes);
  const std::size_t announced = parser_->announced_length().value_or(0);
  if (announced > limit) co_return std::unexpected(BodyError::too_large);
  body.reserve(std::min<std::size_t>(announced, 1024 * 1024));
  if (std::exchange(continue_owed_, false) && input_.empty()) {
    output_ += "HTTP/1.1 100 Continue\r\n\r\n";
    if (!co_await write_rest<asio::any_io_executor>()) {
      co_return std::unexpected(BodyError::broken);
    }
  }
  begin_deadline(shop_->limits.body_timeout);
  for (;;) {
    const Step step = parser_->parse_body(input_.view(), &body, limit);
    input_.consume(step.consumed);
    if (step.progress != Progress::more) {
      end_deadline();
      if (step.progress == Progress::done) co_return body;
      co_return std::unexpected(parser_->refusal().status == 413 ? BodyError::too_large
                                                                 : BodyError::broken);
    }
    const auto [error, size] = co_await socket_.async_read_some(
        read_space(body_read_size), asio::as_tuple(asio::use_awaitable));
    if (error || expired_) {
      end_deadline();
      co_return std::unexpected(expired_ ? BodyError::timeout : BodyError::broken);
    }
    input_.commit(size);
  }
}

// After the answer to a request whose body nobody wanted; false when the connection is done for.
LoopTask<bool> Connection::discard_body() {
  begin_deadline(shop_->limits.body_timeout);
  for (;;) {
    const Step step = parser_->parse_body(input_.view(), nullptr, discarded_body_bytes);
    input_.consume(step.consumed);
    if (step.progress == Progress::done) {
      end_deadline();
      co_return true;
    }
    if (step.progress == Progress::refused) {
      closing_ = linger_ = true;
      co_return true;
    }
    if (has_output()) {
      if (!co_await write_rest<LoopExecutor>()) co_return false;
      begin_deadline(shop_->limits.body_timeout);
    }
    const auto [error, size] =
        co_await socket_.async_read_some(read_space(body_read_size), as_loop_tuple);
    if (error || expired_) co_return false;
    input_.commit(size);
  }
}

// Lets the client read the answer before the unread rest of its request resets the connection
// (RFC 9112 section 9.6).
LoopTask<void> Connection::close_lingering(std::chrono::milliseconds time) {
  error_code error;
  socket_.shutdown_send();
  begin_deadline(std::min(time, shop_->limits.body_timeout));
  while (!error && !expired_) {
    input_.consume(input_.view().size());
    const auto [failure, size] =
        co_await socket_.async_read_some(read_space(body_read_size), as_loop_tuple);
    error = failure;
    input_.commit(size);
  }
}

}  // namespace b3::http
