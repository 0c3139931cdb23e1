// Calls through circuit breakers.
#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <stdexcept>

#include "node/node.h"

using namespace b3;
using namespace b3::node;
namespace asio = boost::asio;

namespace {

using CallResult = std::expected<NodeAnswer, CallError>;

// Runs the loop until the call is over.
CallResult run(asio::io_context& loop, asio::awaitable<CallResult> call) {
  std::optional<CallResult> result;
  asio::co_spawn(
      loop,
      [&, waiting = std::move(call)]() mutable -> asio::awaitable<void> {
        result = co_await std::move(waiting);
      },
      asio::detached);
  loop.restart();
  while (!result) loop.run_one();
  return std::move(*result);
}

// A network in which calls end as told, at a time of its own.
struct BrokenNetwork : http::Sender {
  asio::awaitable<std::expected<http::ClientResponse, http::ClientError>> send(
      http::ClientRequest) override {
    ++sent;
    if (throws) throw std::runtime_error("out of everything");
    if (failure) co_return std::unexpected(http::ClientError{*failure, "as told"});
    co_return http::ClientResponse{200, {}, "<response><returncode>FAILED</returncode></response>"};
  }
  std::optional<http::ClientFailure> failure = http::ClientFailure::connect;
  bool throws = false;
  int sent = 0;
};

struct Breaking {
  CallResult call(bool is_poll = false, std::string backend_id = "node-1") {
    Call call;
    call.name = "getMeetings";
    call.is_poll = is_poll;
    return run(loop, nodes.call({backend_id, "http://n/", "s", HashAlgorithm::sha256}, call));
  }
  void fail(int times) {
    for (int i = 0; i < times; ++i) CHECK_FALSE(call());
  }

  asio::io_context loop{1};
  SteadyTime now{std::chrono::hours{1}};
  BrokenNetwork network;
  Nodes nodes{network, {}, [this] { return Now{{}, now}; }};
};

}  // namespace

TEST_CASE("after three calls that did not get through the next ones fail without being sent") {
  Breaking rig;
  std::vector<std::string> opened;
  rig.nodes.on_open([&](std::string_view id) { opened.emplace_back(id); });
  SUBCASE("no connection") {
    rig.network.failure = http::ClientFailure::connect;
  }
  SUBCASE("no answer") {
    rig.network.failure = http::ClientFailure::timeout;
  }
  rig.fail(2);
  CHECK_FALSE(rig.nodes.open("node-1"));
  CHECK(opened.empty());
  rig.fail(1);
  CHECK(rig.nodes.open("node-1"));
  CHECK(opened == std::vector<std::string>{"node-1"});
  CHECK(rig.network.sent == 3);

  const auto refused = rig.call();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().failure == CallFailure::not_sent);
  CHECK(refused.error().detail.find("node-1") != std::string::npos);
  CHECK(rig.network.sent == 3);

  CHECK_FALSE(rig.call(false, "node-2"));
  CHECK(rig.network.sent == 4);
  CHECK_FALSE(rig.nodes.open("node-2"));

  rig.now += breaker_pause;
  CHECK_FALSE(rig.nodes.open("node-1"));
  rig.fail(1);
  CHECK(rig.network.sent == 5);
  rig.fail(1);
  CHECK(rig.network.sent == 5);
  CHECK(opened.size() == 1);
}

TEST_CASE("a node that says anything is reached: no breaker opens") {
  Breaking rig;
  rig.fail(2);
  SUBCASE("a refusal") {
    rig.network.failure.reset();
  }
  SUBCASE("garbage") {
    rig.network.failure = http::ClientFailure::malformed;
  }
  rig.call();
  rig.network.failure = http::ClientFailure::connect;
  rig.fail(2);
  CHECK_FALSE(rig.nodes.open("node-1"));
}

TEST_CASE("what this machine lacks is not held against a node") {
  Breaking rig;
  rig.network.failure = http::ClientFailure::local;
  rig.fail(10);
  CHECK(rig.network.sent == 10);
  CHECK_FALSE(rig.nodes.open("node-1"));
  const auto unsent = rig.call();
  REQUIRE_FALSE(unsent);
  CHECK(unsent.error().failure == CallFailure::not_sent);
  CHECK(unsent.error().evidence == Evidence::none);
  SUBCASE("nor does it end what a trial began") {
    rig.network.failure = http::ClientFailure::connect;
    rig.fail(3);
    rig.now += breaker_pause;
    rig.network.failure = http::ClientFailure::local;
    rig.fail(1);
    CHECK_FALSE(rig.nodes.open("node-1"));
    rig.network.failure.reset();
    CHECK(rig.call());
  }
}

TEST_CASE("name servers that do not answer are weak evidence, everything else is full") {
  Breaking rig;
  rig.network.failure = http::ClientFailure::look_up;
  const auto unsent = rig.call();
  REQUIRE_FALSE(unsent);
  CHECK(unsent.error().failure == CallFailure::not_sent);
  CHECK(unsent.error().evidence == Evidence::weak);
  for (const auto failure : {http::ClientFailure::connect, http::ClientFailure::tls}) {
    rig.network.failure = failure;
    CHECK(rig.call(true).error().evidence == Evidence::full);
  }
}

TEST_CASE("polls do not ask the breaker, do not open it, and close it when they get through") {
  Breaking rig;
  for (int i = 0; i < 10; ++i) CHECK_FALSE(rig.call(true));
  CHECK(rig.network.sent == 10);
  CHECK_FALSE(rig.nodes.open("node-1"));
  rig.fail(3);
  CHECK(rig.nodes.open("node-1"));
  CHECK_FALSE(rig.call(true));
  CHECK(rig.network.sent == 14);
  CHECK(rig.nodes.open("node-1"));
  rig.network.failure.reset();
  CHECK(rig.call(true));
  CHECK_FALSE(rig.nodes.open("node-1"));
  CHECK(rig.call());
}

TEST_CASE("a trial that ends in an exception does not block the node for ever") {
  Breaking rig;
  rig.fail(3);
  rig.now += breaker_pause;
  rig.network.throws = true;
  bool thrown = false;
  asio::co_spawn(
      rig.loop,
      [&]() -> asio::awaitable<void> {
        try {
          Call call;
          call.name = "getMeetings";
          co_await rig.nodes.call({"node-1", "http://n/", "s", HashAlgorithm::sha256}, call);
        } catch (const std::runtime_error&) {
          thrown = true;
        }
      },
      asio::detached);
  rig.loop.restart();
  rig.loop.run();
  CHECK(thrown);
  rig.network.throws = false;
  rig.network.failure.reset();
  CHECK(rig.call());
}
