// For tests only: a server that plays scripts, and a client run to the end of each request.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "http/client.h"

namespace b3::http::testing {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using Result = std::expected<ClientResponse, ClientError>;

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
inline void wait_for_end(tcp::socket& socket) {
  char bytes[1024];
  boost::system::error_code error;
  while (!error) socket.read_some(asio::buffer(bytes), error);
}

inline ScriptedPeer::Script answer(std::string text) {
  return [text = std::move(text)](tcp::socket& socket) {
    read_head(socket);
    say(socket, text);
  };
}

inline ClientRequest request_to(std::uint16_t port, std::string target = "/x?secret=1") {
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

inline constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace b3::http::testing
