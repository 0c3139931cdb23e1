#include "http/server.h"

#include <doctest/doctest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <system_error>

#include "http/testing.h"

using namespace b3::http;
using namespace b3::http::testing;
namespace asio = boost::asio;

namespace {

class TestHandler : public Handler {
 public:
  bool answer_now(const Request& request, Response& response) override {
    CHECK(response.headers.empty());
    CHECK(response.body.empty());
    const std::string_view path = request.path();
    if (path == "/now") {
      response.body = request.method + " " + request.target;
    } else if (path == "/throw-now") {
      throw std::runtime_error("broken at once");
    } else if (path == "/split") {
      response.headers.push_back({"Location", "/x\r\nSet-Cookie: a=b"});
    } else if (path == "/big") {
      response.body.assign(std::stoul(std::string(request.query())), 'x');
    } else if (path == "/headers") {
      for (const Header& header : request.headers) {
        response.body += header.name + "=" + header.value + "\n";
      }
    } else if (path == "/abort") {
      response.abort = true;
    } else if (path == "/truncate") {
      response.body = "0123456789";
      response.truncate_to = 4;
    } else if (path == "/empty") {
      response.status = 204;
    } else {
      return false;
    }
    return true;
  }

  asio::awaitable<Response> answer(const Request& request, BodyReader& body) override {
    const std::string_view path = request.path();
    if (path == "/throw") throw std::runtime_error("broken");
    Response response;
    if (path == "/gate") {
      gate_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor,
                                                   asio::steady_timer::time_point::max());
      co_await gate_->async_wait(asio::as_tuple(asio::use_awaitable));
      gate_.reset();
      ++passed;
      response.body = "passed";
    } else if (path == "/echo" || path == "/echo-small") {
      const auto text = co_await body.read_all(path == "/echo" ? 1024 * 1024 : 10);
      if (text) {
        response.body = *text;
        CHECK_FALSE((co_await body.read_all(100)).has_value());
      } else {
        last_error = text.error();
        response.status = text.error() == BodyError::too_large ? 413 : 408;
      }
    } else {
      response.body = "slow " + request.target;
    }
    co_return response;
  }

  bool is_waiting() const { return gate_ != nullptr; }
  void open_gate() { gate_->cancel(); }

  int passed = 0;
  std::optional<BodyError> last_error;

 private:
  std::unique_ptr<asio::steady_timer> gate_;
};

std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(more) + "\r\n";
}

std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

ServerLimits impatient() {
  ServerLimits limits;
  limits.header_timeout = limits.body_timeout = limits.idle_timeout = limits.write_timeout = 80ms;
  return limits;
}

}  // namespace

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
