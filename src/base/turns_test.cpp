#include "base/turns.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string>
#include <vector>

namespace b3 {
namespace {

namespace asio = boost::asio;

struct Rig {
  Loop loop;
  Turns turns{2};
  std::vector<std::string> order;
  std::vector<std::optional<Turns::Turn>> held{6};

  void ask(std::size_t who) {
    const auto take = [](Rig& rig, std::size_t index) -> asio::awaitable<void> {
      auto turn = co_await rig.turns.take();
      rig.order.push_back(std::to_string(index));
      rig.held[index].emplace(std::move(turn));
    };
    asio::co_spawn(loop, take(*this, who), asio::detached);
    run();
  }
  void end(std::size_t who) {
    held[who].reset();
    run();
  }
  void run() {
    loop.restart();
    loop.poll();
  }
  using Order = std::vector<std::string>;
};

TEST_CASE_FIXTURE(Rig, "no more than so many have a turn, and the others in the order of asking") {
  for (std::size_t who = 0; who < 5; ++who) ask(who);
  CHECK(order == Order{"0", "1"});
  end(1);
  CHECK(order == Order{"0", "1", "2"});
  end(0);
  end(2);
  CHECK(order == Order{"0", "1", "2", "3", "4"});
}

TEST_CASE_FIXTURE(Rig, "a turn given back while nobody waits is there for the next") {
  ask(0);
  ask(1);
  end(0);
  end(1);
  for (std::size_t who = 2; who < 5; ++who) ask(who);
  CHECK(order == Order{"0", "1", "2", "3"});
  loop.abandon();
}

TEST_CASE_FIXTURE(Rig, "a coroutine that ends while it waits takes no turn with it") {
  ask(0);
  ask(1);
  {
    Loop other;
    const auto take = [](Rig& rig) -> asio::awaitable<void> { co_await rig.turns.take(); };
    asio::co_spawn(other, take(*this), asio::detached);
    other.poll();
    SUBCASE("nobody's turn") {
      other.abandon();
    }
    SUBCASE("its turn has come, and it does not know yet") {
      held[0].reset();
      other.abandon();
    }
  }
  end(0);
  end(1);
  ask(2);
  ask(3);
  CHECK(order == Order{"0", "1", "2", "3"});
}

}  // namespace
}  // namespace b3
