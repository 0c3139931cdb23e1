#include "store/executor.h"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

namespace asio = boost::asio;

// Runs the coroutine to its end; its exception comes out.
void run_to_end(asio::awaitable<void> work) {
  asio::io_context loop;
  std::exception_ptr failure;
  bool ended = false;
  asio::co_spawn(loop, std::move(work), [&](std::exception_ptr thrown) {
    failure = thrown;
    ended = true;
  });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  CHECK(ended);
}

B3_DATABASE_TEST("an executor runs calls off the loop and brings their results back") {
  if (!Database::available()) return;
  const Database database;
  Executor executor{database.url(), 4};
  executor.run_blocking([](Store& store) { return store.migrate(start_time); });
  const auto loop_thread = std::this_thread::get_id();
  run_to_end([](Executor& executor_, std::thread::id loop) -> asio::awaitable<void> {
    std::thread::id worker;
    const auto inserted = co_await executor_.run([&worker](Store& store) {
      worker = std::this_thread::get_id();
      return store.insert_frontend(make_frontend("moodle"));
    });
    CHECK(inserted);
    CHECK(worker != loop);
    CHECK(std::this_thread::get_id() == loop);
    const auto listed = co_await executor_.run([](Store& store) { return store.list_frontends(); });
    CHECK(listed.size() == 1);
  }(executor, loop_thread));
}

TEST_CASE("an executor passes exceptions on and recovers") {
  const SqliteDatabase database;
  Executor executor{database.url(), 1};
  run_to_end([](Executor& executor_) -> asio::awaitable<void> {
    bool thrown = false;
    try {  // not migrated
      co_await executor_.run([](Store& store) { return store.list_frontends(); });
    } catch (const StoreCorrupt&) {
      thrown = true;
    }
    CHECK(thrown);
    co_await executor_.run([](Store& store) { return store.migrate(start_time); });
    const auto listed = co_await executor_.run([](Store& store) { return store.list_frontends(); });
    CHECK(listed.empty());
  }(executor));
}

B3_DATABASE_TEST("an executor serves many coroutines at once") {
  if (!Database::available()) return;
  const Database database;
  Executor executor{database.url(), 4};
  executor.run_blocking([](Store& store) { return store.migrate(start_time); });
  const auto cluster = executor.run_blocking([](Store& store) { return insert_cluster(store); });
  asio::io_context loop;
  int won = 0;
  const auto reserve = [&](int number) -> asio::awaitable<void> {
    const auto id = "m" + std::to_string(number % 25);
    const auto outcome =
        co_await executor.run([meeting = make_meeting(cluster.frontend, cluster.backend_a, id)](
                                  Store& store) { return store.reserve(meeting); });
    if (outcome && outcome->won) ++won;  // on the loop's one thread
  };
  for (int number = 0; number < 100; ++number) {
    asio::co_spawn(loop, reserve(number), asio::detached);
  }
  loop.run();
  CHECK(won == 25);
}

}  // namespace
}  // namespace b3::store::testing
