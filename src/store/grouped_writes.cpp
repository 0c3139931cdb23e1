#include "store/grouped_writes.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
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
  std::atomic<bool> taken = false;  // into a group
  std::optional<typename Request::Answer> answer;
  std::exception_ptr failure;
  Timer answered;  // cut short by the answer
};

namespace {

template <class Waiters>
Waiters take(Waiters& waiting, std::size_t most) {
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

}  // namespace

template <class Request>
asio::awaitable<typename Request::Answer> GroupedWrites::submit(Waiters<Request>& waiting,
                                                                Request request) {
  const auto loop = co_await asio::this_coro::executor;
  const auto mine = std::make_shared<Waiter<Request>>(std::move(request), loop);
  {
    const std::scoped_lock lock{mutex_};
    waiting.push_back(mine);
  }
  begin(loop, 1);
  while (!mine->is_answered()) {
    mine->answered.expires_after(mine->taken ? SteadyTime::duration(std::chrono::hours{1})
                                             : limits_.patience);
    co_await mine->answered.wait();
    if (!mine->taken) begin(loop, limits_.most_running);
  }
  if (mine->failure) std::rethrow_exception(mine->failure);
  co_return std::move(*mine->answer);
}

void GroupedWrites::begin(const asio::any_io_executor& loop, int most) {
  if (running_ >= most) return;
  ++running_;
  asio::co_spawn(loop, work_off(), asio::detached);
}

GroupedWrites::Group GroupedWrites::take_first() {
  const std::scoped_lock lock{mutex_};
  return {take(waiting_.reservations, limits_.largest_group),
          take(waiting_.bindings, limits_.largest_group)};
}

asio::awaitable<void> GroupedWrites::work_off() {
  for (auto group = take_first(); group.size() > 0; group = take_first()) {
    co_await write(std::move(group), limits_.most_groups);
  }
  --running_;
}

asio::awaitable<void> GroupedWrites::write(Group group, int most_groups) {
  const auto loop = co_await asio::this_coro::executor;
  std::exception_ptr failure;
  bool refused = false;
  try {
    auto done = co_await store_.run(
        [&](Store& store) { return write_some(store, group, most_groups, loop); });
    answer(group, done);
    co_return;
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
  for (const auto& waiter : group.reservations) co_await write({{waiter}, {}}, 1);
  for (const auto& waiter : group.bindings) co_await write({{}, {waiter}}, 1);
}

Store::CreatesDone GroupedWrites::write_some(Store& store, Group& group, int most_groups,
                                             const asio::any_io_executor& loop) {
  for (int written = 1;; ++written) {
    auto done = write_on(store, group);
    if (written == most_groups) return done;
    auto next = take_first();
    if (next.size() == 0) return done;
    asio::post(loop, [answered = std::exchange(group, std::move(next)),
                      done = std::move(done)]() mutable { answer(answered, done); });
  }
}

Store::CreatesDone GroupedWrites::write_on(Store& store, const Group& group) {
  std::vector<Meeting> reservations;
  std::vector<Store::BindRequest> bindings;
  WallTime now{};
  for (const auto& waiter : group.reservations) reservations.push_back(waiter->request.meeting);
  for (const auto& waiter : group.bindings) {
    bindings.push_back(waiter->request.request);
    now = std::max(now, waiter->request.now);
  }
  auto done = store.write_creates(reservations, bindings, now);
  store.leave_out_last_write();
  return done;
}

void GroupedWrites::answer(Group& group, Store::CreatesDone& done) {
  give(group.reservations, done.reserved);
  give(group.bindings, done.bound);
  wake(group.reservations, nullptr);
  wake(group.bindings, nullptr);
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
