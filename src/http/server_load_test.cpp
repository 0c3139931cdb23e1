// Clients that want much, and what they may cost the others.
#include <doctest/doctest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "http/connection.h"
#include "http/rarely.h"
#include "http/server.h"
#include "http/test_handler.h"
#include "http/testing.h"

using namespace b3::http;
using namespace b3::http::testing;

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace {

std::size_t allocated_bytes() {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return __sanitizer_get_current_allocated_bytes();
#else
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

// Counts what is answered between two turns of somebody else on the same loop.
class CountingHandler : public TestHandler {
 public:
  bool answer_now(const Request& request, Response& response) override {
    ++in_turn;
    return TestHandler::answer_now(request, response);
  }
  int in_turn = 0;
};

}  // namespace

TEST_CASE("one client that pipelines thousands of requests does not hold the event loop") {
  for (const char* target : {"/now", "/slow"}) {
    CAPTURE(target);
    constexpr int requests = 3'000;
    CountingHandler handler;
    int most = 0;
    int turns = 0;
    bool done = false;
    RunningServer server(handler);
    RawClient greedy(server.port);
    std::string all;
    for (int i = 0; i < requests; ++i) all += get(target);
    const std::function<void()> watch = [&] {
      most = std::max(most, std::exchange(handler.in_turn, 0));
      ++turns;
      if (!done) asio::post(server.loop, watch);
    };
    server.call([&] {
      watch();
      return true;
    });
    std::thread sender([&] { CHECK(greedy.send(all)); });
    int answered = 0;
    while (answered < requests && greedy.read_response().status == 200) ++answered;
    sender.join();
    server.call([&] { return done = true; });
    server.call([] { return true; });  // behind the last turn
    CHECK(answered == requests);
    CHECK(most <= 40);
    CHECK(turns > requests / 40);
  }
}

TEST_CASE("large answers to pipelined requests give the others their turn") {
  CountingHandler handler;
  int most = 0;
  bool done = false;
  RunningServer server(handler);
  RawClient greedy(server.port);
  const std::function<void()> watch = [&] {
    most = std::max(most, std::exchange(handler.in_turn, 0));
    if (!done) asio::post(server.loop, watch);
  };
  server.call([&] {
    watch();
    return true;
  });
  std::string all;
  for (int i = 0; i < 30; ++i) all += get("/big?100000");
  REQUIRE(greedy.send(all));
  for (int i = 0; i < 30; ++i) CHECK(greedy.read_response().body.size() == 100'000);
  server.call([&] { return done = true; });
  server.call([] { return true; });
  CHECK(most <= 2);
}

TEST_CASE("idle connections do not keep the memory of their largest answer") {
  constexpr int clients = 20;
  TestHandler handler;
  ServerLimits limits;
  limits.buffer_timeout = 100ms;
  limits.write_timeout = 400ms;  // ticks of 100 ms
  RunningServer server(handler, limits);
  std::vector<std::unique_ptr<RawClient>> all;
  for (int i = 0; i < clients; ++i) all.push_back(std::make_unique<RawClient>(server.port));
  REQUIRE(server.wait_until([&] { return server.server.open_connections() == clients; }));
  const std::size_t before = server.call([] { return allocated_bytes(); });
  const auto grown = [&] {
    const std::size_t now = allocated_bytes();
    return now > before ? now - before : 0;
  };
  const auto fetch = [&](const std::string& request, std::size_t size) {
    for (const auto& client : all) {
      REQUIRE(client->send(request));
      const RawResponse response = client->read_response();
      CHECK(response.status == 200);
      CHECK(response.body.size() == size);
    }
  };
  SUBCASE("very large ones go at once") {
    fetch(get("/big?2000000"), 2'000'000);
    CHECK(server.call(grown) < clients * std::size_t{64 * 1024});
  }
  SUBCASE("large ones after a while") {
    fetch(get("/big?100000"), 100'000);
    CHECK(server.wait_until([&] { return grown() < clients * std::size_t{8 * 1024}; }));
  }
  SUBCASE("nor of their largest request") {
    fetch(get("/now", "X: " + std::string(60'000, 'x') + "\r\nY: y\r\n"), 8);
    CHECK(server.wait_until([&] { return grown() < clients * std::size_t{8 * 1024}; }));
  }
  SUBCASE("nor of their largest body") {
    fetch(post("/echo", std::string(200'000, 'b')), 200'000);
    CHECK(server.wait_until([&] { return grown() < clients * std::size_t{8 * 1024}; }));
  }
  // They are as good as new.
  for (const auto& client : all) {
    REQUIRE(client->send(get("/now?again")));
    CHECK(client->read_response().body == "GET /now?again");
  }
}

TEST_CASE("bodies that are being received have a bounded memory in common") {
  TestHandler handler;
  ServerLimits limits;
  limits.all_bodies_bytes = 100'000;
  RunningServer server(handler, limits);
  const auto status = [&](const std::string& request) {
    RawClient client(server.port);
    client.send(request);
    return client.read_response();
  };
  const std::string body(50'000, 'b');
  CHECK(status(post("/echo", body)).body == body);

  RawClient slow(server.port);
  const std::string request = post("/echo", std::string(95'000, 's'));
  REQUIRE(slow.send(request.substr(0, request.size() - 1)));
  // Asks whether there is room without taking any. 8 KB of each body are free, so that this is
  // refused as soon as all of the other one has arrived.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  const std::string too_much = std::to_string(100'000 - (94'999 - 8'192) + 8'192 + 1);
  const auto has_room = [&] {
    return status("POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: " +
                  too_much + "\r\n\r\n")
               .status == 100;
  };
  while (has_room() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  const RawResponse refused = status(post("/echo", body));
  CHECK(refused.status == 503);
  CHECK(contains(refused.head, "\r\nRetry-After: "));
  SUBCASE("without an announced length too") {
    CHECK(status("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n" +
                 body + "\r\n0\r\n\r\n")
              .status == 503);
  }
  SUBCASE("whoever would wait for 100 Continue is told at once") {
    RawClient polite(server.port);
    REQUIRE(
        polite.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 50000\r\n"
                    "Expect: 100-continue\r\n\r\n"));
    const RawResponse response = polite.read_response();
    CHECK(response.status == 503);
    CHECK(contains(response.head, "\r\nConnection: close\r\n"));
  }
  SUBCASE("small ones still pass") {
    CHECK(status(post("/echo", std::string(4'000, 'c'))).status == 200);
  }
  SUBCASE("so does a body whose connection breaks off") {
    slow.close();
    CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
    CHECK(status(post("/echo", body)).status == 200);
    return;
  }
  REQUIRE(slow.send(request.substr(request.size() - 1)));
  CHECK(slow.read_response().body.size() == 95'000);
  CHECK(status(post("/echo", body)).status == 200);
}

TEST_CASE("connections leave descriptors for nodes and database") {
  CHECK(affordable_connections(10'000, 1'048'576) == 10'000);
  CHECK(affordable_connections(10'000, 4'096) == 3'072);
  CHECK(affordable_connections(10'000, 1'024) == 768);
  CHECK(affordable_connections(10'000, 128) == 64);
  CHECK(affordable_connections(10'000, 80) == 20);
  CHECK(affordable_connections(10, 1'024) == 10);

  TestHandler handler;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = 80;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  RunningServer server(handler);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  std::vector<std::unique_ptr<RawClient>> all;
  for (int i = 0; i < 20; ++i) all.push_back(std::make_unique<RawClient>(server.port));
  REQUIRE(server.wait_until([&] { return server.server.open_connections() == 20; }));
  RawClient another(server.port);
  CHECK(another.is_closed());
  REQUIRE(all[0]->send(get("/now")));
  CHECK(all[0]->read_response().status == 200);
}

TEST_CASE("what would be said for every connection is said once per period, and counted") {
  Rarely rarely;
  const Rarely::Time start{};
  CHECK(rarely.note(start) == 1);
  for (int i = 0; i < 1'000; ++i) CHECK_FALSE(rarely.note(start + 29s));
  CHECK(rarely.note(start + 30s) == 1'001);
  CHECK_FALSE(rarely.note(start + 31s));
}
