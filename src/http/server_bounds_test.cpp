#include <doctest/doctest.h>

#include "http/server.h"
#include "http/test_handler.h"
#include "http/testing.h"

using namespace b3::http;
using namespace b3::http::testing;

namespace {

ServerLimits impatient() {
  ServerLimits limits;
  limits.header_timeout = limits.body_timeout = limits.idle_timeout = limits.write_timeout = 80ms;
  return limits;
}

}  // namespace

TEST_CASE("bodies") {
  TestHandler handler;
  ServerLimits limits;
  limits.body_bytes = 300'000;
  RunningServer server(handler, limits);
  RawClient client(server.port);
  SUBCASE("a large body") {
    const std::string body(290'000, 'b');
    REQUIRE(client.send(post("/echo", body) + get("/now")));
    CHECK(client.read_response().body == body);
    CHECK(client.read_response().body == "GET /now");
  }
  SUBCASE("an empty body is no body") {
    REQUIRE(client.send(post("/echo", "") + get("/echo")));
    CHECK(client.read_response().body == "");
    CHECK(client.read_response().status == 200);
  }
  SUBCASE("larger than the handler wants") {
    REQUIRE(client.send(post("/echo-small", "12345678901")));
    CHECK(client.read_response().status == 413);
    client.shutdown_send();
    CHECK(client.is_closed());
  }
  SUBCASE("chunked and larger than the handler wants") {
    REQUIRE(
        client.send("POST /echo-small HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "8\r\n12345678\r\n3\r\n901\r\n"));
    CHECK(client.read_response().status == 413);
    client.shutdown_send();
    CHECK(client.is_closed());
  }
  SUBCASE("larger than the server wants") {
    REQUIRE(client.send(post("/echo", std::string(300'001, 'x'))));
    CHECK(client.read_response().status == 413);
  }
  SUBCASE("endless chunk extensions") {
    REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                        std::string(100'000, 'x')));
    CHECK(client.read_response().status == 408);
    CHECK(server.call([&] { return handler.last_error == BodyError::broken; }));
  }
  SUBCASE("a chunk size that overflows") {
    REQUIRE(
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "10000000000000001\r\na"));
    CHECK(client.read_response().status == 408);
  }
  SUBCASE("cut off") {
    REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab"));
    client.shutdown_send();
    CHECK(client.read_response().status == 408);
    CHECK(server.call([&] { return handler.last_error == BodyError::broken; }));
    CHECK(client.is_closed());
  }
  SUBCASE("a small unread body is skipped") {
    REQUIRE(client.send(post("/slow", "GET /evil HTTP/1.1\r\n\r\n") + post("/now", "x")));
    CHECK(client.read_response().body == "slow /slow");
    CHECK(client.read_response().body == "POST /now");
    REQUIRE(client.send("POST /now HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"));
    CHECK(client.read_response().body == "POST /now");
    REQUIRE(client.send("3\r\nabc\r\n0\r\n\r\n" + get("/now?2")));
    CHECK(client.read_response().body == "GET /now?2");
  }
  SUBCASE("a large unread body ends the connection, but the answer arrives") {
    REQUIRE(client.send("POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n"));
    const RawResponse response = client.read_response();
    CHECK(response.body == "slow /slow");
    CHECK(contains(response.head, "Connection: close"));
    CHECK(client.send(std::string(200'000, 'x')));
    client.shutdown_send();
    CHECK(client.is_closed());
  }
}

TEST_CASE("100-continue") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  const std::string head =
      " HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n";
  SUBCASE("is said when the handler reads") {
    REQUIRE(client.send("POST /echo" + head));
    CHECK(client.read_response().status == 100);
    REQUIRE(client.send("abc"));
    CHECK(client.read_response().body == "abc");
    REQUIRE(client.send(get("/now")));
    CHECK(client.read_response().body == "GET /now");
  }
  SUBCASE("is not said when it does not") {
    REQUIRE(client.send("POST /now" + head));
    const RawResponse response = client.read_response();
    CHECK(response.status == 200);
    CHECK(contains(response.head, "Connection: close"));
    client.shutdown_send();
    CHECK(client.is_closed());
  }
  SUBCASE("is not said when the body is there already") {
    REQUIRE(client.send("POST /echo" + head + "abc"));
    CHECK(client.read_response().body == "abc");
  }
}

TEST_CASE("slow clients") {
  TestHandler handler;
  RunningServer server(handler, impatient());
  SUBCASE("that never finish their header get 408") {
    RawClient client(server.port);
    REQUIRE(client.send("GET /now HTTP/1.1\r\nHost: te"));
    CHECK(client.read_response().status == 408);
    client.shutdown_send();
    CHECK(client.is_closed());
  }
  SUBCASE("that drip bytes get 408 all the same") {
    RawClient client(server.port);
    REQUIRE(client.send("GET /now HTTP/1.1\r\n"));
    const auto start = std::chrono::steady_clock::now();
    bool refused = false;
    std::thread dripper([&] {
      while (!refused && std::chrono::steady_clock::now() < start + 4s && client.send("A: b\r\n")) {
        std::this_thread::sleep_for(10ms);
      }
    });
    CHECK(client.read_response().status == 408);
    CHECK(std::chrono::steady_clock::now() < start + 2s);
    client.shutdown_send();
    dripper.join();
  }
  SUBCASE("that say nothing are closed without a word") {
    RawClient fresh(server.port);
    RawClient used(server.port);
    REQUIRE(used.send(get("/now")));
    CHECK(used.read_response().status == 200);
    CHECK(used.is_closed());
    CHECK(fresh.is_closed());
  }
  SUBCASE("that never finish their body") {
    RawClient client(server.port);
    REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab"));
    CHECK(client.read_response().status == 408);
    CHECK(server.call([&] { return handler.last_error == BodyError::timeout; }));
    CHECK(client.is_closed());
  }
  SUBCASE("that do not read are cut off") {
    RawClient client(server.port, 4096);
    REQUIRE(client.send(get("/big?50000000")));
    CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
  }
  SUBCASE("a slow handler is not a slow client") {
    RawClient client(server.port);
    REQUIRE(client.send(get("/gate")));
    REQUIRE(server.wait_until([&] { return handler.is_waiting(); }));
    RawClient other(server.port);  // is closed after the same time
    CHECK(other.is_closed());
    server.call([&] {
      handler.open_gate();
      return true;
    });
    CHECK(client.read_response().body == "passed");
  }
}

TEST_CASE("a handler finishes although its client has gone") {
  TestHandler handler;
  RunningServer server(handler);
  {
    RawClient client(server.port);
    REQUIRE(client.send(get("/gate")));
    REQUIRE(server.wait_until([&] { return handler.is_waiting(); }));
  }
  CHECK(server.call([&] { return server.server.running_requests(); }) == 1);
  server.call([&] {
    handler.open_gate();
    return true;
  });
  CHECK(server.wait_until([&] { return handler.passed == 1; }));
  CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
  CHECK(server.call([&] { return server.server.running_requests(); }) == 0);
}

TEST_CASE("drain lets running requests finish") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient idle(server.port);
  RawClient busy(server.port);
  RawClient halfway(server.port);
  REQUIRE(idle.send(get("/now")));
  CHECK(idle.read_response().status == 200);
  REQUIRE(busy.send(get("/gate")));
  REQUIRE(server.wait_until([&] { return handler.is_waiting(); }));
  REQUIRE(halfway.send("GET /now HTTP/1.1\r\n"));
  REQUIRE(server.wait_until([&] { return server.server.open_connections() == 3; }));
  server.call([&] {
    server.server.drain();
    return true;
  });
  CHECK(idle.is_closed());
  CHECK_THROWS(RawClient(server.port));
  server.call([&] {
    handler.open_gate();
    return true;
  });
  const RawResponse response = busy.read_response();
  CHECK(response.body == "passed");
  CHECK(contains(response.head, "Connection: close"));
  CHECK(busy.is_closed());
}

TEST_CASE("after drain a request on an idle connection is still answered, and told to go") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient idle(server.port);
  REQUIRE(idle.send(get("/now?1")));
  CHECK_FALSE(contains(idle.read_response().head, "Connection: close"));
  server.call([&] {
    server.server.drain();
    return true;
  });
  REQUIRE(idle.send(get("/now?2") + get("/now?3")));
  const RawResponse response = idle.read_response();
  CHECK(response.body == "GET /now?2");
  CHECK(contains(response.head, "Connection: close"));
  CHECK(idle.is_closed());
}

TEST_CASE("after drain idle connections end in order, and not before their grace") {
  TestHandler handler;
  ServerLimits limits;
  limits.drain_grace = 120ms;
  RunningServer server(handler, limits);
  RawClient idle(server.port);
  REQUIRE(idle.send(get("/now")));
  CHECK(idle.read_response().status == 200);
  const auto start = std::chrono::steady_clock::now();
  server.call([&] {
    server.server.drain();
    return true;
  });
  CHECK(idle.is_closed());
  CHECK(std::chrono::steady_clock::now() - start >= 120ms);
  // Only the server's side is closed: what comes now does not make it reset the connection.
  CHECK(idle.send(get("/now")));
  CHECK(idle.is_closed());
  idle.close();
  CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
}

TEST_CASE("drain serves who is in the queue already") {
  TestHandler handler;
  RunningServer server(handler);
  std::unique_ptr<RawClient> queued;
  server.call([&] {  // while this runs, nobody accepts
    queued = std::make_unique<RawClient>(server.port);
    queued->send(get("/now"));
    server.server.drain();
    return true;
  });
  CHECK(queued->read_response().body == "GET /now");
  CHECK(queued->is_closed());
}

TEST_CASE("stop closes everything") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient busy(server.port);
  REQUIRE(busy.send(get("/gate")));
  REQUIRE(server.wait_until([&] { return handler.is_waiting(); }));
  server.call([&] {
    server.server.stop();
    return true;
  });
  CHECK(busy.is_closed());
  server.call([&] {
    handler.open_gate();
    return true;
  });
  CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
}

TEST_CASE("more connections than allowed are closed at once") {
  TestHandler handler;
  ServerLimits limits;
  limits.connections = 2;
  RunningServer server(handler, limits);
  RawClient first(server.port);
  RawClient second(server.port);
  REQUIRE(server.wait_until([&] { return server.server.open_connections() == 2; }));
  RawClient third(server.port);
  CHECK(third.is_closed());
  first.close();
  REQUIRE(server.wait_until([&] { return server.server.open_connections() == 1; }));
  RawClient fourth(server.port);
  REQUIRE(fourth.send(get("/now")));
  CHECK(fourth.read_response().status == 200);
}
