// The HTTP server: keep-alive connections, one request at a time on each, bounded in every
// dimension. One event loop thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "http/message.h"
#include "http/server_statistics.h"

namespace b3::http {

struct ServerLimits {
  std::size_t header_bytes = 64 * 1024;       // start line and headers -> 431
  std::size_t body_bytes = 32 * 1024 * 1024;  // -> 413; a handler may ask for less
  // Of all bodies that are being received at a time, without the first 8 KB of each -> 503.
  std::size_t all_bodies_bytes = 64 * 1024 * 1024;
  // More are accepted and closed at once. Fewer where the process may not have as many
  // descriptors: a part of them is left for nodes and database.
  std::size_t connections = 10'000;
  std::chrono::milliseconds header_timeout{10'000};  // first byte of a request to its last header
  std::chrono::milliseconds body_timeout{30'000};    // the whole body
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds buffer_timeout{1'000};  // idle for so long, it gives up its buffers
  // After drain() idle connections stay open for so long: a request may be on its way.
  std::chrono::milliseconds drain_grace{1'000};
};

enum class BodyError { too_large, timeout, broken };

class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The whole body, decoded from chunks. At most once per request. After too_large the
  // connection is closed behind the response. When the server has no room for it (all_bodies_bytes)
  // it is broken, and the server answers 503 in place of the handler.
  virtual boost::asio::awaitable<std::expected<std::string, BodyError>> read_all(
      std::size_t limit) = 0;
};

// What serves requests. Both functions are called on the event loop's thread.
class Handler {
 public:
  virtual ~Handler() = default;
  // The fast path: fill `response` and return true when this request needs neither I/O nor its
  // body. `response` arrives cleared. Must not block.
  virtual bool answer_now(const Request& request, Response& response) = 0;
  // Everything else. `request` and `body` live until the coroutine ends. An exception is logged
  // and answered by 500 "internal error" with the request id.
  virtual boost::asio::awaitable<Response> answer(const Request& request, BodyReader& body) = 0;
};

class Server {
 public:
  // `handler` must outlive the server.
  Server(boost::asio::io_context& loop, Handler& handler, ServerLimits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1:42353", "[::1]:0", ":8080" (all addresses). Throws std::system_error or
  // std::invalid_argument with a clear text.
  void listen(const std::string& address);
  // Serves a listening TCP socket that somebody else opened (activation.h) and takes it over.
  // Throws std::system_error when it is none.
  void adopt(int descriptor);
  std::uint16_t port() const;  // of the first listener
  // Accepts no more. What waits in the queue of an own listener is still served; an adopted one
  // leaves its queue to the next process. Every further answer closes its connection; idle
  // connections close after ServerLimits::drain_grace.
  void drain();
  std::size_t open_connections() const;
  std::size_t running_requests() const;
  const ServerStatistics& statistics() const;
  // Closes everything.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace b3::http
