#include "store/executor.h"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "store/postgres_connection.h"
#include "store/sql_store.h"
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

// A store that nothing is asked of.
const std::string unused = "sqlite:never-opened.db";

TEST_CASE("results may be nothing, movable only, and without a default") {
  struct NoDefault {
    explicit NoDefault(int number_) : number(number_) {}
    int number;
  };
  Executor executor{unused, 1};
  bool called = false;
  run_to_end([](Executor& executor_, bool& called_) -> asio::awaitable<void> {
    co_await executor_.run([&called_](Store&) { called_ = true; });
    CHECK(called_);
    const auto made = co_await executor_.run([](Store&) { return NoDefault{7}; });
    CHECK(made.number == 7);
    auto moved = co_await executor_.run(
        [owned = std::make_unique<int>(8)](Store&) mutable { return std::move(owned); });
    REQUIRE(moved);
    CHECK(*moved == 8);
    try {
      co_await executor_.run([](Store&) -> NoDefault { throw StoreCorrupt("no"); });
      FAIL("not thrown");
    } catch (const StoreCorrupt& thrown) {
      CHECK(std::string(thrown.what()) == "no");
    }
  }(executor, called));
}

TEST_CASE("a call is destroyed where its coroutine runs") {
  struct Watch {
    explicit Watch(std::thread::id& seen_) : seen(&seen_) {}
    Watch(Watch&& other) noexcept : seen(std::exchange(other.seen, nullptr)) {}
    ~Watch() {
      if (seen) *seen = std::this_thread::get_id();
    }
    std::thread::id* seen;
  };
  Executor executor{unused, 1};
  std::thread::id destroyed;
  run_to_end([](Executor& executor_, std::thread::id& destroyed_) -> asio::awaitable<void> {
    co_await executor_.run([watch = Watch{destroyed_}](Store&) {});
  }(executor, destroyed));
  CHECK(destroyed == std::this_thread::get_id());
}

// Calls to an executor from one event loop, and how they ended.
class Caller {
 public:
  explicit Caller(Executor& executor) : executor_(executor) {}

  // The coroutine runs up to where it waits.
  template <class Call>
  void start(Call call) {
    asio::co_spawn(loop_, make(std::move(call)), asio::detached);
    loop_.restart();
    loop_.poll();
  }
  void finish() {
    loop_.restart();
    loop_.run();
  }

  int done = 0;
  std::vector<std::string> refusals;

 private:
  template <class Call>
  asio::awaitable<void> make(Call call) {
    try {
      co_await executor_.run(std::move(call));
      ++done;
    } catch (const StoreUnavailable& refused) {
      refusals.emplace_back(refused.what());
    }
  }

  Executor& executor_;
  asio::io_context loop_;
};

// Occupies a worker until let go.
class Blocker {
 public:
  explicit Blocker(Caller& caller) {
    caller.start([this](Store&) {
      started_.count_down();
      let_go_.wait();
    });
    started_.wait();
  }
  void let_go() { let_go_.count_down(); }

 private:
  std::latch started_{1};
  std::latch let_go_{1};
};

const auto nothing = [](Store&) {};

TEST_CASE("stopping ends every call, waiting ones without making them") {
  Executor executor{unused, 1};
  Caller caller{executor};
  Blocker blocker{caller};
  bool called = false;
  for (int number = 0; number < 10; ++number) {
    caller.start([&called, text = std::string(100, 'x')](Store&) { called = !text.empty(); });
  }
  std::jthread later{[&] {
    std::this_thread::sleep_for(milliseconds{50});
    blocker.let_go();
  }};
  executor.stop();
  caller.start(nothing);
  caller.finish();
  CHECK(caller.done == 1);
  CHECK(caller.refusals == std::vector<std::string>(11, "stopping"));
  CHECK_FALSE(called);
  executor.stop();
}

TEST_CASE("stopping while another thread calls ends every call") {
  for (int round = 0; round < 20; ++round) {
    Executor executor{unused, 3};
    Caller caller{executor};
    std::jthread stopper{[&] { executor.stop(); }};
    for (int number = 0; number < 30; ++number) caller.start(nothing);
    caller.finish();
    CHECK(caller.done + int(caller.refusals.size()) == 30);
  }
}

TEST_CASE("a loop that goes with calls unfinished takes their coroutines with it") {
  Executor executor{unused, 1};
  auto held = std::make_shared<int>(1);
  {
    Caller caller{executor};
    for (int number = 0; number < 3; ++number) caller.start([held](Store&) {});
    executor.stop();
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("a call is refused at once when too many wait") {
  Executor executor{unused, 1, {.most_waiting = 3}};
  Caller caller{executor};
  Blocker blocker{caller};
  for (int number = 0; number < 5; ++number) caller.start(nothing);
  CHECK(caller.refusals ==
        std::vector<std::string>(2, "the database is too slow: too many calls are waiting"));
  blocker.let_go();
  caller.finish();
  CHECK(caller.done == 4);
  caller.start(nothing);
  caller.finish();
  CHECK(caller.done == 5);
  CHECK(caller.refusals.size() == 2);
}

TEST_CASE("a call that has waited too long is not made") {
  Executor executor{unused, 1, {.longest_wait = milliseconds{20}}};
  Caller caller{executor};
  Blocker blocker{caller};
  bool called = false;
  caller.start([&called](Store&) { called = true; });
  std::this_thread::sleep_for(milliseconds{60});
  blocker.let_go();
  caller.finish();
  CHECK_FALSE(called);
  CHECK(caller.refusals ==
        std::vector<std::string>{"the database is too slow: the call has waited too long"});
}

// A database that can be away, and takes its time to say so.
struct FlakyDatabase {
  Executor::OpenStore opener() {
    return [this] {
      return make_sql_store([this]() -> std::unique_ptr<Connection> {
        ++tries;
        std::this_thread::sleep_for(delay);
        if (away) throw Unreachable("connection timed out");
        return real.connect();
      });
    };
  }
  milliseconds delay;
  std::atomic<int> tries = 0;
  std::atomic<bool> away = true;
  SqliteDatabase real{};
};

const auto ping = [](Store& store) { store.ping(); };

TEST_CASE("while a database is away, one call in each interval tries") {
  FlakyDatabase database{.delay = milliseconds{200}};
  Executor executor{database.opener(), 1, {.away_interval = milliseconds{100}}};
  Caller caller{executor};
  for (int number = 0; number < 20; ++number) caller.start(ping);
  caller.finish();
  CHECK(database.tries == 1);  // what waited behind it did not try again
  REQUIRE(caller.refusals.size() == 20);
  CHECK(caller.refusals.front() == "connection timed out");
  CHECK(caller.refusals.back() == "the database is away");

  std::this_thread::sleep_for(milliseconds{120});
  for (int number = 0; number < 5; ++number) caller.start(ping);
  caller.finish();
  CHECK(database.tries == 2);
  CHECK(caller.refusals.size() == 25);

  database.away = false;
  std::this_thread::sleep_for(milliseconds{120});
  caller.start(ping);
  caller.finish();
  for (int number = 0; number < 5; ++number) caller.start(ping);
  caller.finish();
  CHECK(caller.done == 6);
  CHECK(caller.refusals.size() == 25);
}

TEST_CASE("a database that is away and says so quickly is asked each time") {
  FlakyDatabase database{.delay = milliseconds{0}};
  Executor executor{database.opener(), 2};
  Caller caller{executor};
  for (int number = 0; number < 20; ++number) caller.start(ping);
  caller.finish();
  CHECK(database.tries == 20);
  CHECK(caller.refusals == std::vector<std::string>(20, "connection timed out"));
  database.away = false;
  caller.start(ping);
  caller.finish();
  CHECK(caller.done == 1);
}

}  // namespace
}  // namespace b3::store::testing
