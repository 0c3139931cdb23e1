#include "base/timer.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <string>
#include <vector>

using namespace b3;
namespace asio = boost::asio;

namespace {

struct World {
  VirtualTime time{SteadyTime{} + seconds{1'000}};
  std::vector<std::string> events;

  void run(std::initializer_list<Loop*> loops) {
    do {
      for (auto* loop : loops) {
        loop->restart();
        loop->poll();
      }
    } while (time.advance());
  }
  std::string at(std::string text) const {
    return text + "@" + std::to_string((time.now().time_since_epoch() / seconds{1}) - 1'000);
  }
};

asio::awaitable<void> sleeper(Loop& loop, World& world, std::string name, seconds pause) {
  Timer timer{loop};
  timer.expires_after(pause);
  co_await timer.wait();
  world.events.push_back(world.at(name));
}

struct SaysGoodbye {
  World& world;
  ~SaysGoodbye() { world.events.push_back("gone"); }
};

asio::awaitable<void> sleep_with(Loop& loop, World& world) {
  const SaysGoodbye goodbye{world};
  co_await sleeper(loop, world, "never", seconds{5});
}

}  // namespace

TEST_CASE("virtual timers expire in order, over several loops, without waiting") {
  World world;
  Loop one;
  Loop other;
  set_virtual_time(one, world.time);
  set_virtual_time(other, world.time);
  asio::co_spawn(one, sleeper(one, world, "late", seconds{3'600}), asio::detached);
  asio::co_spawn(other, sleeper(other, world, "early", seconds{1}), asio::detached);
  asio::co_spawn(one, sleeper(one, world, "second", seconds{1}), asio::detached);
  world.run({&one, &other});
  // At one time, whoever began to wait first is first.
  CHECK(world.events == std::vector<std::string>{"second@1", "early@1", "late@3600"});
}

TEST_CASE("cancelling ends a virtual wait at once") {
  World world;
  Loop loop;
  set_virtual_time(loop, world.time);
  Timer timer{loop};
  const auto wait = [&]() -> asio::awaitable<void> {
    timer.expires_after(seconds{60});
    co_await timer.wait();
    world.events.push_back(world.at("woken"));
  };
  asio::co_spawn(loop, wait(), asio::detached);
  loop.poll();
  timer.cancel();
  timer.cancel();
  world.run({&loop});
  CHECK(world.events == std::vector<std::string>{"woken@0"});
}

TEST_CASE("a wait ends with its timer and touches it no more") {
  for (const bool is_virtual : {true, false}) {
    CAPTURE(is_virtual);
    World world;
    Loop loop;
    if (is_virtual) set_virtual_time(loop, world.time);
    auto timer = std::make_unique<Timer>(loop);
    const auto wait = [&]() -> asio::awaitable<void> {
      timer->expires_after(seconds{60});
      co_await timer->wait();
      world.events.push_back("woken");
    };
    asio::co_spawn(loop, wait(), asio::detached);
    loop.poll();
    timer.reset();  // ASan tells whoever reads or writes it from here on
    world.run({&loop});
    CHECK(world.events == std::vector<std::string>{"woken"});
    CHECK_FALSE(world.time.next());
  }
}

TEST_CASE("a virtual timer is used again after it has expired") {
  World world;
  Loop loop;
  set_virtual_time(loop, world.time);
  const auto wait = [&]() -> asio::awaitable<void> {
    Timer timer{loop};
    for (const int seconds_more : {1, 2}) {
      timer.expires_after(seconds{seconds_more});
      co_await timer.wait();
      world.events.push_back(world.at("woken"));
    }
    timer.cancel();
  };
  asio::co_spawn(loop, wait(), asio::detached);
  world.run({&loop});
  CHECK(world.events == std::vector<std::string>{"woken@1", "woken@3"});
}

TEST_CASE("an abandoned loop destroys its sleepers while everything else still lives") {
  for (const bool is_virtual : {true, false}) {
    World world;
    Loop loop;
    if (is_virtual) set_virtual_time(loop, world.time);
    asio::co_spawn(loop, sleep_with(loop, world), asio::detached);
    loop.poll();
    loop.abandon();
    CHECK(world.events == std::vector<std::string>{"gone"});
    CHECK_FALSE(world.time.next());
  }
}

TEST_CASE("without virtual time a timer waits in real time") {
  World world;
  Loop loop;
  const auto before = read_clocks().steady;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        Timer timer{loop};
        timer.expires_after(milliseconds{5});
        co_await timer.wait();
      },
      asio::detached);
  loop.run();
  CHECK(read_clocks().steady - before >= milliseconds{5});
}
