// What a connection reads after the head of a request.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "base/log.h"
#include "http/connection.h"

namespace b3::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t body_read_size = 32 * 1024;
// Of each body; no more than its connection costs anyway.
constexpr std::size_t free_body_bytes = 8 * 1024;
constexpr std::chrono::milliseconds linger_time{2'000};

// What a body takes of the room that all of them have.
class BodyRoom {
 public:
  explicit BodyRoom(std::shared_ptr<Shop> shop) : shop_(std::move(shop)) {}
  ~BodyRoom() { shop_->receiving -= taken_; }
  BodyRoom(const BodyRoom&) = delete;
  BodyRoom& operator=(const BodyRoom&) = delete;

  // False: there is not enough left for a body of this size.
  bool has(std::size_t size) const {
    const std::size_t counted = size - std::min(size, free_body_bytes);
    return counted <= taken_ ||
           counted - taken_ <= shop_->limits.all_bodies_bytes - shop_->receiving;
  }
  bool take(std::size_t size) {
    if (!has(size)) return false;
    const std::size_t counted = size - std::min(size, free_body_bytes);
    shop_->receiving += counted - taken_;
    taken_ = counted;
    return true;
  }

 private:
  const std::shared_ptr<Shop> shop_;
  std::size_t taken_ = 0;
};

}  // namespace

asio::awaitable<std::expected<std::string, BodyError>> Connection::read_all(std::size_t limit) {
  std::string body;
  if (body_taken_) co_return std::unexpected(BodyError::broken);
  body_taken_ = true;
  limit = std::min(limit, shop_->limits.body_bytes);
  const std::size_t announced = parser_->announced_length().value_or(0);
  if (announced > limit) co_return std::unexpected(BodyError::too_large);
  BodyRoom room(shop_);
  if (!room.has(announced)) co_return std::unexpected(refuse_body());
  body.reserve(std::min<std::size_t>(announced, 64 * 1024));
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
    if (!room.take(body.size())) co_return std::unexpected(refuse_body());
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

BodyError Connection::refuse_body() {
  end_deadline();
  no_room_ = true;
  if (const auto times = shop_->no_room.note()) {
    log::warn("no room for request bodies",
              {{"receiving_bytes", shop_->receiving}, {"refused", *times}});
  }
  return BodyError::broken;
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

// Closing a socket with bytes nobody has read resets the connection, and the client may lose the
// answer (RFC 9112 section 9.6).
bool Connection::must_linger() const {
  return linger_ || !input_.empty() || socket_.has_unread();
}

LoopTask<void> Connection::close_lingering() {
  error_code error;
  socket_.shutdown_send();
  between_requests_ = false;
  const auto time =
      shop_->draining ? std::min(linger_time, shop_->limits.drain_grace) : linger_time;
  begin_deadline(std::min(time, shop_->limits.body_timeout));
  // Who was refused for the size of a body sends more than the largest, mostly.
  std::size_t left = 2 * shop_->limits.body_bytes;
  while (!error && !expired_ && left > 0) {
    input_.consume(input_.view().size());
    const auto [failure, size] =
        co_await socket_.async_read_some(read_space(body_read_size), as_loop_tuple);
    error = failure;
    input_.commit(size);
    left -= std::min(left, size);
  }
}

}  // namespace b3::http
