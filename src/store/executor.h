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
#include <boost/asio/thread_pool.hpp>
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
};

class Executor {
 public:
  using OpenStore = std::function<std::unique_ptr<Store>()>;

  // Opens nothing yet; connections are made on first use and after failures.
  Executor(const std::string& url, int workers, ExecutorLimits limits = {});
  Executor(OpenStore open, int workers, ExecutorLimits limits = {});
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
      this->submit(admitted, std::make_unique<JobHere>(std::move(call), std::move(handler)));
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

  // Waits for running calls. Those that wait for a worker, and all later ones, end with
  // StoreUnavailable.
  void stop();

 private:
  // What is kept of a call's result.
  template <class Call, class Result = std::invoke_result_t<Call&, Store&>>
  using Kept = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;

  // A call on its way to a worker and back. The workers only use `call`, `failure` and `result`.
  template <class Call, class Handler>
  struct Job {
    Job(Call call_, Handler handler_)
        : call(std::move(call_)),
          handler(std::move(handler_)),
          origin(boost::asio::prefer(boost::asio::get_associated_executor(handler),
                                     boost::asio::execution::outstanding_work.tracked)) {}

    void run(Store& store) {
      if constexpr (std::is_void_v<std::invoke_result_t<Call&, Store&>>) {
        call(store);
        result.emplace();
      } else {
        result.emplace(call(store));
      }
    }

    // Resumes the coroutine, on its executor.
    static void complete(std::unique_ptr<Job> job) {
      auto handler = std::move(job->handler);
      auto failure = std::move(job->failure);
      auto result = std::move(job->result);
      job.reset();
      std::move(handler)(std::move(failure), std::move(result));
    }

    Call call;
    Handler handler;
    // Keeps the event loop running meanwhile.
    boost::asio::any_io_executor origin;
    std::exception_ptr failure;
    std::optional<Kept<Call>> result;
  };

  template <class Job>
  void submit(SteadyTime admitted, std::unique_ptr<Job> job) {
    auto work = [this, admitted, job = std::move(job)]() mutable {
      try {
        serve(admitted, [&job](Store& store) { job->run(store); });
      } catch (...) {
        job->failure = std::current_exception();
      }
      const auto origin = job->origin;
      boost::asio::post(origin,
                        [job_ = std::move(job)]() mutable { Job::complete(std::move(job_)); });
    };
    {
      const std::scoped_lock lock{mutex_};
      ++waiting_;
      if (!stopping_) {
        boost::asio::post(pool_, std::move(work));
        return;
      }
    }
    work();  // the pool may have ended; the call is refused
  }

  struct Lease {
    explicit Lease(Executor& owner) : executor(owner), store(owner.take()) {}
    ~Lease() { executor.give_back(std::move(store)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Executor& executor;
    std::unique_ptr<Store> store;
  };

  std::unique_ptr<Store> take();
  void give_back(std::unique_ptr<Store> store);

  // Whether a call may join those that wait: returns the time, or throws StoreUnavailable.
  SteadyTime admit();
  // On a worker: makes the call, unless it is too late for it.
  void serve(SteadyTime admitted, const std::function<void(Store&)>& call);
  // Throws StoreUnavailable when the call is not to be made; returns the time.
  SteadyTime start(SteadyTime admitted);
  void note_reachable();
  void note_unreachable(SteadyTime started);

  const OpenStore open_;
  const ExecutorLimits limits_;
  std::mutex mutex_;  // guards all up to pool_
  std::vector<std::unique_ptr<Store>> idle_;
  bool stopping_ = false;
  int waiting_ = 0;
  bool away_ = false;
  SteadyTime away_noticed_;  // when a call last found the database away
  SteadyTime next_try_;
  boost::asio::thread_pool pool_;
};

}  // namespace b3::store
