// Waiting on an event loop, in real time or in the virtual time of a simulation.
//
// A Timer belongs to one loop and its thread. Loops wait in real time unless set_virtual_time() was
// called for them: then their timers expire when the VirtualTime says so, without any system call,
// which makes a run repeatable.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/time.h"

namespace b3 {

class Timer;

// The clock of a simulated world, shared by its loops; one thread. It must outlive them.
class VirtualTime {
 public:
  explicit VirtualTime(SteadyTime start) : now_(start) {}
  VirtualTime(const VirtualTime&) = delete;
  VirtualTime& operator=(const VirtualTime&) = delete;

  SteadyTime now() const { return now_; }
  // When the next timer expires; nullopt: none is waited for.
  std::optional<SteadyTime> next() const;
  // Moves on to the next expiry and posts that one waiter to its loop. Of several at one time the
  // one that began to wait first comes first. False: nobody waits.
  bool advance();

  // For Timer and the loops.
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void complete() = 0;  // posts to its loop
  };
  using Ticket = std::pair<SteadyTime, std::uint64_t>;
  Ticket add(SteadyTime when, const void* loop, std::unique_ptr<Waiter> waiter);
  void expire(Ticket ticket);  // at once, as cancel() does; nothing happens when it is gone
  void drop(const void* loop);

 private:
  struct Entry {
    const void* loop = nullptr;
    std::unique_ptr<Waiter> waiter;
  };
  SteadyTime now_;
  std::uint64_t sequence_ = 0;
  std::map<Ticket, Entry> waiting_;
};

// To be called before the loop has its first Timer.
void set_virtual_time(boost::asio::execution_context& loop, VirtualTime& time);

// One wait at a time.
class Timer {
 public:
  explicit Timer(boost::asio::io_context& loop) : Timer(loop.get_executor()) {}
  explicit Timer(boost::asio::any_io_executor loop);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  // For the next wait(); the one that is running ends at once.
  void expires_at(SteadyTime time);
  void expires_after(SteadyTime::duration duration);
  void cancel();
  // Returns at the expiry, or when it is cut short by one of the above or by the timer's end.
  boost::asio::awaitable<void> wait();

 private:
  boost::asio::any_io_executor loop_;
  VirtualTime* virtual_ = nullptr;
  std::optional<boost::asio::steady_timer> real_;
  SteadyTime expiry_{};
  std::optional<VirtualTime::Ticket> ticket_;
};

// An event loop whose waiting coroutines can be dropped while the objects they use still live.
class Loop : public boost::asio::io_context {
 public:
  Loop() : boost::asio::io_context(1) {}
  // Destroys every suspended coroutine and handler. Nothing runs on this loop afterwards.
  void abandon() { shutdown(); }
};

}  // namespace b3
