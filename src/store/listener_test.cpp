#include "store/listener.h"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "store/executor.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

// True as soon as the condition holds, false after 10 s.
bool wait_until(const std::function<bool()>& holds) {
  const auto deadline = read_clocks().steady + seconds{10};
  while (!holds()) {
    if (read_clocks().steady > deadline) return false;
    std::this_thread::sleep_for(milliseconds{2});
  }
  return true;
}

TEST_CASE("a listener hears of writes that another connection announces, not of others") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  std::atomic<int> heard = 0;
  Listener listener{database.url(), [&] { ++heard; }};
  REQUIRE(wait_until([&] { return heard == 1; }));  // connected
  store->insert_frontend(make_frontend("moodle")).value();
  store->notify_changes();
  CHECK(wait_until([&] { return heard == 2; }));
  const int before = heard;
  store->notify_changes();  // nothing was written
  store->list_frontends();
  store->notify_changes();
  store->beat("a", "host", at(1));  // the change feed does not show it
  store->notify_changes();
  store->insert_frontend(make_frontend("last")).value();
  store->notify_changes();
  CHECK(wait_until([&] { return heard > before; }));
  CHECK(heard == before + 1);
}

TEST_CASE("a listener connects again, and tells that something may have been missed") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  std::atomic<int> heard = 0;
  Listener listener{database.url(), [&] {
                      ++heard;
                      throw std::runtime_error("what is thrown stays inside");
                    }};
  REQUIRE(wait_until([&] { return heard == 1; }));
  database.terminate_sessions();
  CHECK(wait_until([&] { return heard == 2; }));
  store->insert_frontend(make_frontend("moodle")).value();
  store->notify_changes();
  CHECK(wait_until([&] { return heard >= 3; }));
}

TEST_CASE("a listener whose server is away stops promptly") {
  const auto started = read_clocks().steady;
  Listener listener{"host=127.0.0.1 port=1 user=nobody dbname=none", [] {}};
  listener.stop();
  listener.stop();
  CHECK(read_clocks().steady - started < seconds{2});
  CHECK_THROWS_AS((Listener{"sqlite:x.db", [] {}}), StoreCorrupt);
}

TEST_CASE("an executor announces writes after their answer") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  Executor executor{database.url(), 3, {.announce = true}};
  executor.run_blocking([](Store& store) { return store.migrate(start_time); });
  std::atomic<int> heard = 0;
  Listener listener{database.url(), [&] { ++heard; }};
  REQUIRE(wait_until([&] { return heard == 1; }));
  boost::asio::io_context loop;
  boost::asio::co_spawn(
      loop,
      [](Executor& store_) -> boost::asio::awaitable<void> {
        co_await store_.run([](Store& store) { return store.insert_backend(make_backend("a")); });
      }(executor),
      boost::asio::detached);
  loop.run();
  CHECK(wait_until([&] { return heard >= 2; }));
}

}  // namespace
}  // namespace b3::store::testing
