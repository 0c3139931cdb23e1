#include "store/grouped_writes.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/timer.h"

namespace b3::store {

namespace asio = boost::asio;

struct GroupedWrites::Reservation {
  using Answer = std::expected<ReserveOutcome, WriteError>;
  Meeting meeting;
};

struct GroupedWrites::BindingAt {
  using Answer = std::optional<Meeting>;
  Store::BindRequest request;
  WallTime now;
};

template <class Request>
struct GroupedWrites::Waiter {
  Waiter(Request request_, asio::any_io_executor loop)
      : request(std::move(request_)), answered(std::move(loop)) {}

  bool is_answered() const { return answer.has_value() || failure != nullptr; }

  Request request;
  bool taken = false;  // into a group
  std::optional<typename Request::Answer> answer;
  std::exception_ptr failure;
  Timer answered;  // cut short by the answer
};

namespace {

// The first of those that wait, at most so many.
template <class Waiters>
Waiters take_first(Waiters& waiting, std::size_t most) {
  const auto end = waiting.begin() + std::ptrdiff_t(std::min(waiting.size(), most));
  Waiters taken(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
  waiting.erase(waiting.begin(), end);
  for (const auto& waiter : taken) waiter->taken = true;
  return taken;
}

template <class Waiters, class Answers>
void give(const Waiters& waiters, Answers& answers) {
  for (std::size_t index = 0; index < waiters.size(); ++index) {
    waiters[index]->answer.emplace(std::move(answers.at(index)));
  }
}

template <class Waiters>
void wake(const Waiters& waiters, const std::exception_ptr& failure) {
  for (const auto& waiter : waiters) {
    waiter->failure = failure;
    waiter->answered.cancel();
  }
}

struct Call {
  std::vector<Meeting> reservations;
  std::vector<Store::BindRequest> bindings;
  WallTime now{};

  Store::CreatesDone make(Store& store) const {
    auto done = store.write_creates(reservations, bindings, now);
    store.leave_out_last_write();
    return done;
  }
};

}  // namespace

template <class Request>
asio::awaitable<typename Request::Answer> GroupedWrites::submit(Waiters<Request>& waiting,
                                                                Request request) {
  const auto loop = co_await asio::this_coro::executor;
  const auto mine = std::make_shared<Waiter<Request>>(std::move(request), loop);
  waiting.push_back(mine);
  if (running_ == 0) {
    begin(loop, Lane::only);
  } else if (running_ < limits_.most_running && is_crowded()) {
    begin(loop, Lane::crowd);
  }
  while (!mine->is_answered()) {
    mine->answered.expires_after(mine->taken ? SteadyTime::duration(std::chrono::hours{1})
                                             : limits_.patience);
    co_await mine->answered.wait();
    if (!mine->taken && running_ < limits_.most_running) begin(loop, Lane::patience);
  }
  if (mine->failure) std::rethrow_exception(mine->failure);
  co_return std::move(*mine->answer);
}

bool GroupedWrites::is_crowded() const {
  return waiting_.size() >= std::max(limits_.crowd, in_writing_);
}

void GroupedWrites::begin(const asio::any_io_executor& loop, Lane lane) {
  ++running_;
  asio::co_spawn(loop, work_off(lane), asio::detached);
}

asio::awaitable<void> GroupedWrites::work_off(Lane lane) {
  while (waiting_.size() > 0 && (lane != Lane::crowd || running_ == 1 || is_crowded())) {
    Group group{take_first(waiting_.reservations, limits_.largest_group),
                take_first(waiting_.bindings, limits_.largest_group)};
    const auto size = group.size();
    in_writing_ += size;
    co_await write(std::move(group));
    in_writing_ -= size;
  }
  --running_;
}

asio::awaitable<void> GroupedWrites::write(Group group) {
  Call call;
  for (const auto& waiter : group.reservations)
    call.reservations.push_back(waiter->request.meeting);
  for (const auto& waiter : group.bindings) {
    call.bindings.push_back(waiter->request.request);
    call.now = std::max(call.now, waiter->request.now);
  }
  std::exception_ptr failure;
  bool refused = false;
  try {
    auto done = co_await store_.run([&call](Store& store) { return call.make(store); });
    give(group.reservations, done.reserved);
    give(group.bindings, done.bound);
  } catch (const StoreCorrupt&) {
    failure = std::current_exception();
    refused = group.size() > 1;
  } catch (...) {
    failure = std::current_exception();
  }
  if (refused) {
    co_await write_one_by_one(std::move(group));
    co_return;
  }
  wake(group.reservations, failure);
  wake(group.bindings, failure);
}

asio::awaitable<void> GroupedWrites::write_one_by_one(Group group) {
  for (const auto& waiter : group.reservations) co_await write({{waiter}, {}});
  for (const auto& waiter : group.bindings) co_await write({{}, {waiter}});
}

asio::awaitable<std::expected<ReserveOutcome, WriteError>> GroupedWrites::reserve(Meeting meeting) {
  return submit(waiting_.reservations, Reservation{std::move(meeting)});
}

asio::awaitable<std::optional<Meeting>> GroupedWrites::bind(std::string scoped_id,
                                                            std::int64_t epoch, Binding binding,
                                                            WallTime now) {
  return submit(waiting_.bindings,
                BindingAt{{std::move(scoped_id), epoch, std::move(binding)}, now});
}

}  // namespace b3::store
