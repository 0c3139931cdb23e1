#include "http/client_stream.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <stdexcept>

namespace b3::http {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
namespace beast = boost::beast;
using boost::system::error_code;
using Time = std::chrono::steady_clock::time_point;

namespace {

constexpr auto as_awaitable_tuple = asio::as_tuple(asio::use_awaitable);

ClientError failed(ClientFailure failure, const Url& url, std::string_view what,
                   const error_code& error) {
  const bool late = error == beast::error::timeout || error == asio::error::timed_out;
  return {late ? ClientFailure::connect : failure,
          std::string(what) + ' ' + url.authority() + ": " +
              (late ? "no answer in time" : error.message())};
}

// Each address gets an equal share of the time that is left, so that one black hole does not use
// up the time of the others.
Time share_of(Time deadline, std::size_t addresses_left) {
  const auto now = std::chrono::steady_clock::now();
  return now + (deadline - now) / static_cast<std::ptrdiff_t>(addresses_left);
}

asio::awaitable<error_code> connect_to_any(beast::tcp_stream& stream,
                                           const Resolver::Endpoints& endpoints, Time deadline) {
  error_code error = asio::error::host_not_found;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    error_code ignored;
    stream.socket().close(ignored);
    stream.expires_at(share_of(deadline, endpoints.size() - i));
    std::tie(error) = co_await stream.async_connect(endpoints[i], as_awaitable_tuple);
    if (!error) break;
  }
  co_return error;
}

asio::awaitable<error_code> shake_hands(ClientStream& stream, ssl::context& context,
                                        const std::string& host) {
  stream.tls.emplace(stream.tcp, context);
  error_code not_numeric;
  asio::ip::make_address(host, not_numeric);
  // RFC 6066 section 3: server names are DNS names, never addresses.
  if (not_numeric && SSL_set_tlsext_host_name(stream.tls->native_handle(), host.c_str()) != 1) {
    co_return asio::error::invalid_argument;
  }
  error_code error;
  stream.tls->set_verify_callback(ssl::host_name_verification(host), error);
  if (error) co_return error;
  std::tie(error) =
      co_await stream.tls->async_handshake(ssl::stream_base::client, as_awaitable_tuple);
  co_return error;
}

}  // namespace

bool ClientStream::is_alive() {
  char byte;
  const auto size = ::recv(tcp.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
  // Bytes nobody asked for are an error (often a 408) in plain HTTP, but may be session tickets
  // in TLS.
  return size > 0 && tls.has_value();
}

ssl::context make_tls_context(const std::string& ca_file) {
  ssl::context context(ssl::context::tls_client);
  if (SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION) != 1) {
    throw std::runtime_error("TLS 1.2 is not available");
  }
  context.set_verify_mode(ssl::verify_peer);
  if (ca_file.empty()) {
    context.set_default_verify_paths();
  } else {
    error_code error;
    context.load_verify_file(ca_file, error);
    if (error) {
      throw std::runtime_error("cannot read certificates from " + ca_file + ": " + error.message());
    }
  }
  return context;
}

asio::awaitable<std::expected<std::unique_ptr<ClientStream>, ClientError>> open_stream(
    asio::io_context& loop, Resolver& resolver, ssl::context& tls, Url url, Time deadline) {
  error_code error;
  const auto endpoints = co_await resolver.resolve(url.host, url.port, deadline, error);
  if (error) co_return std::unexpected(failed(ClientFailure::connect, url, "look up", error));

  auto stream = std::make_unique<ClientStream>(loop);
  error = co_await connect_to_any(stream->tcp, endpoints, deadline);
  if (error) co_return std::unexpected(failed(ClientFailure::connect, url, "connect to", error));
  stream->tcp.socket().set_option(asio::ip::tcp::no_delay(true), error);

  if (url.tls) {
    stream->tcp.expires_at(deadline);
    error = co_await shake_hands(*stream, tls, url.host);
    if (error) {
      co_return std::unexpected(failed(ClientFailure::tls, url, "TLS handshake with", error));
    }
  }
  co_return stream;
}

}  // namespace b3::http
