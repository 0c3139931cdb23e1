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
#include <optional>
#include <string>
#include <vector>

#include "store/executor.h"

namespace b3::store {

struct GroupLimits {
  // Transactions at a time. Few large ones cost the database less than many small ones, so there is
  // one, and another only beside a crowd or for a request that has waited for so long.
  int most_running = 2;
  milliseconds patience{50};
  // So many that wait, and as many as are being written: the database then need not pause while the
  // event loop hears of the last group.
  std::size_t crowd = 32;
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

  bool is_crowded() const;
  // A lane beside another one ends when nobody waits; one for a crowd, with the crowd.
  enum class Lane { only, patience, crowd };
  void begin(const boost::asio::any_io_executor& loop, Lane lane);
  template <class Request>
  boost::asio::awaitable<typename Request::Answer> submit(Waiters<Request>& waiting,
                                                          Request request);
  boost::asio::awaitable<void> work_off(Lane lane);
  boost::asio::awaitable<void> write(Group group);
  boost::asio::awaitable<void> write_one_by_one(Group group);

  Executor& store_;
  const GroupLimits limits_;
  Group waiting_;
  std::size_t in_writing_ = 0;
  int running_ = 0;
};

}  // namespace b3::store
