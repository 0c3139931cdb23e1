#include "http/connection.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "base/log.h"

namespace b3::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t head_read_size = 4 * 1024;
constexpr std::size_t body_read_size = 32 * 1024;
// Unread bodies up to this size are read to keep the connection; larger ones end it.
constexpr std::size_t discarded_body_bytes = 64 * 1024;
// Answers to pipelined requests are collected up to this size before they are written.
constexpr std::size_t collected_output_bytes = 64 * 1024;
constexpr std::size_t kept_output_bytes = 256 * 1024;
constexpr std::chrono::milliseconds linger_time{2'000};

std::string remote_address_of(const LoopSocket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return {};
  const asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

Response plain_text(int status, std::string_view text) {
  Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
  response.body.append(text).push_back('\n');
  return response;
}

Response internal_error(const std::string& request_id) {
  return plain_text(500, "internal error (request " + request_id + ")");
}

Response answer_to_exception(const Request& request, std::exception_ptr exception) {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const std::exception& error) {
    log::error("request failed",
               {{"request_id", request.id}, {"path", request.path()}, {"error", error.what()}});
  } catch (...) {
    log::error("request failed", {{"request_id", request.id}, {"path", request.path()}});
  }
  return internal_error(request.id);
}

}  // namespace

Connection::Connection(std::shared_ptr<Shop> shop, LoopSocket socket)
    : shop_(std::move(shop)), socket_(std::move(socket)) {
  request_.request.remote_address = remote_address_of(socket_);
  next_ = shop_->first;
  if (next_ != nullptr) next_->previous_ = this;
  shop_->first = this;
  ++shop_->connections;
}

Connection::~Connection() {
  (previous_ != nullptr ? previous_->next_ : shop_->first) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  --shop_->connections;
}

void Connection::begin_deadline(std::chrono::milliseconds time) {
  expired_ = false;
  deadline_ = shop_->deadline_in(time);
}

// Wakes the coroutine: its pending read or write ends with operation_aborted.
void Connection::expire() {
  end_deadline();
  expired_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::drain() {
  closing_ = true;
  if (between_requests_) stop();
}

void Connection::stop() {
  closing_ = stopped_ = true;
  error_code ignored;
  socket_.close(ignored);
}

asio::mutable_buffer Connection::read_space(std::size_t wanted) {
  const InputBuffer::Space space = input_.prepare(wanted);
  return {space.data, space.size};
}

LoopTask<void> Connection::run() {
  const auto self = shared_from_this();
  try {
    error_code error;
    socket_.set_option(asio::ip::tcp::no_delay(true), error);
    socket_.non_blocking(true, error);
    if (!error) co_await serve();
  } catch (const std::exception& error) {
    log::error("connection failed", {{"error", error.what()}});
  }
  error_code ignored;
  socket_.close(ignored);
}

void Connection::begin_request() {
  request_.clear();
  parser_.emplace(request_, shop_->limits.header_bytes);
  body_taken_ = false;
}

LoopTask<void> Connection::serve() {
  begin_request();
  begin_deadline(shop_->limits.header_timeout);
  between_requests_ = true;
  while (!stopped_) {
    const Step step = parser_->parse_head(input_.view());
    input_.consume(step.consumed);
    if (step.progress == Progress::refused) {
      refuse(parser_->refusal());
    } else if (step.progress == Progress::more) {
      if (!write_available()) co_return;
      if (has_output() && !co_await write_rest<LoopExecutor>()) co_return;
      if (closing_ && !parser_->head_begun()) co_return;
      begin_waiting();
      const auto [error, size] =
          co_await socket_.async_read_some(read_space(head_read_size), as_loop_tuple);
      if (!error) {
        input_.commit(size);
        continue;
      }
      if (!expired_ || !parser_->head_begun()) co_return;
      refuse({408, "request timeout"});
    } else if (is_body_too_large()) {
      refuse({413, "request body too large"});
    } else {
      between_requests_ = false;
      end_deadline();
      shop_->ids.next(request_.request.id);
      continue_owed_ = parser_->expects_continue() && request_.request.has_body;
      if (!answer_at_once() && !co_await answer_slowly()) co_return;
      if (!append_answer()) break;
      if (!closing_ && !parser_->body_done() && !co_await discard_body()) co_return;
      if (output_.size() > collected_output_bytes && !co_await write_rest<LoopExecutor>()) {
        co_return;
      }
    }
    if (closing_) break;
    begin_request();
  }
  if (!write_available()) co_return;
  if (has_output() && !co_await write_rest<LoopExecutor>()) co_return;
  if (linger_ || !input_.empty()) co_await close_lingering();
}

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

bool Connection::is_body_too_large() const {
  return parser_->announced_length().value_or(0) > shop_->limits.body_bytes;
}

bool Connection::answer_at_once() {
  response_.status = 200;
  response_.headers.clear();
  response_.body.clear();
  response_.close = false;
  response_.abort = false;
  response_.truncate_to.reset();
  try {
    return shop_->handler.answer_now(request_.request, response_);
  } catch (...) {
    response_ = answer_to_exception(request_.request, std::current_exception());
    return true;
  }
}

LoopTask<bool> Connection::answer_slowly() {
  if (!write_available()) co_return false;
  if (has_output() && !co_await write_rest<LoopExecutor>()) co_return false;
  ++shop_->running_requests;
  std::exception_ptr thrown;
  try {
    auto [exception, response] =
        co_await asio::co_spawn(asio::any_io_executor(socket_.get_executor()),
                                shop_->handler.answer(request_.request, *this), as_loop_tuple);
    thrown = exception;
    response_ = std::move(response);
  } catch (...) {  // an answer() that is no coroutine itself
    thrown = std::current_exception();
  }
  --shop_->running_requests;
  if (thrown) response_ = answer_to_exception(request_.request, thrown);
  co_return true;
}

// False when this was the last thing to be sent.
bool Connection::append_answer() {
  if (response_.abort) return false;
  if (response_.close || shop_->draining || !parser_->wants_keep_alive()) closing_ = true;
  if (!parser_->body_done()) {
    const bool is_small =
        parser_->announced_length().value_or(0) <= discarded_body_bytes && !continue_owed_;
    if (!is_small || body_taken_) closing_ = true;
    if (closing_) linger_ = true;
  }
  const ResponseContext context{.date = shop_->date,
                                .request_id = request_.request.id,
                                .head = parser_->is_head(),
                                .http10 = parser_->is_http10(),
                                .close = closing_};
  if (!append_response(output_, response_, context)) {
    log::error("unsendable response", {{"request_id", request_.request.id},
                                       {"path", request_.request.path()},
                                       {"status", response_.status}});
  } else if (response_.truncate_to) {
    const std::size_t size = parser_->is_head() ? 0 : response_.body.size();
    output_.resize(output_.size() - size + std::min(size, *response_.truncate_to));
    return false;
  }
  return true;
}

void Connection::refuse(const Refusal& refusal) {
  end_deadline();
  shop_->ids.next(request_.request.id);
  closing_ = true;
  linger_ = true;
  between_requests_ = false;
  append_response(output_, plain_text(refusal.status, refusal.reason),
                  {.date = shop_->date,
                   .request_id = request_.request.id,
                   .head = request_.request.method == "HEAD",
                   .close = true});
}

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

bool Connection::write_available() {
  while (written_ < output_.size()) {
    error_code error;
    written_ += socket_.write_some(
        asio::buffer(output_.data() + written_, output_.size() - written_), error);
    if (error == asio::error::would_block || error == asio::error::try_again) return true;
    if (error) return false;
  }
  written_ = 0;
  if (output_.capacity() > kept_output_bytes) output_ = {};
  output_.clear();
  return true;
}

template <typename Executor>
asio::awaitable<bool, Executor> Connection::write_rest() {
  constexpr std::size_t progress_bytes = 64 * 1024;  // earns another write_timeout
  std::size_t rewarded = written_;
  begin_deadline(shop_->limits.write_timeout);
  for (;;) {
    if (!write_available()) co_return false;
    if (!has_output()) break;
    if (written_ - rewarded >= progress_bytes) {
      rewarded = written_;
      begin_deadline(shop_->limits.write_timeout);
    }
    const auto [error] = co_await socket_.async_wait(
        LoopSocket::wait_write, asio::as_tuple(asio::use_awaitable_t<Executor>{}));
    if (error || expired_) co_return false;
  }
  end_deadline();
  co_return true;
}

// Lets the client read the answer before the unread rest of its request resets the connection
// (RFC 9112 section 9.6).
LoopTask<void> Connection::close_lingering() {
  error_code error;
  socket_.shutdown(LoopSocket::shutdown_send, error);
  begin_deadline(std::min(linger_time, shop_->limits.body_timeout));
  while (!error && !expired_) {
    input_.consume(input_.view().size());
    const auto [failure, size] =
        co_await socket_.async_read_some(read_space(body_read_size), as_loop_tuple);
    error = failure;
    input_.commit(size);
  }
}

}  // namespace b3::http
