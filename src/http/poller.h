// Which of an event loop's sockets are ready, asked of the kernel for many at once.
//
// Boost.Asio spends two system calls on every wait for a socket that is not ready yet; here a
// socket is registered once and a call says what happened to all of them. One Poller per loop
// (asio::use_service<Poller>(loop)); event loop thread only.
//
// Receiving, working and sending run through more code, the kernel's and ours, than the processor's
// first cache holds. Done for one socket after the other, each evicts what the next one needs; so
// a watcher may defer its work, and the poller goes through the stages for many of them at a time.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>

namespace b3::http {

// The concrete executor: any_io_executor's indirection costs more than parsing a request.
using LoopExecutor = boost::asio::io_context::executor_type;

class Poller final : public boost::asio::execution_context::service {
 public:
  using key_type = Poller;
  static inline boost::asio::execution_context::id id;

  // What is left to do after everybody of a group has received.
  enum class Stage { work, send };

  // Somebody with a file descriptor.
  class Watcher {
   public:
    // What changed since the last call (EPOLLIN, EPOLLOUT, EPOLLRDHUP, ...). May destroy itself.
    virtual void on_events(std::uint32_t events) = 0;
    // The loop is going away: destroys whoever waits and does not wake them. False: nobody waits.
    virtual bool abandon() = 0;
    // Once for each stage after defer(), unless it was removed meanwhile. May destroy itself.
    virtual void on_stage(Stage stage) = 0;

   protected:
    ~Watcher() = default;

   private:
    friend class Poller;
    Watcher* previous_ = nullptr;
    Watcher* next_ = nullptr;
  };

  explicit Poller(boost::asio::execution_context& loop);
  ~Poller() override;

  // Throws std::system_error. The descriptor is closed after remove(), and nowhere duplicated.
  void add(int descriptor, Watcher& watcher);
  void remove(Watcher& watcher);

  // Within on_events(): what the kernel knew has been told, or is about to be.
  bool is_delivering() const { return batch_end_ > 0; }
  // Within its on_events() and once: the stages follow before that of a later batch.
  void defer(Watcher& watcher) { group_[group_size_++] = &watcher; }

  // The loop has work as long as somebody waits.
  void begin_wait();
  void end_wait();

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<LoopExecutor>;

  void shutdown() override;
  void arm();
  void poll();
  void run_stages();

  Descriptor epoll_;
  std::array<epoll_event, 256> batch_;
  std::size_t batch_next_ = 0;  // the events of the running batch that are not delivered yet
  std::size_t batch_end_ = 0;
  // So many at a time: nobody waits long for others' work before its answer is sent.
  std::array<Watcher*, 64> group_;  // null: removed
  std::size_t group_size_ = 0;
  std::size_t waits_ = 0;
  bool armed_ = false;
  bool closed_ = false;
  Watcher* first_ = nullptr;
};

}  // namespace b3::http
