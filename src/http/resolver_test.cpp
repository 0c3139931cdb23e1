#include "http/resolver.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "http/client.h"

using namespace b3;
using namespace b3::http;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

const error_code no_such_host = asio::error::host_not_found;

asio::ip::address address(const char* text) {
  return asio::ip::make_address(text);
}

struct Answer {
  error_code error;
  Resolver::Endpoints endpoints;
  Clock::duration took{};
  std::string first() const {
    return endpoints.empty() ? error.message() : endpoints[0].address().to_string();
  }
};

// Name servers that answer when they are told to.
struct Bench {
  explicit Bench(ResolverLimits limits = {}) {
    resolver.emplace(loop, limits, [this](const std::string& host, Resolver::Done done) {
      asked.push_back(host);
      if (at_once) return done({}, {address("192.0.2.99")});
      running.push_back(std::move(done));
    });
  }

  // Starts a call; the answer comes when the loop runs.
  std::shared_ptr<std::optional<Answer>> ask(std::string host,
                                             std::chrono::milliseconds time = 5s) {
    auto answer = std::make_shared<std::optional<Answer>>();
    asio::co_spawn(
        loop,
        [](Resolver& the_resolver, std::string the_host, std::chrono::milliseconds the_time,
           std::shared_ptr<std::optional<Answer>> result) -> asio::awaitable<void> {
          Answer got;
          const auto begin = Clock::now();
          got.endpoints = co_await the_resolver.resolve(the_host, 443, begin + the_time, got.error);
          got.took = Clock::now() - begin;
          *result = std::move(got);
        }(*resolver, std::move(host), time, answer),
        asio::detached);
    run();
    return answer;
  }
  Answer answer(std::string host, std::chrono::milliseconds time = 5s) {
    const auto result = ask(std::move(host), time);
    wait(*result);
    return std::move(**result);
  }
  void wait(const std::optional<Answer>& result) {
    while (!result) {
      loop.restart();
      REQUIRE(loop.run_one() == 1);
    }
  }
  void run() {  // what is ready
    loop.restart();
    loop.poll();
  }
  // The name servers' answer to the oldest lookup.
  void reply(const error_code& error, Resolver::Addresses found = {}) {
    REQUIRE_FALSE(running.empty());
    const Resolver::Done done = std::move(running.front());
    running.erase(running.begin());
    done(error, std::move(found));
    run();
  }
  void learn(const std::string& host, const char* text) {
    const auto result = ask(host);
    reply({}, {address(text)});
    REQUIRE(*result);
    REQUIRE((*result)->first() == text);
  }

  asio::io_context loop{1};
  std::vector<std::string> asked;
  std::vector<Resolver::Done> running;
  bool at_once = false;
  std::optional<Resolver> resolver;
};

}  // namespace

TEST_CASE("addresses are not looked up") {
  Bench bench;
  CHECK(bench.answer("192.0.2.1").first() == "192.0.2.1");
  CHECK(bench.answer("::1").first() == "::1");
  CHECK(bench.asked.empty());
}

TEST_CASE("a name is looked up once, for all who wait") {
  Bench bench;
  const auto first = bench.ask("node");
  const auto second = bench.ask("node");
  const auto other = bench.ask("other");
  CHECK(bench.asked == std::vector<std::string>{"node", "other"});
  bench.reply({}, {address("192.0.2.1"), address("2001:db8::1")});
  REQUIRE(*first);
  REQUIRE(*second);
  CHECK_FALSE(*other);
  CHECK_FALSE((*first)->error);
  CHECK((*first)->endpoints ==
        Resolver::Endpoints{{address("192.0.2.1"), 443}, {address("2001:db8::1"), 443}});
  CHECK((*second)->endpoints == (*first)->endpoints);
  CHECK(bench.answer("node").first() == "192.0.2.1");  // fresh
  CHECK(bench.asked.size() == 2);
  bench.reply(no_such_host);
  CHECK((*other)->error == no_such_host);
  CHECK((*other)->endpoints.empty());
}

TEST_CASE("a lookup that answers at once") {
  Bench bench;
  bench.at_once = true;
  CHECK(bench.answer("node").first() == "192.0.2.99");
}

TEST_CASE("who waits no longer does not end the lookup") {
  Bench bench;
  const auto patient = bench.ask("node");
  const Answer late = bench.answer("node", 30ms);
  CHECK(late.error == asio::error::timed_out);
  CHECK(late.endpoints.empty());
  CHECK(late.took >= 30ms);
  CHECK(bench.answer("node", -1ms).error == asio::error::timed_out);
  CHECK(bench.asked.size() == 1);
  CHECK_FALSE(*patient);
  bench.reply({}, {address("192.0.2.1")});
  REQUIRE(*patient);
  CHECK((*patient)->first() == "192.0.2.1");
  CHECK(bench.answer("node").first() == "192.0.2.1");
}

TEST_CASE("after a failure a name is left alone for a while") {
  SUBCASE("the error is remembered") {
    Bench bench;
    const auto first = bench.ask("dead");
    bench.reply(no_such_host);
    CHECK((*first)->error == no_such_host);
    CHECK(bench.answer("dead").error == no_such_host);
    CHECK(bench.answer("dead").endpoints.empty());
    CHECK(bench.asked.size() == 1);
  }
  SUBCASE("an answer without addresses is one") {
    Bench bench;
    const auto first = bench.ask("dead");
    bench.reply({});
    CHECK((*first)->error == no_such_host);
  }
  SUBCASE("then it is looked up again") {
    Bench bench({.retry_time = 0ms});
    const auto first = bench.ask("node");
    bench.reply(no_such_host);
    CHECK(bench.answer("node", 20ms).error == asio::error::timed_out);
    CHECK(bench.asked.size() == 2);
    bench.reply({}, {address("192.0.2.1")});
    CHECK(bench.answer("node").first() == "192.0.2.1");
  }
}

TEST_CASE("name servers that did not answer are asked again sooner than those that said no") {
  Bench bench({.retry_time = 1h, .no_answer_time = 0ms});
  const auto silent = bench.ask("node");
  bench.reply(asio::error::host_not_found_try_again);
  CHECK((*silent)->error == asio::error::host_not_found_try_again);
  const auto again = bench.ask("node");
  CHECK_FALSE(*again);
  CHECK(bench.asked.size() == 2);
  bench.reply(no_such_host);
  CHECK((*again)->error == no_such_host);
  CHECK(bench.answer("node").error == no_such_host);
  CHECK(bench.asked.size() == 2);
}

TEST_CASE("what was found stays in use") {
  SUBCASE("a good refresh is waited for") {
    Bench bench({.fresh_time = 0ms, .patience = 5s});
    bench.learn("node", "192.0.2.1");
    const auto result = bench.ask("node");
    CHECK_FALSE(*result);
    bench.reply({}, {address("192.0.2.2")});
    CHECK((*result)->first() == "192.0.2.2");
  }
  SUBCASE("while the refresh fails, which is not repeated at once") {
    Bench bench({.fresh_time = 0ms, .patience = 5s});
    bench.learn("node", "192.0.2.1");
    const auto result = bench.ask("node");
    bench.reply(no_such_host);
    REQUIRE(*result);
    CHECK_FALSE((*result)->error);
    CHECK((*result)->first() == "192.0.2.1");
    CHECK(bench.answer("node").first() == "192.0.2.1");
    CHECK(bench.asked.size() == 2);
  }
  SUBCASE("while the refresh is late") {
    Bench bench({.fresh_time = 0ms, .patience = 40ms});
    bench.learn("node", "192.0.2.1");
    const Answer slow = bench.answer("node");
    CHECK(slow.first() == "192.0.2.1");
    CHECK(slow.took >= 40ms);
    // The refresh has had its time: nobody else waits for it.
    for (int i = 0; i < 3; ++i) CHECK(*bench.ask("node"));
    CHECK(bench.asked.size() == 2);
    bench.reply({}, {address("192.0.2.2")});
    CHECK((*bench.ask("node", -1ms))->first() == "192.0.2.2");
  }
  SUBCASE("when there is little time, half of it is left") {
    Bench bench({.fresh_time = 0ms, .patience = 5s});
    bench.learn("node", "192.0.2.1");
    const Answer hurried = bench.answer("node", 1s);
    CHECK(hurried.first() == "192.0.2.1");
    CHECK(hurried.took >= 500ms);
    CHECK(hurried.took < 1s);
  }
}

TEST_CASE("a dead name does not hold up the others") {
  // One lookup at a time, as the system does it; a dead name keeps it busy.
  asio::io_context loop{1};
  std::vector<std::pair<std::string, Resolver::Done>> queue;
  std::size_t lookups_of_dead = 0;
  Resolver resolver(loop, {.fresh_time = 0ms, .patience = 1ms},
                    [&](const std::string& host, Resolver::Done done) {
                      lookups_of_dead += host == "dead" ? 1U : 0U;
                      queue.emplace_back(host, std::move(done));
                    });
  std::string good;
  const auto ask = [&](std::string host, std::string* found) -> asio::awaitable<void> {
    error_code error;
    const auto endpoints = co_await resolver.resolve(host, 80, Clock::now() + 50ms, error);
    if (found) *found = error ? error.message() : endpoints[0].address().to_string();
  };
  asio::co_spawn(loop, ask("good", &good), asio::detached);
  loop.poll();
  queue[0].second({}, {address("192.0.2.1")});
  loop.run();
  CHECK(good == "192.0.2.1");
  for (int polls = 0; polls < 5; ++polls) {
    good.clear();
    asio::co_spawn(loop, ask("dead", nullptr), asio::detached);
    asio::co_spawn(loop, ask("good", &good), asio::detached);
    loop.restart();
    loop.run();
    CHECK(good == "192.0.2.1");
  }
  CHECK(lookups_of_dead == 1);
  CHECK(queue.size() == 3);
}

TEST_CASE("the number of remembered names is bounded") {
  Bench bench({.names = 2});
  bench.learn("one", "192.0.2.1");
  bench.learn("two", "192.0.2.2");
  CHECK(bench.answer("one").first() == "192.0.2.1");
  bench.learn("three", "192.0.2.3");  // in the place of "two", not used for the longest time
  CHECK(bench.asked.size() == 3);
  CHECK(bench.answer("one").first() == "192.0.2.1");
  CHECK(bench.asked.size() == 3);

  const auto two = bench.ask("two");  // in the place of "three"
  bench.reply(no_such_host);
  const auto four = bench.ask("four");  // in the place of "two", which has no address
  CHECK(bench.answer("one").first() == "192.0.2.1");
  CHECK(bench.asked.size() == 5);

  const auto five = bench.ask("five");  // in the place of "one": "four" is being looked up
  CHECK(bench.answer("six").error == asio::error::no_buffer_space);
  bench.reply({}, {address("192.0.2.4")});
  bench.reply({}, {address("192.0.2.5")});
  CHECK((*four)->first() == "192.0.2.4");
  CHECK((*five)->first() == "192.0.2.5");
  CHECK(bench.asked.size() == 6);
}

TEST_CASE("a lookup that cannot be started") {
  asio::io_context loop{1};
  Resolver resolver(loop, {}, [](const std::string&, const Resolver::Done&) {
    throw std::runtime_error("no thread");
  });
  error_code error;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        co_await resolver.resolve("node", 80, Clock::now() + 5s, error);
      },
      asio::detached);
  loop.run();
  CHECK(error == asio::error::no_recovery);
}

TEST_CASE("a lookup may end after everything else") {
  SUBCASE("after the resolver") {
    Bench bench;
    const auto result = bench.ask("node", 10ms);
    bench.wait(*result);
    bench.resolver.reset();
    bench.reply({}, {address("192.0.2.1")});
  }
  SUBCASE("after those who waited, and the event loop") {
    std::vector<Resolver::Done> running;
    {
      std::unique_ptr<Resolver> resolver;
      asio::io_context loop{1};
      resolver = std::make_unique<Resolver>(
          loop, ResolverLimits{},
          [&](const std::string&, Resolver::Done done) { running.push_back(std::move(done)); });
      for (int i = 0; i < 3; ++i) {
        asio::co_spawn(
            loop,
            [](Resolver& the_resolver) -> asio::awaitable<void> {
              error_code error;
              co_await the_resolver.resolve("node", 80, Clock::now() + 5s, error);
            }(*resolver),
            asio::detached);
      }
      loop.poll();
    }
    REQUIRE(running.size() == 1);
    running[0]({}, {address("192.0.2.1")});
  }
  SUBCASE("after the client, asking the system") {
    asio::io_context loop{1};
    std::optional<Client> client(loop);
    ClientRequest request;
    request.url.host = "localhost";
    request.url.port = 1;
    request.target = "/";
    bool failed = false;
    const auto send = [&](Client& the_client) -> asio::awaitable<void> {
      failed = !(co_await the_client.send(request)).has_value();
    };
    asio::co_spawn(loop, send(*client), asio::detached);
    loop.poll_one();
    client.reset();
    SUBCASE("and the loop goes on") {
      loop.run();
      CHECK(failed);
    }
    SUBCASE("and the loop ends too") {
      CHECK_FALSE(failed);
    }
  }
}

TEST_CASE("the system knows localhost") {
  asio::io_context loop{1};
  Resolver resolver(loop);
  error_code error;
  Resolver::Endpoints endpoints;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        endpoints = co_await resolver.resolve("localhost", 4711, Clock::now() + 5s, error);
      },
      asio::detached);
  loop.run();
  REQUIRE_FALSE(error);
  REQUIRE_FALSE(endpoints.empty());
  for (const auto& endpoint : endpoints) {
    CHECK(endpoint.address().is_loopback());
    CHECK(endpoint.port() == 4711);
  }
}
