#include "store/executor.h"

#include <boost/asio/thread_pool.hpp>

#include "store/own_writes.h"
#include "store/postgres_connection.h"

namespace b3::store {

namespace {

constexpr const char* away = "the database is away";

class ThreadWorkers final : public Workers {
 public:
  explicit ThreadWorkers(int threads) : pool_(std::size_t(threads)) {}

  void submit(std::unique_ptr<Task> task) override {
    boost::asio::post(pool_, [owned = std::move(task)]() mutable {
      auto& running = *owned;
      running.work();
      running.answer(std::move(owned));
    });
  }
  void stop() override { pool_.join(); }

 private:
  boost::asio::thread_pool pool_;
};

}  // namespace

std::unique_ptr<Workers> make_thread_workers(int threads) {
  return std::make_unique<ThreadWorkers>(threads);
}

Executor::Executor(const std::string& url, int workers, ExecutorLimits limits)
    : Executor(url, is_sqlite_url(url) ? 1 : workers, limits, std::make_shared<Curfew>()) {}

Executor::Executor(const std::string& url, int workers, ExecutorLimits limits,
                   std::shared_ptr<Curfew> curfew)
    : Executor([url, curfew,
                own = std::make_shared<OwnWrites>()] { return open_store(url, curfew, own); },
               make_thread_workers(workers), limits, read_clocks, curfew) {}

Executor::Executor(OpenStore open, int workers, ExecutorLimits limits)
    : Executor(std::move(open), make_thread_workers(workers), limits) {}

Executor::Executor(OpenStore open, std::unique_ptr<Workers> workers, ExecutorLimits limits,
                   std::function<Now()> clock)
    : Executor(std::move(open), std::move(workers), limits, std::move(clock), nullptr) {}

Executor::Executor(OpenStore open, std::unique_ptr<Workers> workers, ExecutorLimits limits,
                   std::function<Now()> clock, std::shared_ptr<Curfew> curfew)
    : open_(std::move(open)),
      limits_(limits),
      clock_(std::move(clock)),
      curfew_(std::move(curfew)),
      workers_(std::move(workers)) {}

// The workers work off what they were given, so that every coroutine hears of its call.
void Executor::stop() {
  {
    const std::scoped_lock lock{mutex_};
    if (!stopping_ && curfew_) {
      curfew_->set(std::chrono::steady_clock::now() + limits_.stop_grace);
    }
    stopping_ = true;
  }
  workers_->stop();
}

void Executor::submit(std::unique_ptr<Workers::Task> task) {
  {
    const std::scoped_lock lock{mutex_};
    ++waiting_;
    if (!stopping_) {
      workers_->submit(std::move(task));
      return;
    }
  }
  // The workers may have ended; the call is refused.
  auto& refused = *task;
  refused.work();
  refused.answer(std::move(task));
}

std::unique_ptr<Store> Executor::take() {
  {
    const std::scoped_lock lock{mutex_};
    if (!idle_.empty()) {
      auto store = std::move(idle_.back());
      idle_.pop_back();
      return store;
    }
  }
  auto store = open_();
  const std::scoped_lock lock{mutex_};
  ++statistics_.connections;
  return store;
}

void Executor::give_back(std::unique_ptr<Store> store, bool announces) {
  const std::scoped_lock lock{mutex_};
  (announces ? to_announce_ : idle_).push_back(std::move(store));
}

// A worker has one store at a time, here as well; it may announce for another one that is just as
// far.
void Executor::announce() noexcept {
  std::unique_ptr<Store> store;
  {
    const std::scoped_lock lock{mutex_};
    if (stopping_ || to_announce_.empty()) return;
    store = std::move(to_announce_.back());
    to_announce_.pop_back();
  }
  try {
    store->notify_changes();
  } catch (...) {
    // Listeners also look by themselves.
  }
  give_back(std::move(store));
}

SteadyTime Executor::admit() {
  const auto now = clock_().steady;
  const std::scoped_lock lock{mutex_};
  ++statistics_.refused;  // until it is admitted
  if (stopping_) throw StoreUnavailable("stopping");
  if (waiting_ >= limits_.most_waiting) {
    throw StoreUnavailable("the database is too slow: too many calls are waiting");
  }
  if (away_) {
    if (now < next_try_) throw StoreUnavailable(away);
    next_try_ = now + limits_.away_interval;
  }
  --statistics_.refused;
  return now;
}

void Executor::serve(SteadyTime admitted, const std::function<void(Store&)>& call) {
  const auto started = start(admitted);
  try {
    Lease lease{*this, limits_.announce};
    call(*lease.store);
  } catch (const Unreachable&) {
    note_unreachable(started);
    throw;
  } catch (...) {
    note_reachable(started, false);
    throw;
  }
  note_reachable(started, true);
}

SteadyTime Executor::start(SteadyTime admitted) {
  const auto now = clock_().steady;
  const std::scoped_lock lock{mutex_};
  --waiting_;
  ++statistics_.refused;  // unless it is made
  if (stopping_) throw StoreUnavailable("stopping");
  if (now - admitted > limits_.longest_wait) {
    throw StoreUnavailable("the database is too slow: the call has waited too long");
  }
  // Another call has found out since what this one would.
  if (away_ && admitted <= away_noticed_) throw StoreUnavailable(away);
  --statistics_.refused;
  ++statistics_.running;
  statistics_.waited.observe(now - admitted);
  return now;
}

void Executor::count_end(SteadyTime::duration ran) {
  --statistics_.running;
  statistics_.ran.observe(ran);
}

ExecutorStatistics Executor::statistics() {
  const std::scoped_lock lock{mutex_};
  auto copy = statistics_;
  copy.waiting = waiting_;
  copy.away = away_;
  return copy;
}

void Executor::note_reachable(SteadyTime started, bool succeeded) {
  const auto now = clock_().steady;
  const std::scoped_lock lock{mutex_};
  away_ = false;
  count_end(now - started);
  ++(succeeded ? statistics_.succeeded : statistics_.failed);
}

// Failures that cost no time need no protection: every call may try, and the first one that can
// succeeds.
void Executor::note_unreachable(SteadyTime started) {
  const auto now = clock_().steady;
  const std::scoped_lock lock{mutex_};
  count_end(now - started);
  ++statistics_.failed;
  away_ = now - started > limits_.away_interval;
  if (!away_) return;
  away_noticed_ = now;
  next_try_ = now + limits_.away_interval;
}

}  // namespace b3::store
