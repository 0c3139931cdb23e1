// For tests only: a server on its own thread, and a client that sends raw bytes.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "http/server.h"

namespace b3::http::testing {

using namespace std::chrono_literals;

// An event loop on a thread of its own.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop.run(); }) {}
  ~LoopThread() {
    work_.reset();
    thread_.join();
  }

  template <typename Function>
  auto call(Function function) {
    return boost::asio::post(
               loop, boost::asio::use_future(std::function<decltype(function())()>(function)))
        .get();
  }

  // Until `condition`, asked on the loop's thread, holds; false after five seconds.
  template <typename Condition>
  bool wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < deadline) {
      if (call([&] { return bool(condition()); })) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }

  boost::asio::io_context loop{1};

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop.get_executor()};
  std::thread thread_;
};

class RunningServer : public LoopThread {
 public:
  explicit RunningServer(Handler& handler, ServerLimits limits = {},
                         const std::string& address = "127.0.0.1:0")
      : server(loop, handler, limits) {
    port = call([&] {
      server.listen(address);
      return server.port();
    });
  }
  ~RunningServer() {
    call([&] {
      server.stop();
      return true;
    });
    wait_until([&] { return server.open_connections() == 0; });
  }

  Server server;
  std::uint16_t port = 0;
};

struct RawResponse {
  int status = 0;
  std::string head;  // with the status line, up to and with the empty line
  std::string body;
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const timeval timeout{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("connect failed");
    }
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  // Closes with a reset.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  // Has anything arrived that was not read yet?
  bool has_received() const {
    char byte;
    return !pending_.empty() || ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }
  void shutdown_send() { ::shutdown(socket_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  // One response; status 0 when the connection ended before it was complete.
  RawResponse read_response(bool has_body = true) {
    RawResponse response;
    while (pending_.find("\r\n\r\n") == std::string::npos) {
      if (!receive()) return response;
    }
    const std::size_t size = pending_.find("\r\n\r\n") + 4;
    response.head = pending_.substr(0, size);
    pending_.erase(0, size);
    const std::size_t at = response.head.find("\r\nContent-Length: ");
    const std::size_t length =
        at == std::string::npos ? 0 : std::stoul(response.head.substr(at + 18));
    while (has_body && pending_.size() < length) {
      if (!receive()) return response;
    }
    if (has_body) {
      response.body = pending_.substr(0, length);
      pending_.erase(0, length);
    }
    if (pending_.empty()) std::string().swap(pending_);  // tests measure memory
    response.status = std::stoi(response.head.substr(9, 3));
    return response;
  }

  // True when the server closes without sending anything more (within five seconds).
  bool is_closed() {
    if (!pending_.empty()) return false;
    char byte;
    const auto size = ::recv(socket_, &byte, 1, 0);
    return size == 0 || (size < 0 && errno == ECONNRESET);
  }

  // True when the server has closed its side in order; false when it has reset the connection.
  bool ends_in_order() {
    char byte;
    return pending_.empty() && ::recv(socket_, &byte, 1, 0) == 0;
  }

  std::string read_to_end() {
    while (receive()) {
    }
    return std::exchange(pending_, {});
  }

 private:
  bool receive() {
    char bytes[16 * 1024];
    const auto size = ::recv(socket_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    pending_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

  int socket_;
  std::string pending_;
};

}  // namespace b3::http::testing
