// How connections end: whoever is answered gets the answer.
#include <doctest/doctest.h>

#include "http/server.h"
#include "http/test_handler.h"
#include "http/testing.h"

using namespace b3::http;
using namespace b3::http::testing;

namespace {

// Of exactly so many bytes.
std::string padded(const std::string& more, std::size_t size) {
  const std::string padding = "X: ";
  const std::string bare = get("/now", more + padding + "\r\n");
  return get("/now", more + padding + std::string(size - bare.size(), 'x') + "\r\n");
}

}  // namespace

TEST_CASE("requests behind the one that said close do not reset the connection") {
  TestHandler handler;
  RunningServer server(handler);
  std::unique_ptr<RawClient> client;
  // As much as one read takes, so that the rest is still with the kernel when the answer is
  // written.
  const std::string last = padded("Connection: close\r\n", 4'096);
  REQUIRE(last.size() == 4'096);
  server.call([&] {  // while this runs, nobody reads
    client = std::make_unique<RawClient>(server.port);
    return client->send(last + get("/now?2") + get("/now?3"));
  });
  CHECK(client->read_response().status == 200);
  CHECK(client->ends_in_order());
  CHECK(client->send(get("/now?4")));
  CHECK(client->ends_in_order());
  CHECK(server.call([&] { return server.server.open_connections(); }) == 1);
  client->close();
  CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
}

TEST_CASE("who said close and sent no more is not lingered for") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  REQUIRE(client.send(get("/now", "Connection: close\r\n")));
  CHECK(client.read_response().status == 200);
  CHECK(client.ends_in_order());
  CHECK(server.call([&] { return server.server.open_connections(); }) == 0);
}

TEST_CASE("while draining, a request on its way does not cost the client its last answer") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  REQUIRE(client.send(get("/gate")));
  REQUIRE(server.wait_until([&] { return handler.is_waiting(); }));
  server.call([&] {
    server.server.drain();
    handler.open_gate();
    return true;
  });
  REQUIRE(server.wait_until([&] { return server.server.running_requests() == 0; }));
  REQUIRE(client.send(get("/now")));
  CHECK(server.call([&] { return server.server.open_connections(); }) == 1);
  const RawResponse response = client.read_response();
  CHECK(response.body == "passed");
  CHECK(contains(response.head, "\r\nConnection: close\r\n"));
  CHECK(client.ends_in_order());
  client.close();
  CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
}

TEST_CASE("lingering is bounded") {
  TestHandler handler;
  ServerLimits limits;
  SUBCASE("in time") {
    limits.body_timeout = 100ms;
    limits.body_bytes = 1'000'000'000'000;
  }
  SUBCASE("in bytes") {
    limits.body_bytes = 1'000'000;
  }
  RunningServer server(handler, limits);
  RawClient client(server.port);
  REQUIRE(client.send("NONSENSE\r\n\r\n"));
  CHECK(client.read_response().status == 400);
  const auto start = std::chrono::steady_clock::now();
  std::size_t sent = 0;
  const std::string more(50'000, 'x');
  while (client.send(more) && std::chrono::steady_clock::now() < start + 1500ms)
    sent += more.size();
  CHECK(std::chrono::steady_clock::now() < start + 1500ms);
  CHECK(sent >= 100'000);
  CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
}
