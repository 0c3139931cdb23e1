// A connected TCP socket that never blocks. Event loop thread only.
//
// read_some() and write_some() do what is possible now; async_wait() waits until more is. It knows
// from the Poller when there is nothing to read, so that finding out costs no system call. It is
// also an asynchronous stream as Boost.Asio means it (async_read_some() and so on), for TLS.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "http/poller.h"

namespace b3::http {

class Socket final : private Poller::Watcher {
 public:
  using executor_type = LoopExecutor;
  using lowest_layer_type = Socket;
  using Error = boost::system::error_code;
  enum class Side { read, write };
  using Stage = Poller::Stage;

  // Called while somebody waits for something to read: when there is something, and with each stage
  // after defer(). True: it was dealt with, and the wait goes on. May destroy the socket when it
  // returns false only through the wait.
  class FastPath {
   public:
    virtual bool on_readable() = 0;
    virtual bool on_stage(Stage stage) = 0;

   protected:
    ~FastPath() = default;
  };

  // Takes a non-blocking descriptor, also when it throws std::system_error.
  Socket(boost::asio::io_context& loop, int descriptor);
  ~Socket() { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  executor_type get_executor() const noexcept { return executor_; }
  lowest_layer_type& lowest_layer() { return *this; }
  int native_handle() const { return descriptor_; }  // -1 when closed
  // Nothing has come, not even the end, as far as the kernel has said with the events that are
  // being delivered. False also when that is not known.
  bool is_known_quiet() const { return !readable_ && !hung_up_ && poller_.is_delivering(); }
  void defer() { poller_.defer(*this); }  // within on_readable()
  void set_fast_path(FastPath* path) { fast_path_ = path; }

  // error::would_block: nothing to be had now. error::eof: the peer sends no more.
  std::size_t read_some(boost::asio::mutable_buffer buffer, Error& error);
  std::size_t write_some(boost::asio::const_buffer buffer, Error& error);
  void shutdown_send();
  bool has_unread() const;  // bytes that have arrived

  // Handlers get error_code: operation_aborted after cancel() and close(). One wait per side.
  template <class Token>
  auto async_wait(Side side, Token&& token) {
    return boost::asio::async_initiate<Token, void(Error)>(
        [this, side](auto handler) { this->start_wait(side, std::move(handler)); }, token);
  }
  void cancel();
  void close();

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const boost::asio::mutable_buffer buffer = *boost::asio::buffer_sequence_begin(buffers);
    return transfer(Side::read, std::forward<Token>(token),
                    [this, buffer](Error& error) { return read_some(buffer, error); });
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    const boost::asio::const_buffer buffer = *boost::asio::buffer_sequence_begin(buffers);
    return transfer(Side::write, std::forward<Token>(token),
                    [this, buffer](Error& error) { return write_some(buffer, error); });
  }

 private:
  struct Wait {
    virtual ~Wait() = default;
    virtual void complete_now(Error error) = 0;  // from the loop, not from within a caller
    virtual void complete_later(Error error) = 0;
  };
  template <class Handler>
  struct HandlerWait final : Wait {
    HandlerWait(LoopExecutor loop_, Handler handler_) : loop(loop_), handler(std::move(handler_)) {}
    void complete_now(Error error) override { std::move(handler)(error); }
    void complete_later(Error error) override {
      const auto executor = boost::asio::get_associated_executor(handler, loop);
      boost::asio::post(executor,
                        [moved = std::move(handler), error]() mutable { std::move(moved)(error); });
    }
    LoopExecutor loop;
    Handler handler;
  };

  template <class Handler>
  void start_wait(Side side, Handler handler) {
    auto wait = std::make_unique<HandlerWait<Handler>>(executor_, std::move(handler));
    if (descriptor_ < 0) return wait->complete_later(boost::asio::error::operation_aborted);
    if (side == Side::read ? readable_ : writable_) return wait->complete_later({});
    (side == Side::read ? reader_ : writer_) = std::move(wait);
    poller_.begin_wait();
  }

  // Tries, waits and tries again; completes from the loop only.
  template <class Token, class Try>
  auto transfer(Side side, Token&& token, Try attempt) {
    return boost::asio::async_compose<Token, void(Error, std::size_t)>(
        [this, side, attempt, done = false, result = Error{}, size = std::size_t{0}](
            auto& self, Error error = {}) mutable {
          if (done) return self.complete(result, size);
          result = error;
          if (!result) size = attempt(result);
          if (result == boost::asio::error::would_block) {
            return async_wait(side, std::move(self));
          }
          done = true;
          boost::asio::post(executor_, std::move(self));
        },
        token, executor_);
  }

  std::unique_ptr<Wait> take(std::unique_ptr<Wait>& wait);
  void on_events(std::uint32_t events) override;
  bool abandon() override;
  void on_stage(Stage stage) override;

  const LoopExecutor executor_;
  Poller& poller_;
  int descriptor_;
  bool readable_ = false;
  bool writable_ = false;
  bool hung_up_ = false;  // the end of the stream is behind what can be read
  std::unique_ptr<Wait> reader_;
  std::unique_ptr<Wait> writer_;
  FastPath* fast_path_ = nullptr;
};

}  // namespace b3::http
