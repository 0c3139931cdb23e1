// Runs blocking Store calls on worker threads, awaited from the event loop.
//
// Each worker owns one Store. SQLite gets one worker (one writer), PostgreSQL `workers`.
//
// A database that is slow or away must not collect calls that nobody waits for any more, so calls
// are refused with StoreUnavailable where too many wait, where one has waited too long, and, most
// of them, while the database is known to be away.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "store/curfew.h"
#include "store/executor_statistics.h"
#include "store/store.h"

namespace b3::store {

struct ExecutorLimits {
  // Calls that wait for a worker; more are refused.
  int most_waiting = 512;
  // A call that has waited longer is refused instead of run.
  milliseconds longest_wait{10'000};
  // When a call took longer than this to find the database Unreachable, calls are refused
  // without trying, but for one in each such interval, until a call gets through.
  milliseconds away_interval{1'000};
  // stop() waits this long for running calls before it cuts their connections (PostgreSQL by URL
  // only).
  milliseconds stop_grace{1'500};
  // Announce what was written (Store::notify_changes()), after the answer.
  bool announce = false;
};

// Where the blocking calls are made, and how their results come back. Used by Executor only.
class Workers {
 public:
  class Task {
   public:
    virtual ~Task() = default;
    virtual void work() = 0;  // makes the call, on the worker
    // Once, after work(): hands the result, and itself, to the event loop.
    virtual void answer(std::unique_ptr<Task> self) = 0;
  };
  virtual ~Workers() = default;
  // Not after stop(). The task is destroyed without an answer only where the event loop has been
  // abandoned.
  virtual void submit(std::unique_ptr<Task> task) = 0;
  // Works off what it was given.
  virtual void stop() = 0;
};
std::unique_ptr<Workers> make_thread_workers(int threads);

class Executor {
 public:
  using OpenStore = std::function<std::unique_ptr<Store>()>;

  // Opens nothing yet; connections are made on first use and after failures.
  Executor(const std::string& url, int workers, ExecutorLimits limits = {});
  Executor(OpenStore open, int workers, ExecutorLimits limits = {});
  Executor(OpenStore open, std::unique_ptr<Workers> workers, ExecutorLimits limits = {},
           std::function<Now()> clock = read_clocks);
  ~Executor() { stop(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs `call(Store&)` on a worker; the coroutine resumes on its own executor with the result
  // or the exception. `call` lives until then, and is destroyed there. The coroutine's executor
  // must not be destroyed before stop().
  template <class Call>
  boost::asio::awaitable<std::invoke_result_t<Call&, Store&>> run(Call call) {
    using Result = std::invoke_result_t<Call&, Store&>;
    const auto admitted = admit();
    auto initiate = [this, admitted, &call](auto handler) {
      using JobHere = Job<Call, decltype(handler)>;
      this->submit(std::make_unique<JobHere>(*this, admitted, std::move(call), std::move(handler)));
    };
    auto result =
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                             void(std::exception_ptr, std::optional<Kept<Call>>)>(
            std::move(initiate), boost::asio::use_awaitable);
    if constexpr (!std::is_void_v<Result>) co_return std::move(*result);
  }

  // For start-up and tests, where blocking is right. No limit applies.
  template <class Call>
  std::invoke_result_t<Call&, Store&> run_blocking(Call call) {
    Lease lease{*this};
    return call(*lease.store);
  }

  // Waits for running calls, see ExecutorLimits::stop_grace; what is cut ends with
  // StoreUnavailable, its outcome unknown. Those that wait for a worker, and all later ones, end
  // with StoreUnavailable.
  void stop();

  ExecutorStatistics statistics();

 private:
  // What is kept of a call's result.
  template <class Call, class Result = std::invoke_result_t<Call&, Store&>>
  using Kept = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;

  // A call on its way to a worker and back. The workers only use `call`, `failure` and `result`.
  template <class Call, class Handler>
  struct Job final : Workers::Task {
    Job(Executor& owner_, SteadyTime admitted_, Call call_, Handler handler_)
        : owner(owner_),
          admitted(admitted_),
          call(std::move(call_)),
          handler(std::move(handler_)),
          origin(boost::asio::prefer(boost::asio::get_associated_executor(handler),
                                     boost::asio::execution::outstanding_work.tracked)) {}

    void work() override {
      try {
        owner.serve(admitted, [this](Store& store) { make_call(store); });
      } catch (...) {
        failure = std::current_exception();
      }
    }

    void make_call(Store& store) {
      if constexpr (std::is_void_v<std::invoke_result_t<Call&, Store&>>) {
        call(store);
        result.emplace();
      } else {
        result.emplace(call(store));
      }
    }

    void answer(std::unique_ptr<Workers::Task> self) override {
      auto& executor = owner;
      boost::asio::post(origin,
                        [job = std::unique_ptr<Job>(static_cast<Job*>(self.release()))]() mutable {
                          complete(std::move(job));
                        });
      executor.announce();
    }

    // Resumes the coroutine, on its executor.
    static void complete(std::unique_ptr<Job> job) {
      auto handler = std::move(job->handler);
      auto failure = std::move(job->failure);
      auto result = std::move(job->result);
      job.reset();
      std::move(handler)(std::move(failure), std::move(result));
    }

    Executor& owner;
    const SteadyTime admitted;
    Call call;
    Handler handler;
    // Keeps the event loop running meanwhile.
    boost::asio::any_io_executor origin;
    std::exception_ptr failure;
    std::optional<Kept<Call>> result;
  };

  struct Lease {
    explicit Lease(Executor& owner, bool announces_ = false)
        : executor(owner), announces(announces_), store(owner.take()) {}
    ~Lease() { executor.give_back(std::move(store), announces); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Executor& executor;
    const bool announces;
    std::unique_ptr<Store> store;
  };

  void submit(std::unique_ptr<Workers::Task> task);
  std::unique_ptr<Store> take();
  void give_back(std::unique_ptr<Store> store, bool announces = false);

  // Whether a call may join those that wait: returns the time, or throws StoreUnavailable.
  SteadyTime admit();
  // On a worker: makes the call, unless it is too late for it.
  void serve(SteadyTime admitted, const std::function<void(Store&)>& call);
  // Throws StoreUnavailable when the call is not to be made; returns the time.
  SteadyTime start(SteadyTime admitted);
  // On a worker, when a call has been answered.
  void announce() noexcept;
  void note_reachable(SteadyTime started, bool succeeded);
  void note_unreachable(SteadyTime started);
  void count_end(SteadyTime::duration ran);  // with the lock held

  Executor(const std::string& url, int workers, ExecutorLimits limits,
           std::shared_ptr<Curfew> curfew);
  Executor(OpenStore open, std::unique_ptr<Workers> workers, ExecutorLimits limits,
           std::function<Now()> clock, std::shared_ptr<Curfew> curfew);

  const OpenStore open_;
  const ExecutorLimits limits_;
  const std::function<Now()> clock_;
  std::mutex mutex_;  // guards all up to curfew_
  std::vector<std::unique_ptr<Store>> idle_;
  std::vector<std::unique_ptr<Store>> to_announce_;  // used by a call that is being answered
  bool stopping_ = false;
  int waiting_ = 0;
  bool away_ = false;
  SteadyTime away_noticed_;  // when a call last found the database away
  SteadyTime next_try_;
  ExecutorStatistics statistics_;
  const std::shared_ptr<Curfew> curfew_;  // none where the stores are not made here
  const std::unique_ptr<Workers> workers_;
};

}  // namespace b3::store
