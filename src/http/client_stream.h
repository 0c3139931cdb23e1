// One connection of the client to an origin: TCP, or TLS over TCP. Event loop thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "base/url.h"
#include "http/client.h"
#include "http/resolver.h"

namespace b3::http {

struct ClientStream {
  using Tls = boost::asio::ssl::stream<boost::beast::tcp_stream&>;

  explicit ClientStream(boost::asio::io_context& loop) : tcp(loop) {}

  // False when the peer closed it while nobody was looking.
  bool is_alive();

  boost::beast::tcp_stream tcp;  // carries the deadline of all operations
  std::optional<Tls> tls;
  std::chrono::steady_clock::time_point idle_since;
};

// TLS 1.2 and later, peers verified against `ca_file` or the system's authorities. Throws when the
// file cannot be used.
boost::asio::ssl::context make_tls_context(const std::string& ca_file);

// Tries every address of the host; the deadline spans all of it and the TLS handshake.
boost::asio::awaitable<std::expected<std::unique_ptr<ClientStream>, ClientError>> open_stream(
    boost::asio::io_context& loop, Resolver& resolver, boost::asio::ssl::context& tls, Url url,
    std::chrono::steady_clock::time_point deadline);

}  // namespace b3::http
