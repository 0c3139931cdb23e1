#include "http/server.h"

#include <doctest/doctest.h>

#include <set>
#include <system_error>

#include "http/test_handler.h"
#include "http/testing.h"

using namespace b3::http;
using namespace b3::http::testing;

TEST_CASE("a connection serves one request after another") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  std::set<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.send(get(i == 1 ? "/slow?a=%zz" : "/now?a=%zz")));
    const RawResponse response = client.read_response();
    CHECK(response.status == 200);
    CHECK(response.body == (i == 1 ? "slow /slow?a=%zz" : "GET /now?a=%zz"));
    CHECK(contains(response.head, "\r\nServer: b3scale\r\n"));
    CHECK(contains(response.head, " GMT\r\n"));
    CHECK_FALSE(contains(response.head, "Connection:"));
    const std::size_t at = response.head.find("\r\nX-Request-ID: ");
    REQUIRE(at != std::string::npos);
    ids.insert(response.head.substr(at + 16, 16));
    CHECK(response.head.substr(at + 32, 2) == "\r\n");
  }
  CHECK(ids.size() == 3);
}

TEST_CASE("pipelined requests are answered in order") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  std::string all;
  for (int i = 0; i < 60; ++i) {
    const std::string target = (i % 3 == 0 ? "/slow?" : "/now?") + std::to_string(i);
    all += i % 5 == 0 ? post("/echo", std::to_string(i)) : get(target);
  }
  REQUIRE(client.send(all));
  for (int i = 0; i < 60; ++i) {
    const std::string body = client.read_response().body;
    const std::string number = std::to_string(i);
    CHECK(body == (i % 5 == 0   ? number
                   : i % 3 == 0 ? "slow /slow?" + number
                                : "GET /now?" + number));
  }
}

TEST_CASE("pipelined large answers do not pile up") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  std::string all;
  for (int i = 0; i < 40; ++i) all += get("/big?200000");
  REQUIRE(client.send(all));
  for (int i = 0; i < 40; ++i) CHECK(client.read_response().body.size() == 200'000);
}

TEST_CASE("a request arriving byte by byte") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  const std::string request =
      "\r\nPOST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3;name=\"a\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n";
  for (const char byte : request) REQUIRE(client.send({&byte, 1}));
  CHECK(client.read_response().body == "abc0123456789");
  REQUIRE(client.send(get("/now")));
  CHECK(client.read_response().body == "GET /now");
}

TEST_CASE("HEAD and 204 have no body") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  REQUIRE(client.send("HEAD /now HTTP/1.1\r\nHost: test\r\n\r\n"));
  CHECK(contains(client.read_response(false).head, "\r\nContent-Length: 9\r\n"));
  REQUIRE(client.send(get("/empty")));
  const RawResponse empty = client.read_response();
  CHECK(empty.status == 204);
  CHECK_FALSE(contains(empty.head, "Content-Length"));
  REQUIRE(client.send(get("/now")));
  CHECK(client.read_response().body == "GET /now");
}

TEST_CASE("who closes the connection") {
  TestHandler handler;
  RunningServer server(handler);
  SUBCASE("HTTP/1.0") {
    RawClient client(server.port);
    REQUIRE(client.send("GET /now HTTP/1.0\r\n\r\n"));
    CHECK(contains(client.read_response().head, "\r\nConnection: close\r\n"));
    CHECK(client.is_closed());
  }
  SUBCASE("HTTP/1.0 with keep-alive") {
    RawClient client(server.port);
    for (int i = 0; i < 2; ++i) {
      REQUIRE(client.send("GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
      CHECK(contains(client.read_response().head, "\r\nConnection: keep-alive\r\n"));
    }
  }
  SUBCASE("Connection: close ends pipelining too") {
    RawClient client(server.port);
    REQUIRE(client.send(get("/now?1", "Connection: close\r\n") + get("/now?2")));
    CHECK(client.read_response().body == "GET /now?1");
    CHECK(client.is_closed());
  }
  SUBCASE("a client that has shut down its side gets its answers") {
    RawClient client(server.port);
    REQUIRE(client.send(get("/slow") + get("/now")));
    client.shutdown_send();
    CHECK(client.read_response().body == "slow /slow");
    CHECK(client.read_response().body == "GET /now");
    CHECK(client.is_closed());
  }
}

TEST_CASE("malformed requests are refused and the connection closed") {
  struct Case {
    std::string request;
    int status;
  };
  const std::string start = "GET /now HTTP/1.1\r\nHost: test\r\n";
  const Case cases[] = {
      {"\x16\x03\x01\x02\x05\x01\r\n\r\n", 400},
      {"GET\r\n\r\n", 400},
      {"GET /a b HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"GET /\x01 HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"GET /\xc3\xbc HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"CONNECT test:80 HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"GET http:///x HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: t\r\n\r\n", 505},
      {"GET / HTTX/1.1\r\nHost: t\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {start + "X: a\nb\r\n\r\n", 400},
      {start + "X: a\rb\r\n\r\n", 400},
      {start + std::string("X: a\0b\r\n\r\n", 10), 400},
      {start + "X : a\r\n\r\n", 400},
      {start + ": a\r\n\r\n", 400},
      {start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400},
      {start + "Content-Length: -1\r\n\r\n", 400},
      {start + "Content-Length: +1\r\n\r\na", 400},
      {start + "Content-Length: 0x1\r\n\r\na", 400},
      {start + "Content-Length: 18446744073709551617\r\n\r\na", 400},
      {start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {start + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {start + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {start + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 501},
      {start + "Transfer-Encoding: \x0b"
               "chunked\r\n\r\n0\r\n\r\n",
       400},
      {start + "Transfer-Encoding: identity\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {start + "Expect: 200-maybe\r\n\r\n", 417},
      {start + "X: " + std::string(70'000, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(70'000, 'x') + " HTTP/1.1\r\n", 431},
      {std::string(70'000, 'A'), 431},
      {[&] {
         std::string many = start;
         for (int i = 0; i < 300; ++i) many += "A:b\r\n";
         return many + "\r\n";
       }(),
       431},
      {start + "Content-Length: 99999999999\r\n\r\n", 413},
  };
  TestHandler handler;
  RunningServer server(handler);
  for (const Case& each : cases) {
    CAPTURE(each.request.substr(0, 200));
    RawClient client(server.port);
    REQUIRE(client.send(each.request));
    const RawResponse response = client.read_response();
    CHECK(response.status == each.status);
    CHECK(contains(response.head, "\r\nConnection: close\r\n"));
    CHECK(contains(response.head, "\r\nX-Request-ID: "));
    if (each.status == 400) CHECK(response.body.starts_with("bad request: "));
    client.shutdown_send();
    CHECK(client.is_closed());
  }
}

TEST_CASE("targets reach the handler as they were sent") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  for (const std::string target : {"/now", "/now?", "/now?%", "/now?%zz&a=%00", "/now?a={|}\"<>^`",
                                   "/now?a=b?c#d", "/now?//../.."}) {
    REQUIRE(client.send(get(target)));
    CHECK(client.read_response().body == "GET " + target);
  }
  REQUIRE(client.send(get("HTTP://other:81/now?x=http://y/")));
  CHECK(client.read_response().body == "GET /now?x=http://y/");
  REQUIRE(client.send(get("http://other:81/headers", "A:\t b \r\n")));
  CHECK(client.read_response().body == "Host=other:81\nA=b\n");
}

TEST_CASE("failing handlers") {
  TestHandler handler;
  RunningServer server(handler);
  RawClient client(server.port);
  for (const std::string target : {"/throw", "/throw-now"}) {
    REQUIRE(client.send(get(target)));
    const RawResponse response = client.read_response();
    CHECK(response.status == 500);
    CHECK(response.body.starts_with("internal error"));
    CHECK(contains(response.head, "\r\nX-Request-ID: " + response.body.substr(24, 16) + "\r\n"));
    CHECK_FALSE(contains(response.body, "broken"));
  }
  REQUIRE(client.send(get("/split")));
  const RawResponse response = client.read_response();
  CHECK(response.status == 500);
  CHECK_FALSE(contains(response.head, "Set-Cookie"));
}

TEST_CASE("what the simulator asks for") {
  TestHandler handler;
  RunningServer server(handler);
  {
    RawClient client(server.port);
    REQUIRE(client.send(get("/abort")));
    CHECK(client.is_closed());
  }
  RawClient client(server.port);
  REQUIRE(client.send(get("/truncate")));
  const std::string all = client.read_to_end();
  CHECK(contains(all, "\r\nContent-Length: 10\r\n"));
  CHECK(all.ends_with("\r\n\r\n0123"));
}

TEST_CASE("listen addresses") {
  TestHandler handler;
  asio::io_context loop;
  Server server(loop, handler);
  CHECK(server.port() == 0);
  for (const char* bad : {"", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                          "::1:80", "[::1:80", "[]:80", "127.0.0.1:-1"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(server.listen(bad), std::invalid_argument);
  }
  server.listen(":0");
  CHECK(server.port() != 0);
  const std::string taken = "127.0.0.1:" + std::to_string(server.port());
  CHECK_THROWS_AS(server.listen(taken), std::system_error);
  server.listen("127.0.0.1:0");
  server.stop();
  loop.run();
}
