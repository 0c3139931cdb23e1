#include "http/client.h"

#include <doctest/doctest.h>

#include "http/scripted_peer.h"
#include "http/testing.h"

using namespace b3;
using namespace b3::http;
using namespace b3::http::testing;

namespace {

class Echo : public Handler {
 public:
  bool answer_now(const Request& request, Response& response) override {
    if (request.has_body) return false;
    response.body = request.method + ' ' + request.target + '\n';
    for (const Header& header : request.headers) {
      response.body += header.name + ": " + header.value + '\n';
    }
    return true;
  }
  asio::awaitable<Response> answer(const Request&, BodyReader& body) override {
    Response response;
    response.status = 201;
    response.body = (co_await body.read_all(100'000'000)).value_or("broken");
    co_return response;
  }
};

}  // namespace

TEST_CASE("requests reach a server as they should") {
  Echo handler;
  RunningServer server(handler);
  TestClient client;
  ClientRequest request = request_to(server.port, "/a?b=%zz");
  request.headers = {{"X-One", "1"}, {"host", "evil"}, {"Content-Length", "77"}};
  const std::string host = "127.0.0.1:" + std::to_string(server.port);
  CHECK(client.body(request) == "GET /a?b=%zz\nHost: " + host +
                                    "\nUser-Agent: b3scale\nConnection: keep-alive\nX-One: 1\n");

  request = request_to(server.port);
  request.method = "POST";
  request.body.assign(3'000'000, 'p');
  const Result posted = client.send(request);
  REQUIRE(posted);
  CHECK(posted->status == 201);
  CHECK(posted->body == request.body);
  CHECK(find_header(posted->headers, "x-request-id") != nullptr);

  request.method = "HEAD";
  request.body.clear();
  const Result head = client.send(request);
  REQUIRE(head);
  CHECK(head->body.empty());
  CHECK(client.send(request_to(server.port))->status == 200);
  CHECK(server.call([&] { return server.server.open_connections(); }) == 1);
}

TEST_CASE("requests that would split are not sent") {
  TestClient client;
  ClientRequest request = request_to(1);
  request.target = "/x HTTP/1.1\r\nX: y";
  CHECK(client.failure(request) == "connect");
  request = request_to(1);
  request.headers = {{"X", "a\r\nb"}};
  CHECK(client.failure(request) == "connect");
  request = request_to(1);
  request.method = "GET /";
  CHECK(client.failure(request) == "connect");
}

TEST_CASE("connections are kept and replaced") {
  const auto two_answers = [](tcp::socket& socket) {
    for (int i = 0; i < 2; ++i) {
      read_head(socket);
      say(socket, ok);
    }
    wait_for_end(socket);
  };
  SUBCASE("one connection for two requests") {
    ScriptedPeer peer({two_answers});
    {
      TestClient client;
      CHECK(client.body(request_to(peer.port)) == "ok");
      CHECK(client.body(request_to(peer.port)) == "ok");
    }
    CHECK(peer.connections == 1);
  }
  SUBCASE("closed while idle") {
    ScriptedPeer peer({answer(std::string(ok)), answer(std::string(ok))});
    TestClient client;
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(peer.connections == 2);
  }
  SUBCASE("closed when the second request arrives") {
    ScriptedPeer peer({[](tcp::socket& socket) {
                         read_head(socket);
                         say(socket, ok);
                         read_head(socket);
                       },
                       answer(std::string(ok))});
    TestClient client;
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(peer.connections == 2);
  }
  SUBCASE("after the first byte of an answer nothing is repeated") {
    ScriptedPeer peer({[](tcp::socket& socket) {
                         read_head(socket);
                         say(socket, ok);
                         read_head(socket);
                         say(socket, "H");
                       },
                       answer(std::string(ok))});
    TestClient client;
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(client.failure(request_to(peer.port)) == "broken");
    CHECK(peer.connections == 1);
  }
  SUBCASE("a fresh connection is not replaced") {
    ScriptedPeer peer({[](tcp::socket& socket) { read_head(socket); }, answer(std::string(ok))});
    TestClient client;
    CHECK(client.failure(request_to(peer.port)) == "broken");
    CHECK(peer.connections == 1);
  }
  SUBCASE("Connection: close, and answers that end with the connection") {
    ScriptedPeer peer(
        {answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
         answer("HTTP/1.0 200 OK\r\n\r\nold"), answer(std::string(ok))});
    TestClient client;
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(client.body(request_to(peer.port)) == "old");
    CHECK(client.body(request_to(peer.port)) == "ok");
  }
  SUBCASE("bytes nobody asked for spoil a connection") {
    ScriptedPeer peer({[](tcp::socket& socket) {
                         read_head(socket);
                         say(socket, std::string(ok) + "HTTP/1.1 200 OK\r\n");
                         wait_for_end(socket);
                       },
                       answer(std::string(ok))});
    TestClient client;
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(peer.connections == 2);
  }
  SUBCASE("idle for too long") {
    ScriptedPeer peer({[](tcp::socket& socket) {
                         read_head(socket);
                         say(socket, ok);
                         wait_for_end(socket);
                       },
                       answer(std::string(ok))});
    ClientOptions options;
    options.idle_timeout = 0ms;
    TestClient client(options);
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(client.body(request_to(peer.port)) == "ok");
    CHECK(peer.connections == 2);
  }
}

TEST_CASE("a repeated request whose second connection fails counts as sent") {
  std::atomic<bool> heard = false;
  asio::io_context loop;
  auto acceptor =
      std::make_unique<tcp::acceptor>(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::uint16_t port = acceptor->local_endpoint().port();
  std::thread peer([&] {
    tcp::socket socket = acceptor->accept();
    acceptor.reset();
    read_head(socket);
    say(socket, ok);
    heard = !read_head(socket).empty();
  });
  TestClient client;
  CHECK(client.body(request_to(port)) == "ok");
  CHECK(client.failure(request_to(port)) == "broken");
  peer.join();
  CHECK(heard);
}

TEST_CASE("interim answers are skipped") {
  ScriptedPeer peer({answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n"
                            "\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "2\r\nok\r\n0\r\n\r\n"),
                     answer("HTTP/1.1 101 Switching Protocols\r\n\r\n")});
  TestClient client;
  CHECK(client.body(request_to(peer.port)) == "ok");
  ClientRequest request = request_to(peer.port);
  CHECK(client.failure(request) == "malformed");
}

TEST_CASE("many requests at once") {
  Echo handler;
  RunningServer server(handler);
  ClientOptions options;
  options.idle_per_origin = 4;
  TestClient client(options);
  std::vector<std::future<Result>> results;
  for (int i = 0; i < 50; ++i) {
    results.push_back(asio::co_spawn(
        client.loop, client.client.send(request_to(server.port, "/" + std::to_string(i))),
        asio::use_future));
  }
  client.loop.run();
  for (int i = 0; i < 50; ++i) {
    const Result result = results[static_cast<std::size_t>(i)].get();
    REQUIRE(result);
    CHECK(result->body.starts_with("GET /" + std::to_string(i) + "\n"));
  }
  CHECK(server.wait_until([&] { return server.server.open_connections() == 4; }));
}

TEST_CASE("a client may go away while a request runs") {
  ScriptedPeer peer({answer(std::string(ok))});
  asio::io_context loop{1};
  auto client = std::make_unique<Client>(loop);
  auto result = asio::co_spawn(loop, client->send(request_to(peer.port)), asio::use_future);
  client.reset();
  loop.run();
  CHECK(result.get().value().body == "ok");
}
