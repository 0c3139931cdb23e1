// One connection of the client to an origin: TCP, or TLS over TCP. Event loop thread only.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "base/url.h"
#include "http/client.h"
#include "http/input_buffer.h"
#include "http/resolver.h"
#include "http/socket.h"

namespace b3::http {

class ClientStream;

// Ends the streams whose time is over, up to 10 ms late: one timer for all of a client's streams,
// where a timer for each would cost several system calls per request.
class Deadlines : public std::enable_shared_from_this<Deadlines> {
 public:
  explicit Deadlines(boost::asio::io_context& loop) : ticker_(loop.get_executor()) {}

 private:
  friend class ClientStream;
  using Clock = std::chrono::steady_clock;
  using Timer =
      boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, LoopExecutor>;

  void add(ClientStream& stream);
  void remove(ClientStream& stream);
  void keep_ticking();

  Timer ticker_;
  bool ticking_ = false;
  ClientStream* first_ = nullptr;
};

class ClientStream {
 public:
  using Tls = boost::asio::ssl::stream<Socket&>;
  using Time = std::chrono::steady_clock::time_point;

  explicit ClientStream(std::shared_ptr<Deadlines> deadlines) : deadlines_(std::move(deadlines)) {}
  ~ClientStream() { expires_never(); }
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  // Holds for every operation from now on; the connection is closed then.
  void expires_at(Time time);
  void expires_never();
  // error::timed_out in place of what an operation ended with because of the deadline.
  boost::system::error_code why(boost::system::error_code error) const;
  // False when the peer closed it while nobody was looking.
  bool is_alive();

  std::optional<Socket> tcp;
  std::optional<Tls> tls;
  InputBuffer input;
  Time idle_since;

 private:
  friend class Deadlines;

  const std::shared_ptr<Deadlines> deadlines_;
  std::optional<Time> deadline_;
  bool expired_ = false;
  ClientStream* previous_ = nullptr;
  ClientStream* next_ = nullptr;
};

// TLS 1.2 and later, peers verified against `ca_file` or the system's authorities. Throws when the
// file cannot be used.
boost::asio::ssl::context make_tls_context(const std::string& ca_file);

// Did an operation fail for want of descriptors, ports or memory of our own?
bool is_local(const boost::system::error_code& error);
// What a failed look-up is to be called.
ClientFailure failure_of_look_up(const boost::system::error_code& error);

// Tries every address of the host; the deadline spans all of it and the TLS handshake.
boost::asio::awaitable<std::expected<std::unique_ptr<ClientStream>, ClientError>> open_stream(
    boost::asio::io_context& loop, std::shared_ptr<Deadlines> deadlines, Resolver& resolver,
    boost::asio::ssl::context& tls, Url url, ClientStream::Time deadline);

}  // namespace b3::http
