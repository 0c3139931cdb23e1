#include "http/client.h"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <fstream>

#include "http/testing.h"
#include "http/tls_files.h"

using namespace b3;
using namespace b3::http;
using namespace b3::http::testing;
namespace asio = boost::asio;
using asio::ip::tcp;
using Result = std::expected<ClientResponse, ClientError>;

namespace {

// Plays one script per connection, blocking, on its own thread.
class ScriptedPeer {
 public:
  using Script = std::function<void(tcp::socket&)>;

  explicit ScriptedPeer(std::deque<Script> scripts)
      : acceptor_(loop_, {asio::ip::address_v4::loopback(), 0}),
        port(acceptor_.local_endpoint().port()),
        thread_([this, scripts = std::move(scripts)] {
          for (const Script& script : scripts) {
            tcp::socket socket(loop_);
            boost::system::error_code error;
            acceptor_.accept(socket, error);
            if (error || stopping_) return;
            ++connections;
            script(socket);
          }
        }) {}
  ~ScriptedPeer() {
    stopping_ = true;
    {
      tcp::socket waker(loop_);
      boost::system::error_code ignored;
      waker.connect({asio::ip::address_v4::loopback(), port}, ignored);
    }
    thread_.join();
  }

 private:
  asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;

 public:
  const std::uint16_t port;
  std::atomic<int> connections = 0;

 private:
  std::thread thread_;
};

template <typename Stream>
std::string read_head(Stream& stream) {
  std::string head;
  boost::system::error_code error;
  asio::read_until(stream, asio::dynamic_buffer(head), "\r\n\r\n", error);
  return head;
}

template <typename Stream>
void say(Stream& stream, std::string_view text) {
  boost::system::error_code ignored;
  asio::write(stream, asio::buffer(text.data(), text.size()), ignored);
}

// Until the client closes.
void wait_for_end(tcp::socket& socket) {
  char bytes[1024];
  boost::system::error_code error;
  while (!error) socket.read_some(asio::buffer(bytes), error);
}

ScriptedPeer::Script answer(std::string text) {
  return [text = std::move(text)](tcp::socket& socket) {
    read_head(socket);
    say(socket, text);
  };
}

ClientRequest request_to(std::uint16_t port, std::string target = "/x?secret=1") {
  ClientRequest request;
  request.url = {.tls = false, .host = "127.0.0.1", .port = port, .path = "/"};
  request.target = std::move(target);
  request.connect_timeout = 2s;
  request.response_timeout = 2s;
  return request;
}

struct TestClient {
  explicit TestClient(ClientOptions options = {}) : client(loop, std::move(options)) {}

  Result send(ClientRequest request) {
    auto result = asio::co_spawn(loop, client.send(std::move(request)), asio::use_future);
    loop.restart();
    loop.run();
    return result.get();
  }
  std::string failure(ClientRequest request) {
    const Result result = send(std::move(request));
    if (result) return "none";
    CHECK(result.error().detail.find("secret") == std::string::npos);
    CHECK_FALSE(result.error().detail.empty());
    return std::string(to_string(result.error().failure));
  }
  std::string body(ClientRequest request) {
    const Result result = send(std::move(request));
    return result ? result->body : "failed: " + result.error().detail;
  }

  asio::io_context loop{1};
  Client client;
};

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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

TEST_CASE("failures are told apart") {
  TestClient client;
  SUBCASE("refused") {
    std::uint16_t port = 0;
    {
      asio::io_context loop;
      tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
      port = acceptor.local_endpoint().port();
    }
    const Result result = client.send(request_to(port));
    REQUIRE_FALSE(result);
    CHECK(result.error().failure == ClientFailure::connect);
    CHECK_FALSE(result.error().request_sent());
  }
  SUBCASE("no such name") {
    ClientRequest request = request_to(80);
    request.url.host = "no-such-host.invalid";
    request.connect_timeout = 500ms;
    CHECK(client.failure(request) == "connect");
  }
  SUBCASE("no answer") {
    ScriptedPeer peer({wait_for_end});
    ClientRequest request = request_to(peer.port);
    request.response_timeout = 60ms;
    const Result result = client.send(request);
    REQUIRE_FALSE(result);
    CHECK(result.error().failure == ClientFailure::timeout);
    CHECK(result.error().request_sent());
  }
  SUBCASE("an answer that drips") {
    ScriptedPeer peer({[](tcp::socket& socket) {
      read_head(socket);
      say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
      boost::system::error_code error;
      while (!error) {
        asio::write(socket, asio::buffer("x", 1), error);
        std::this_thread::sleep_for(5ms);
      }
    }});
    ClientRequest request = request_to(peer.port);
    request.response_timeout = 100ms;
    CHECK(client.failure(request) == "timeout");
  }
  SUBCASE("an answer cut short") {
    ScriptedPeer peer({answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")});
    CHECK(client.failure(request_to(peer.port)) == "broken");
  }
  SUBCASE("a header cut short") {
    ScriptedPeer peer({answer("HTTP/1.1 200 OK\r\nContent-Le")});
    CHECK(client.failure(request_to(peer.port)) == "broken");
  }
  SUBCASE("something else than HTTP") {
    ScriptedPeer peer({answer("SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n\r\n")});
    CHECK(client.failure(request_to(peer.port)) == "malformed");
  }
  SUBCASE("two lengths") {
    ScriptedPeer peer(
        {answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")});
    CHECK(client.failure(request_to(peer.port)) == "malformed");
  }
  SUBCASE("an endless header") {
    ScriptedPeer peer({[](tcp::socket& socket) {
      read_head(socket);
      say(socket, "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'));
      wait_for_end(socket);
    }});
    CHECK(client.failure(request_to(peer.port)) == "malformed");
  }
  SUBCASE("too large by its length, by its chunks, by its end") {
    const std::string body(1001, 'b');
    ScriptedPeer peer({answer("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + body),
                       answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                              body + "\r\n0\r\n\r\n"),
                       answer("HTTP/1.1 200 OK\r\n\r\n" + body)});
    ClientRequest request = request_to(peer.port);
    request.max_body = 1000;
    for (int i = 0; i < 3; ++i) CHECK(client.failure(request) == "too_large");
  }
  SUBCASE("a body refused before it was read") {
    ScriptedPeer peer({[](tcp::socket& socket) {
      read_head(socket);
      say(socket, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
      socket.shutdown(tcp::socket::shutdown_send);
      wait_for_end(socket);
    }});
    ClientRequest request = request_to(peer.port);
    request.method = "POST";
    request.body.assign(5'000'000, 'x');
    const Result result = client.send(request);
    REQUIRE(result);
    CHECK(result->status == 413);
  }
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

TEST_CASE("TLS") {
  static const TlsFiles files;
  const auto serve_as = [](const std::string& name, int requests) -> ScriptedPeer::Script {
    return [name, requests](tcp::socket& socket) {
      asio::ssl::context context(asio::ssl::context::tls_server);
      context.use_certificate_chain_file(files.path(name + ".pem"));
      context.use_private_key_file(files.path(name + ".key"), asio::ssl::context::pem);
      asio::ssl::stream<tcp::socket&> stream(socket, context);
      boost::system::error_code error;
      stream.handshake(asio::ssl::stream_base::server, error);
      for (int i = 0; !error && i < requests; ++i) {
        if (read_head(stream).empty()) return;
        const char* name_seen =
            SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
        const std::string body = name_seen != nullptr ? name_seen : "(none)";
        say(stream, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                        "\r\n\r\n" + body);
      }
    };
  };
  const auto request = [](const ScriptedPeer& peer, const std::string& host) {
    ClientRequest result = request_to(peer.port);
    result.url.tls = true;
    result.url.host = host;
    return result;
  };
  ClientOptions trusting;
  trusting.ca_file = files.path("ca.pem");

  SUBCASE("a trusted certificate, the connection kept") {
    ScriptedPeer peer({serve_as("localhost", 2)});
    TestClient client(trusting);
    CHECK(client.body(request(peer, "localhost")) == "localhost");
    CHECK(client.body(request(peer, "localhost")) == "localhost");
    CHECK(peer.connections == 1);
  }
  SUBCASE("an address instead of a name") {
    ScriptedPeer peer({serve_as("localhost", 1)});
    TestClient client(trusting);
    CHECK(client.body(request(peer, "127.0.0.1")) == "(none)");
  }
  SUBCASE("closed when the second request arrives") {
    ScriptedPeer peer({serve_as("localhost", 1), serve_as("localhost", 1)});
    TestClient client(trusting);
    CHECK(client.body(request(peer, "localhost")) == "localhost");
    CHECK(client.body(request(peer, "localhost")) == "localhost");
    CHECK(peer.connections == 2);
  }
  SUBCASE("an unknown authority") {
    ScriptedPeer peer({serve_as("localhost", 1)});
    TestClient client;
    CHECK(client.failure(request(peer, "localhost")) == "tls");
  }
  SUBCASE("another host's certificate") {
    ScriptedPeer peer({serve_as("other", 1)});
    TestClient client(trusting);
    CHECK(client.failure(request(peer, "localhost")) == "tls");
  }
  SUBCASE("no TLS at all") {
    ScriptedPeer peer({answer("HTTP/1.1 400 Bad Request\r\n\r\n\r\n\r\n")});
    TestClient client(trusting);
    ClientRequest plain = request(peer, "localhost");
    plain.connect_timeout = 300ms;
    const Result result = client.send(plain);
    REQUIRE_FALSE(result);
    CHECK_FALSE(result.error().request_sent());
  }
  SUBCASE("a handshake that never ends") {
    ScriptedPeer peer({wait_for_end});
    TestClient client(trusting);
    ClientRequest slow = request(peer, "localhost");
    slow.connect_timeout = 100ms;
    CHECK(client.failure(slow) == "connect");
  }
  SUBCASE("an unreadable file") {
    asio::io_context loop;
    ClientOptions options;
    options.ca_file = "/no/such/file";
    CHECK_THROWS_AS(Client(loop, options), std::runtime_error);
  }
}
