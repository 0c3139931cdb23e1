#include "http/client_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <stdexcept>

namespace b3::http {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Time = ClientStream::Time;

namespace {

constexpr auto as_awaitable_tuple = asio::as_tuple(asio::use_awaitable);

ClientError failed(ClientFailure failure, const Url& url, std::string_view what,
                   const error_code& error) {
  const bool late = error == asio::error::timed_out;
  if (late && failure == ClientFailure::tls) failure = ClientFailure::connect;
  if (is_local(error)) failure = ClientFailure::local;
  return {failure, std::string(what) + ' ' + url.authority() + ": " +
                       (late ? "no answer in time" : error.message())};
}

// Each address gets an equal share of the time that is left, so that one black hole does not use
// up the time of the others.
Time share_of(Time deadline, std::size_t addresses_left) {
  const auto now = Clock::now();
  return now + (deadline - now) / static_cast<std::ptrdiff_t>(addresses_left);
}

error_code last_error() {
  return {errno, boost::system::system_category()};
}

asio::awaitable<error_code> connect_to(asio::io_context& loop, ClientStream& stream,
                                       tcp::endpoint endpoint) {
  const int descriptor = ::socket(endpoint.protocol().family(),
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) co_return last_error();
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Registered before it is connected, a socket would count as hung up.
  const int result =
      ::connect(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  error_code refused = result == 0 ? error_code() : last_error();
  // With IPv6 it is an address that is missing, mostly, not a port.
  if (refused.value() == EADDRNOTAVAIL && endpoint.address().is_v6()) {
    refused = asio::error::network_unreachable;
  }
  stream.tcp.emplace(loop, descriptor);
  if (refused && refused.value() != EINPROGRESS) co_return refused;

  const auto [error] = co_await stream.tcp->async_wait(Socket::Side::write, as_awaitable_tuple);
  if (error) co_return stream.why(error);
  int failure = 0;
  socklen_t size = sizeof failure;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) co_return last_error();
  co_return error_code(failure, boost::system::system_category());
}

asio::awaitable<error_code> connect_to_any(asio::io_context& loop, ClientStream& stream,
                                           const Resolver::Endpoints& endpoints, Time deadline) {
  error_code error = asio::error::host_not_found;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    stream.tcp.reset();
    stream.expires_at(share_of(deadline, endpoints.size() - i));
    const error_code failure = co_await connect_to(loop, stream, endpoints[i]);
    if (!failure) co_return failure;
    // What is known of the peer counts for more than what was wrong with ourselves.
    if (i == 0 || is_local(error)) error = failure;
  }
  co_return error;
}

asio::awaitable<error_code> shake_hands(ClientStream& stream, ssl::context& context,
                                        const std::string& host) {
  stream.tls.emplace(*stream.tcp, context);
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
  co_return stream.why(error);
}

}  // namespace

void Deadlines::add(ClientStream& stream) {
  stream.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &stream;
  first_ = &stream;
  keep_ticking();
}

void Deadlines::remove(ClientStream& stream) {
  (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  stream.previous_ = stream.next_ = nullptr;
}

void Deadlines::keep_ticking() {
  if (std::exchange(ticking_, true)) return;
  ticker_.expires_after(std::chrono::milliseconds(10));
  ticker_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;
    self->ticking_ = false;
    const auto now = Clock::now();
    for (ClientStream* each = self->first_; each != nullptr; each = each->next_) {
      if (each->expired_ || now < *each->deadline_) continue;
      each->expired_ = true;
      if (each->tcp) each->tcp->close();
    }
    if (self->first_ != nullptr) self->keep_ticking();
  });
}

void ClientStream::expires_at(Time time) {
  if (!deadline_) deadlines_->add(*this);
  deadline_ = time;
  expired_ = false;
}

void ClientStream::expires_never() {
  if (deadline_) deadlines_->remove(*this);
  deadline_.reset();
}

error_code ClientStream::why(error_code error) const {
  return error && expired_ ? error_code(asio::error::timed_out) : error;
}

bool ClientStream::is_alive() {
  if (!tls && tcp->is_known_quiet()) return true;
  // A TLS peer that closes says so in bytes of its own.
  pollfd socket{.fd = tcp->native_handle(), .events = POLLRDHUP, .revents = 0};
  if (tls && ::poll(&socket, 1, 0) != 0) return false;
  char byte;
  const auto size = ::recv(tcp->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
  // Bytes nobody asked for are an error (often a 408) in plain HTTP, but may be session tickets
  // in TLS.
  return size > 0 && tls.has_value();
}

bool is_local(const error_code& error) {
  const auto is = [&](int number) {
    return error == error_code(number, boost::system::system_category());
  };
  return is(EMFILE) || is(ENFILE) || is(ENOBUFS) || is(ENOMEM) || is(EADDRNOTAVAIL);
}

ClientFailure failure_of_look_up(const error_code& error) {
  if (is_local(error)) return ClientFailure::local;
  return does_not_exist(error) ? ClientFailure::connect : ClientFailure::look_up;
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
    asio::io_context& loop, std::shared_ptr<Deadlines> deadlines, Resolver& resolver,
    ssl::context& tls, Url url, Time deadline) {
  error_code error;
  const auto endpoints = co_await resolver.resolve(url.host, url.port, deadline, error);
  if (error) co_return std::unexpected(failed(failure_of_look_up(error), url, "look up", error));

  auto stream = std::make_unique<ClientStream>(std::move(deadlines));
  error = co_await connect_to_any(loop, *stream, endpoints, deadline);
  if (error) co_return std::unexpected(failed(ClientFailure::connect, url, "connect to", error));

  if (url.tls) {
    stream->expires_at(deadline);
    error = co_await shake_hands(*stream, tls, url.host);
    if (error) {
      co_return std::unexpected(failed(ClientFailure::tls, url, "TLS handshake with", error));
    }
  }
  co_return stream;
}

}  // namespace b3::http
