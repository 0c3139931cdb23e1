#include "store/grouped_writes.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <span>
#include <utility>

#include "base/timer.h"

namespace b3::store {

namespace asio = boost::asio;

// What the two kinds of requests have of their own.
struct GroupedWrites::Reservation {
  using Answer = std::expected<ReserveOutcome, WriteError>;
  using Call = std::vector<Meeting>;
  Meeting meeting;

  static void add(Call& call, const Reservation& request) { call.push_back(request.meeting); }
  static std::vector<Answer> make(const Call& call, Store& store) {
    auto answers = store.reserve_all(call);
    store.leave_out_last_write();
    return answers;
  }
};

struct GroupedWrites::BindingAt {
  using Answer = std::optional<Meeting>;
  struct Call {
    std::vector<Store::BindRequest> requests;
    WallTime now{};
  };
  Store::BindRequest request;
  WallTime now;

  static void add(Call& call, const BindingAt& each) {
    call.requests.push_back(each.request);
    call.now = std::max(call.now, each.now);
  }
  static std::vector<Answer> make(const Call& call, Store& store) {
    auto answers = store.bind_all(call.requests, call.now);
    store.leave_out_last_write();
    return answers;
  }
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

template <class Request>
asio::awaitable<typename Request::Answer> GroupedWrites::submit(Lane<Request>& lane,
                                                                Request request) {
  const auto loop = co_await asio::this_coro::executor;
  const auto mine = std::make_shared<Waiter<Request>>(std::move(request), loop);
  lane.waiting.push_back(mine);
  if (lane.running == 0) begin(lane, loop);
  while (!mine->is_answered()) {
    mine->answered.expires_after(mine->taken ? SteadyTime::duration(std::chrono::hours{1})
                                             : limits_.patience);
    co_await mine->answered.wait();
    if (!mine->taken && lane.running < limits_.most_running) begin(lane, loop);
  }
  if (mine->failure) std::rethrow_exception(mine->failure);
  co_return std::move(*mine->answer);
}

template <class Request>
void GroupedWrites::begin(Lane<Request>& lane, const asio::any_io_executor& loop) {
  ++lane.running;
  asio::co_spawn(loop, work_off(lane), asio::detached);
}

template <class Request>
asio::awaitable<void> GroupedWrites::work_off(Lane<Request>& lane) {
  while (!lane.waiting.empty()) co_await write(take_group(lane));
  --lane.running;
}

template <class Request>
GroupedWrites::Group<Request> GroupedWrites::take_group(Lane<Request>& lane) const {
  const auto size = std::min(lane.waiting.size(), limits_.largest_group);
  const auto end = lane.waiting.begin() + std::ptrdiff_t(size);
  Group<Request> group(lane.waiting.begin(), end);
  lane.waiting.erase(lane.waiting.begin(), end);
  for (const auto& waiter : group) waiter->taken = true;
  return group;
}

template <class Request>
asio::awaitable<void> GroupedWrites::write(Group<Request> group) {
  typename Request::Call call;
  for (const auto& waiter : group) Request::add(call, waiter->request);
  std::exception_ptr failure;
  bool refused = false;
  try {
    auto answers =
        co_await store_.run([&call](Store& store) { return Request::make(call, store); });
    for (std::size_t index = 0; index < group.size(); ++index) {
      group[index]->answer.emplace(std::move(answers.at(index)));
    }
  } catch (const StoreCorrupt&) {
    failure = std::current_exception();
    refused = group.size() > 1;
  } catch (...) {
    failure = std::current_exception();
  }
  if (refused) {
    for (const auto& waiter : group) co_await write(Group<Request>{waiter});
    co_return;
  }
  for (const auto& waiter : group) {
    waiter->failure = failure;
    waiter->answered.cancel();
  }
}

asio::awaitable<std::expected<ReserveOutcome, WriteError>> GroupedWrites::reserve(Meeting meeting) {
  return submit(reservations_, Reservation{std::move(meeting)});
}

asio::awaitable<std::optional<Meeting>> GroupedWrites::bind(std::string scoped_id,
                                                            std::int64_t epoch, Binding binding,
                                                            WallTime now) {
  return submit(bindings_, BindingAt{{std::move(scoped_id), epoch, std::move(binding)}, now});
}

}  // namespace b3::store
