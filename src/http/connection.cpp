#include "http/connection.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"

namespace b3::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Answers to pipelined requests are collected up to this size before they are written.
constexpr std::size_t collected_output_bytes = 64 * 1024;
// So many requests of one client are answered before it is the others' turn.
constexpr unsigned requests_per_turn = 32;
// Larger buffers are given back at once, smaller ones when the connection has been idle for a
// while.
constexpr std::size_t kept_buffer_bytes = 256 * 1024;

Response plain_text(int status, std::string_view text) {
  Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
  response.body.append(text).push_back('\n');
  return response;
}

Response no_room_for_body() {
  Response response = plain_text(503, "too many request bodies at a time");
  response.headers.push_back({"Retry-After", "5"});
  return response;
}

// Assigning an empty string would keep the memory.
void release(std::string& text) {
  std::string().swap(text);
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

Connection::Connection(std::shared_ptr<Shop> shop, asio::io_context& loop, int descriptor,
                       std::string remote_address)
    : shop_(std::move(shop)), socket_(loop, descriptor) {
  request_.request.remote_address = std::move(remote_address);
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
  socket_.cancel();
}

// A request may be on its way: closing at once would reset it.
void Connection::drain() {
  if (!between_requests_) return;
  deadline_ = std::min(deadline_, shop_->deadline_in(shop_->limits.drain_grace));
}

// Nobody uses the buffers then. Whatever was received since the last release needed one.
bool Connection::is_idle() const {
  return between_requests_ && input_.empty() && output_.empty() && input_.capacity() > 0;
}

// What is kept from one request to the next may be as large as the largest answer was.
void Connection::release_memory() {
  input_.release();
  release(output_);
  release(response_.body);
  ReusedRequest fresh;
  fresh.request.remote_address = std::move(request_.request.remote_address);
  std::swap(request_, fresh);
}

void Connection::stop() {
  closing_ = stopped_ = true;
  socket_.close();
}

asio::mutable_buffer Connection::read_space(std::size_t wanted) {
  const InputBuffer::Space space = input_.prepare(wanted);
  return {space.data, space.size};
}

LoopTask<void> Connection::run() {
  const auto self = shared_from_this();
  try {
    co_await serve();
  } catch (const std::exception& error) {
    log::error("connection failed", {{"error", error.what()}});
  }
  socket_.close();
}

void Connection::begin_request() {
  request_.clear();
  parser_.emplace(request_, shop_->limits.header_bytes);
  body_taken_ = false;
  no_room_ = false;
}

LoopTask<void> Connection::serve() {
  begin_request();
  begin_deadline(shop_->limits.header_timeout);
  between_requests_ = true;
  todo_ = Next::step;
  while (!stopped_) {
    switch (todo_) {
      case Next::step:
        todo_ = step();
        break;
      case Next::wait:
        todo_ = co_await wait_for_head();
        break;
      case Next::write:
        if (!co_await write_rest<LoopExecutor>()) co_return;
        // Whoever has much to be done does not keep the others waiting.
        co_await asio::post(socket_.get_executor(), asio::use_awaitable_t<LoopExecutor>{});
        answered_in_turn_ = 0;
        todo_ = Next::step;
        break;
      case Next::answer:
        if (!co_await answer_slowly()) co_return;
        todo_ = conclude_answer();
        break;
      case Next::discard:
        if (!co_await discard_body()) co_return;
        todo_ = closing_ ? Next::finish : begin_next_request();
        break;
      case Next::finish:
        if (!write_available()) co_return;
        if (has_output() && !co_await write_rest<LoopExecutor>()) co_return;
        if (must_linger()) co_await close_lingering();
        co_return;
      case Next::close:
        co_return;
    }
  }
}

Connection::Next Connection::step() {
  for (;;) {
    const Step head = parser_->parse_head(input_.view());
    input_.consume(head.consumed);
    if (head.progress == Progress::refused) return refuse(parser_->refusal());
    if (head.progress == Progress::done) {
      const Next next = answer_head();
      if (next != Next::step) return next;
      continue;
    }
    if (holds_answers()) return Next::wait;
    if (!write_available()) return Next::close;
    if (has_output()) return Next::write;
    begin_waiting();
    error_code error;
    input_.commit(socket_.read_some(read_space(head_read_size), error));
    if (error == asio::error::would_block) return Next::wait;
    if (error) return Next::close;
  }
}

Connection::Next Connection::answer_head() {
  if (is_body_too_large()) return refuse({413, "request body too large"});
  between_requests_ = false;
  end_deadline();
  shop_->ids.next(request_.request.id);
  ++shop_->statistics.requests;
  continue_owed_ = parser_->expects_continue() && request_.request.has_body;
  return answer_at_once() ? conclude_answer() : Next::answer;
}

Connection::Next Connection::conclude_answer() {
  if (!append_answer()) return Next::finish;
  if (!closing_ && !parser_->body_done()) return Next::discard;
  return closing_ ? Next::finish : begin_next_request();
}

Connection::Next Connection::begin_next_request() {
  begin_request();
  const bool had_its_turn = ++answered_in_turn_ >= requests_per_turn;
  return had_its_turn || output_.size() > collected_output_bytes ? Next::write : Next::step;
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
  if (no_room_) {
    response_ = no_room_for_body();
  } else if (thrown) {
    response_ = answer_to_exception(request_.request, thrown);
  }
  co_return true;
}

// False when this was the last thing to be sent.
bool Connection::append_answer() {
  if (response_.abort) return false;
  // Who said that this is the last request sends no other; who was not asked may be sending one.
  if (response_.close || shop_->draining) closing_ = linger_ = true;
  if (!parser_->wants_keep_alive()) closing_ = true;
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
  if (response_.body.capacity() > kept_buffer_bytes) release(response_.body);
  return true;
}

Connection::Next Connection::refuse(const Refusal& refusal) {
  end_deadline();
  ++shop_->statistics.requests_refused;
  shop_->ids.next(request_.request.id);
  closing_ = true;
  linger_ = true;
  between_requests_ = false;
  append_response(output_, plain_text(refusal.status, refusal.reason),
                  {.date = shop_->date,
                   .request_id = request_.request.id,
                   .head = request_.request.method == "HEAD",
                   .close = true});
  return Next::finish;
}

bool Connection::write_available() {
  while (written_ < output_.size()) {
    error_code error;
    written_ += socket_.write_some(
        asio::buffer(output_.data() + written_, output_.size() - written_), error);
    if (error == asio::error::would_block) return true;
    if (error) return false;
  }
  written_ = 0;
  if (output_.capacity() > kept_buffer_bytes) release(output_);
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
        Socket::Side::write, asio::as_tuple(asio::use_awaitable_t<Executor>{}));
    if (error || expired_) co_return false;
  }
  end_deadline();
  co_return true;
}

template LoopTask<bool> Connection::write_rest<LoopExecutor>();
template asio::awaitable<bool> Connection::write_rest<asio::any_io_executor>();

}  // namespace b3::http
