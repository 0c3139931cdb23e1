#include "http/look_ups.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <vector>

using namespace b3::http;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

// A system whose dead names take until they are released. Shared with threads that may outlive the
// test.
struct System {
  error_code ask(const std::string& host, Resolver::Addresses& found) {
    std::unique_lock lock(mutex);
    ++running[host];
    ++asked;
    most = std::max(most, ++under_way);
    if (host.starts_with("dead")) {
      most_dead = std::max(most_dead, ++dead);
      changed.notify_all();
      changed.wait(lock, [this] { return released; });
      --dead;
    }
    --under_way;
    changed.notify_all();
    if (host.starts_with("dead")) return asio::error::host_not_found_try_again;
    found.push_back(asio::ip::make_address("192.0.2.1"));
    return {};
  }
  void release(bool whether = true) {
    const std::lock_guard lock(mutex);
    released = whether;
    changed.notify_all();
  }
  template <typename Condition>
  bool wait_for(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 5s, condition);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> running;
  bool released = false;
  int asked = 0;
  int under_way = 0;
  int most = 0;
  int dead = 0;
  int most_dead = 0;
};

struct Bench {
  Bench() {
    asio::make_service<LookUps>(
        *loop, [system = system](const std::string& host, Resolver::Addresses& found) {
          return system->ask(host, found);
        });
  }
  ~Bench() { system->release(); }

  void ask(const std::string& host) {
    asio::use_service<LookUps>(*loop).start(
        host, [this, host](const error_code& error, const Resolver::Addresses& found) {
          CHECK(error.failed() == found.empty());
          (error ? failed : good).push_back(host);
        });
  }
  bool run_until(const std::function<bool()>& condition) {
    const auto deadline = Clock::now() + 5s;
    while (!condition() && Clock::now() < deadline) {
      const auto guard = asio::make_work_guard(*loop);
      loop->restart();
      loop->run_one_for(20ms);
    }
    return condition();
  }

  std::shared_ptr<System> system = std::make_shared<System>();
  std::unique_ptr<asio::io_context> loop = std::make_unique<asio::io_context>(1);
  std::vector<std::string> good;
  std::vector<std::string> failed;
};

}  // namespace

TEST_CASE("names that do not resolve do not delay healthy ones") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.ask("dead-" + std::to_string(i));
  REQUIRE(bench.system->wait_for([&] { return bench.system->dead == 5; }));
  for (int i = 0; i < 20; ++i) bench.ask("node-" + std::to_string(i));
  CHECK(bench.run_until([&] { return bench.good.size() == 20; }));
  CHECK(bench.failed.empty());
  bench.system->release();
  CHECK(bench.run_until([&] { return bench.failed.size() == 5; }));
}

TEST_CASE("the number of look-ups at a time is bounded, and all have their turn") {
  Bench bench;
  for (int i = 0; i < 40; ++i) bench.ask("dead-" + std::to_string(i));
  REQUIRE(bench.system->wait_for([&] { return bench.system->dead == int(LookUps::max_threads); }));
  bench.ask("node");
  bench.system->release();
  CHECK(bench.run_until([&] { return bench.failed.size() == 40 && bench.good.size() == 1; }));
  CHECK(bench.system->most == int(LookUps::max_threads));
}

TEST_CASE("names that were dead before share few threads") {
  Bench bench;
  constexpr int names = 20;
  bench.system->release();
  for (int i = 0; i < names; ++i) bench.ask("dead-" + std::to_string(i));
  REQUIRE(bench.run_until([&] { return bench.failed.size() == names; }));
  bench.system->release(false);
  bench.system->most_dead = 0;
  for (int i = 0; i < names; ++i) bench.ask("dead-" + std::to_string(i));
  for (int i = 0; i < 50; ++i) bench.ask("node-" + std::to_string(i));
  CHECK(bench.run_until([&] { return bench.good.size() == 50; }));
  CHECK(bench.system->wait_for([&] { return bench.system->dead == int(LookUps::max_doubtful); }));
  bench.system->release();
  CHECK(bench.run_until([&] { return bench.failed.size() == 2 * names; }));
  CHECK(bench.system->most_dead == int(LookUps::max_doubtful));
}

TEST_CASE("the end of the loop does not wait for a dead name") {
  Bench bench;
  bench.ask("dead");
  REQUIRE(bench.system->wait_for([&] { return bench.system->dead == 1; }));
  bench.loop.reset();
  bench.system->release();
  CHECK(bench.system->wait_for([&] { return bench.system->under_way == 0; }));
  CHECK(bench.failed.empty());
}

TEST_CASE("the system's own look-ups") {
  asio::io_context loop{1};
  auto& look_ups = asio::use_service<LookUps>(loop);
  int done = 0;
  const auto guard = asio::make_work_guard(loop);
  look_ups.start("localhost", [&](const error_code& error, const Resolver::Addresses& found) {
    ++done;
    CHECK_FALSE(error);
    REQUIRE_FALSE(found.empty());
    for (const auto& each : found) CHECK(each.is_loopback());
  });
  look_ups.start("not a name", [&](const error_code& error, const Resolver::Addresses& found) {
    ++done;
    CHECK(error);
    CHECK(found.empty());
  });
  const auto deadline = Clock::now() + 30s;
  while (done < 2 && Clock::now() < deadline) loop.run_one_for(100ms);
  CHECK(done == 2);
}
