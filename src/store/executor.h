// Runs blocking Store calls on worker threads, awaited from the event loop.
//
// Each worker owns one Store. SQLite gets one worker (one writer), PostgreSQL `workers`.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/store.h"

namespace b3::store {

class Executor {
 public:
  // Opens nothing yet; connections are made on first use and after failures.
  Executor(std::string url, int workers)
      : url_(std::move(url)), pool_(is_sqlite_url(url_) ? 1 : std::size_t(workers)) {}
  ~Executor() { stop(); }

  // Runs `call(Store&)` on a worker; the coroutine resumes on its own executor with the result
  // or the exception. `call` is kept alive until it has run.
  template <class Call>
  boost::asio::awaitable<std::invoke_result_t<Call, Store&>> run(Call call) {
    co_return co_await boost::asio::co_spawn(
        pool_,
        [this, call = std::move(
                   call)]() mutable -> boost::asio::awaitable<std::invoke_result_t<Call, Store&>> {
          Lease lease{*this};
          co_return call(*lease.store);
        },
        boost::asio::use_awaitable);
  }

  // For start-up and tests, where blocking is right.
  template <class Call>
  std::invoke_result_t<Call, Store&> run_blocking(Call call) {
    Lease lease{*this};
    return call(*lease.store);
  }

  // Waits for running calls; later calls never run.
  void stop() {
    pool_.stop();
    pool_.join();
  }

 private:
  struct Lease {
    explicit Lease(Executor& owner) : executor(owner), store(owner.take()) {}
    ~Lease() { executor.give_back(std::move(store)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Executor& executor;
    std::unique_ptr<Store> store;
  };

  std::unique_ptr<Store> take() {
    {
      std::scoped_lock lock{mutex_};
      if (!idle_.empty()) {
        auto store = std::move(idle_.back());
        idle_.pop_back();
        return store;
      }
    }
    return open_store(url_);
  }
  void give_back(std::unique_ptr<Store> store) {
    std::scoped_lock lock{mutex_};
    idle_.push_back(std::move(store));
  }

  std::string url_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Store>> idle_;
  boost::asio::thread_pool pool_;
};

}  // namespace b3::store
