// What arrives together is worked on in stages (http/poller.h): all receive, all work, all send.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/server.h"
#include "http/test_handler.h"
#include "http/testing.h"

using namespace b3::http;
using namespace b3::http::testing;

namespace {

// Looks around before it answers.
class ObservingHandler : public TestHandler {
 public:
  bool answer_now(const Request& request, Response& response) override {
    observe(request);
    return TestHandler::answer_now(request, response);
  }
  std::function<void(const Request&)> observe = [](const Request&) {};
};

struct Crowd {
  Crowd(RunningServer& the_server, std::size_t count) : server(the_server) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(server.port));
    }
    REQUIRE(server.wait_until([&] { return server.server.open_connections() == count; }));
    // Each is waiting for its next request then.
    for (const auto& client : clients) REQUIRE(client->send(get("/now")));
    for (const auto& client : clients) REQUIRE(client->read_response().status == 200);
  }
  // The loop is kept busy meanwhile, so that it finds everything at once.
  void send_together(const std::function<std::string(std::size_t)>& request) {
    server.call([&] {
      for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->send(request(i));
      return true;
    });
  }
  std::size_t answered() const {
    std::size_t count = 0;
    for (const auto& client : clients) count += client->has_received() ? 1 : 0;
    return count;
  }

  RunningServer& server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

std::string numbered(std::size_t i) {
  return get("/now?" + std::to_string(i));
}

void check_answers(Crowd& crowd) {
  for (std::size_t i = 0; i < crowd.clients.size(); ++i) {
    CHECK(crowd.clients[i]->read_response().body == "GET /now?" + std::to_string(i));
  }
}

}  // namespace

TEST_CASE("requests that arrive together are worked on before the first answer is sent") {
  ObservingHandler handler;
  RunningServer server(handler);
  Crowd crowd(server, 20);
  std::vector<std::size_t> seen;
  handler.observe = [&](const Request&) { seen.push_back(crowd.answered()); };
  crowd.send_together(numbered);
  REQUIRE(server.wait_until([&] { return seen.size() == 20; }));
  check_answers(crowd);
  CHECK(server.call([&] { return seen; }) == std::vector<std::size_t>(20, 0));
}

TEST_CASE("in a large crowd nobody waits for everybody else") {
  constexpr std::size_t clients = 200;
  ObservingHandler handler;
  RunningServer server(handler);
  Crowd crowd(server, clients);
  std::vector<std::size_t> seen;
  handler.observe = [&](const Request&) { seen.push_back(crowd.answered()); };
  crowd.send_together(numbered);
  REQUIRE(server.wait_until([&] { return seen.size() == clients; }));
  check_answers(crowd);
  server.call([&] {
    CHECK(seen[63] == 0);
    CHECK(seen[64] == 64);
    CHECK(seen[clients - 1] == 192);
    return true;
  });
}

TEST_CASE("a long answer is not held back") {
  ObservingHandler handler;
  RunningServer server(handler);
  Crowd crowd(server, 3);
  std::vector<std::size_t> seen;
  handler.observe = [&](const Request&) { seen.push_back(crowd.answered()); };
  crowd.send_together([](std::size_t) { return get("/big?20000"); });
  REQUIRE(server.wait_until([&] { return seen.size() == 3; }));
  for (const auto& client : crowd.clients) CHECK(client->read_response().body.size() == 20'000);
  server.call([&] {
    CHECK(seen == std::vector<std::size_t>{0, 1, 2});
    return true;
  });
}

TEST_CASE("pipelined requests that arrive together are answered in order") {
  TestHandler handler;
  RunningServer server(handler);
  Crowd crowd(server, 70);
  crowd.send_together([](std::size_t i) {
    const auto name = std::to_string(i);
    return get("/now?a" + name) + get("/slow?b" + name) + get("/now?c" + name) + get("/big?20000") +
           get("/now?d" + name);
  });
  for (std::size_t i = 0; i < crowd.clients.size(); ++i) {
    const auto name = std::to_string(i);
    auto& client = *crowd.clients[i];
    CHECK(client.read_response().body == "GET /now?a" + name);
    CHECK(client.read_response().body == "slow /slow?b" + name);
    CHECK(client.read_response().body == "GET /now?c" + name);
    CHECK(client.read_response().body.size() == 20'000);
    CHECK(client.read_response().body == "GET /now?d" + name);
  }
}

TEST_CASE("a request in two parts beside whole ones") {
  TestHandler handler;
  RunningServer server(handler);
  Crowd crowd(server, 10);
  const auto part = [](std::size_t i, bool first) {
    const auto whole = numbered(i);
    if (i % 2 == 0) return first ? whole : std::string();
    return first ? whole.substr(0, 9 + i) : whole.substr(9 + i);
  };
  crowd.send_together([&](std::size_t i) { return part(i, true); });
  for (std::size_t i = 0; i < 10; i += 2) {
    CHECK(crowd.clients[i]->read_response().body == "GET /now?" + std::to_string(i));
  }
  crowd.send_together([&](std::size_t i) { return part(i, false); });
  for (std::size_t i = 1; i < 10; i += 2) {
    CHECK(crowd.clients[i]->read_response().body == "GET /now?" + std::to_string(i));
  }
}

TEST_CASE("who goes away before the answer does not disturb the others") {
  ObservingHandler handler;
  RunningServer server(handler);
  Crowd crowd(server, 12);
  bool gone = false;
  handler.observe = [&](const Request&) {
    if (!std::exchange(gone, true)) {
      for (std::size_t i = 0; i < 12; i += 3) crowd.clients[i]->reset();
    }
  };
  crowd.send_together(numbered);
  for (std::size_t i = 0; i < 12; ++i) {
    if (i % 3 == 0) continue;
    CHECK(crowd.clients[i]->read_response().body == "GET /now?" + std::to_string(i));
  }
  CHECK(server.wait_until([&] { return server.server.open_connections() == 8; }));
}

TEST_CASE("a handler may stop the server with answers not yet sent") {
  ObservingHandler handler;
  RunningServer server(handler);
  Crowd crowd(server, 12);
  int calls = 0;
  handler.observe = [&](const Request&) {
    if (++calls == 5) server.server.stop();
  };
  crowd.send_together(numbered);
  for (const auto& client : crowd.clients) CHECK(client->read_to_end().empty());
  CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
  CHECK(server.call([&] { return calls; }) == 5);
}
