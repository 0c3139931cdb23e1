#include <doctest/doctest.h>

#include <boost/asio/ssl.hpp>

#include "http/client.h"
#include "http/scripted_peer.h"
#include "http/testing.h"
#include "http/tls_files.h"

using namespace b3;
using namespace b3::http;
using namespace b3::http::testing;

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
    const Result result = client.send(request);
    REQUIRE_FALSE(result);
    CHECK_FALSE(result.error().request_sent());
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
