// Brings together the reservations and bindings of many requests: what arrives while a transaction
// is under way goes into the next one. One commit then serves many requests, and a lone request
// waits for nobody.
//
// Event loop thread only; owned by the daemon. It and the Executor must outlive the coroutines that
// wait here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/executor.h"

namespace b3::store {

struct GroupLimits {
  // Calls at a time. Few large transactions cost the database less than many small ones, so there
  // is one call, and another only for a request that has waited for so long.
  int most_running = 2;
  milliseconds patience{50};
  // A call writes one group after another without asking the event loop in between; but only so
  // many, because others' announcements and a stopping executor wait for it.
  int most_groups = 4;
  // Of either kind.
  std::size_t largest_group = 256;
};

class GroupedWrites {
 public:
  explicit GroupedWrites(Executor& store, GroupLimits limits = {})
      : store_(store), limits_(limits) {}
  GroupedWrites(const GroupedWrites&) = delete;
  GroupedWrites& operator=(const GroupedWrites&) = delete;

  // As Store::reserve() and Store::bind(), and as the Executor refuses calls. What the transaction
  // throws, everyone in it gets; where the database refuses one of them (StoreCorrupt), the others
  // are tried by themselves.
  boost::asio::awaitable<std::expected<ReserveOutcome, WriteError>> reserve(Meeting meeting);
  boost::asio::awaitable<std::optional<Meeting>> bind(std::string scoped_id, std::int64_t epoch,
                                                      Binding binding, WallTime now);

  struct Reservation;
  struct BindingAt;

 private:
  template <class Request>
  struct Waiter;
  template <class Request>
  using Waiters = std::deque<std::shared_ptr<Waiter<Request>>>;
  struct Group {
    Waiters<Reservation> reservations;
    Waiters<BindingAt> bindings;

    std::size_t size() const { return reservations.size() + bindings.size(); }
  };

  template <class Request>
  boost::asio::awaitable<typename Request::Answer> submit(Waiters<Request>& waiting,
                                                          Request request);
  // Begins a call when fewer than so many are running.
  void begin(const boost::asio::any_io_executor& loop, int most);
  boost::asio::awaitable<void> work_off();
  boost::asio::awaitable<void> write(Group group, int most_groups);
  boost::asio::awaitable<void> write_one_by_one(Group group);
  // On a worker: writes the group, and then others that wait. All but the last one are answered
  // from here.
  Store::CreatesDone write_some(Store& store, Group& group, int most_groups,
                                const boost::asio::any_io_executor& loop);
  static Store::CreatesDone write_on(Store& store, const Group& group);
  static void answer(Group& group, Store::CreatesDone& done);
  // Any thread.
  Group take_first();

  Executor& store_;
  const GroupLimits limits_;
  int running_ = 0;
  std::mutex mutex_;  // guards the rest
  Group waiting_;
};

}  // namespace b3::store
