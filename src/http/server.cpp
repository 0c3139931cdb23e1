#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <ctime>
#include <deque>
#include <system_error>

#include "base/log.h"
#include "http/connection.h"
#include "http/listen_address.h"

namespace b3::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

std::size_t affordable_connections(std::size_t wanted, std::size_t descriptors) {
  // For the store, the log and the connections to nodes, which come and go.
  const std::size_t reserve = std::max<std::size_t>(64, descriptors / 4);
  const std::size_t left = descriptors - std::min(descriptors, reserve);
  return std::min(wanted, std::max(left, descriptors / 4));
}

namespace {

ServerLimits within_descriptors(ServerLimits limits) {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return limits;
  if (descriptors.rlim_cur == RLIM_INFINITY) return limits;
  limits.connections = affordable_connections(limits.connections, descriptors.rlim_cur);
  return limits;
}

}  // namespace

Shop::Shop(Handler& the_handler, ServerLimits the_limits)
    : handler(the_handler), limits(within_descriptors(the_limits)) {
  const auto shortest = std::min(
      {limits.header_timeout, limits.body_timeout, limits.idle_timeout, limits.write_timeout});
  tick = std::clamp<std::chrono::milliseconds>(shortest / 4, 5ms, 250ms);
  renew_date();
}

void Shop::renew_date() {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT",
                                 days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                                 months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900,
                                 utc.tm_hour, utc.tm_min, utc.tm_sec);
  date.assign(text, static_cast<std::size_t>(size));
}

// At least `time`, at most two ticks more.
std::uint64_t Shop::deadline_in(std::chrono::milliseconds time) const {
  return now + static_cast<std::uint64_t>((time + tick - 1ms) / tick) + 1;
}

void Shop::look_after_connections() {
  const auto left = std::max(limits.idle_timeout - limits.buffer_timeout, 0ms);
  const std::uint64_t idle_for_long = deadline_in(left);
  for (Connection* each = first; each != nullptr; each = each->next_) {
    if (each->deadline_ <= now) {
      each->expire();
    } else if (each->deadline_ <= idle_for_long && each->is_idle()) {
      each->release_memory();
    }
  }
}

struct Server::State : std::enable_shared_from_this<Server::State> {
  using Acceptor = asio::basic_socket_acceptor<tcp, LoopExecutor>;
  using Timer =
      asio::basic_waitable_timer<std::chrono::steady_clock,
                                 asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

  State(asio::io_context& the_loop, Handler& handler, ServerLimits limits)
      : loop(the_loop), ticker(the_loop), shop(std::make_shared<Shop>(handler, limits)) {}

  struct Listener {
    Acceptor acceptor;
    bool inherited = false;
  };

  void open(const std::string& address);
  void adopt(int descriptor);
  LoopTask<void> accept_from(Listener& listener);
  int accept_all(int listening);
  void serve(int descriptor, const sockaddr_storage& peer);
  void keep_ticking();
  void close_listeners();

  asio::io_context& loop;
  std::deque<Listener> listeners;  // stay in place while their coroutines use them
  Timer ticker;
  bool ticking = false;
  bool closed = false;
  Rarely too_many;  // connections
  Rarely accept_failed;
  const std::shared_ptr<Shop> shop;
};

namespace {

template <typename Acceptor>
error_code listen_on(Acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    const bool all = endpoint.address().is_unspecified();
    acceptor.set_option(asio::ip::v6_only(!all), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    error_code ignored;
    acceptor.close(ignored);
  }
  return error;
}

// Errors of accept(2) that concern one connection only; after others it is tried again later.
bool is_about_one_connection(int error) {
  return error == ECONNABORTED || error == ECONNRESET || error == EINTR || error == EPROTO;
}

std::string address_of(const sockaddr_storage& peer) {
  if (peer.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(peer);
    return asio::ip::address_v4(ntohl(four.sin_addr.s_addr)).to_string();
  }
  if (peer.ss_family != AF_INET6) return {};
  const auto& six = reinterpret_cast<const sockaddr_in6&>(peer);
  asio::ip::address_v6::bytes_type bytes;
  std::copy(std::begin(six.sin6_addr.s6_addr), std::end(six.sin6_addr.s6_addr), bytes.begin());
  const asio::ip::address_v6 address(bytes, six.sin6_scope_id);
  if (!address.is_v4_mapped()) return address.to_string();
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address).to_string();
}

[[noreturn]] void refuse_to_adopt(int error) {
  throw std::system_error(error, std::system_category(), "cannot use the inherited socket");
}

// The protocol of a listening TCP socket.
tcp protocol_of(int descriptor) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    refuse_to_adopt(errno);
  }
  int type = 0, listening = 0;
  size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
    refuse_to_adopt(errno);
  }
  const bool is_tcp = name.ss_family == AF_INET || name.ss_family == AF_INET6;
  if (!is_tcp || type != SOCK_STREAM || listening == 0) refuse_to_adopt(EINVAL);
  return name.ss_family == AF_INET ? tcp::v4() : tcp::v6();
}

}  // namespace

void Server::State::open(const std::string& text) {
  const ListenAddress address = parse_listen_address(text);
  Listener& listener = listeners.emplace_back(Acceptor(loop.get_executor()));
  Acceptor& acceptor = listener.acceptor;
  error_code error;
  if (address.host.empty()) {
    error = listen_on(acceptor, {asio::ip::address_v6::any(), address.port});
    if (error && error != asio::error::address_in_use && error != asio::error::access_denied) {
      error = listen_on(acceptor, {asio::ip::address_v4::any(), address.port});
    }
  } else {
    tcp::resolver resolver(loop);
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
    if (!error) error = listen_on(acceptor, found.begin()->endpoint());
  }
  if (!error) acceptor.native_non_blocking(true, error);
  if (error) {
    listeners.pop_back();
    throw std::system_error(std::error_code(error), "cannot listen on " + text);
  }
  asio::co_spawn(loop.get_executor(), accept_from(listener), asio::detached);
}

void Server::State::adopt(int descriptor) {
  const tcp protocol = protocol_of(descriptor);
  Listener& listener = listeners.emplace_back(Acceptor(loop.get_executor()), true);
  error_code error;
  listener.acceptor.assign(protocol, descriptor, error);
  if (!error) listener.acceptor.native_non_blocking(true, error);
  if (error) {
    listeners.pop_back();
    refuse_to_adopt(error.value());
  }
  asio::co_spawn(loop.get_executor(), accept_from(listener), asio::detached);
}

LoopTask<void> Server::State::accept_from(Listener& listener) {
  const auto self = shared_from_this();
  Acceptor& acceptor = listener.acceptor;
  while (acceptor.is_open()) {
    co_await acceptor.async_wait(Acceptor::wait_read, as_loop_tuple);
    if (!acceptor.is_open()) co_return;
    const int error = accept_all(acceptor.native_handle());
    if (error == EAGAIN || error == EWOULDBLOCK) continue;
    if (const auto times = accept_failed.note()) {
      log::warn("accept failed",
                {{"error", std::system_category().message(error)}, {"times", *times}});
    }
    Timer pause(loop.get_executor(), 100ms);
    co_await pause.async_wait(as_loop_tuple);
  }
}

// Until the queue is empty (EAGAIN) or something is wrong; returns the error.
int Server::State::accept_all(int listening) {
  for (;;) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int descriptor = ::accept4(listening, reinterpret_cast<sockaddr*>(&peer), &size,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      serve(descriptor, peer);
    } else if (!is_about_one_connection(errno)) {
      return errno;
    }
  }
}

void Server::State::serve(int descriptor, const sockaddr_storage& peer) {
  if (shop->connections >= shop->limits.connections) {
    ++shop->statistics.connections_refused;
    ::close(descriptor);
    if (const auto times = too_many.note()) {
      log::warn("too many connections", {{"limit", shop->limits.connections}, {"closed", *times}});
    }
    return;
  }
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  try {
    if (shop->connections == 0) shop->renew_date();
    ++shop->statistics.connections_accepted;
    const auto connection = std::make_shared<Connection>(shop, loop, descriptor, address_of(peer));
    asio::co_spawn(loop.get_executor(), connection->run(), asio::detached);
    keep_ticking();
  } catch (const std::exception& error) {
    log::error("connection failed", {{"error", error.what()}});
  }
}

// Ticks while there are connections.
void Server::State::keep_ticking() {
  if (ticking || closed) return;
  ticking = true;
  ticker.expires_after(shop->tick);
  ticker.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (!self) return;
    self->ticking = false;
    if (error) return;
    ++self->shop->now;
    self->shop->renew_date();
    self->shop->look_after_connections();
    if (self->shop->connections > 0) self->keep_ticking();
  });
}

// close() would leave a descriptor that other processes share registered with the loop's epoll.
void Server::State::close_listeners() {
  for (Listener& listener : listeners) {
    if (!listener.acceptor.is_open()) continue;
    error_code error;
    const int descriptor = listener.acceptor.release(error);
    if (!error) ::close(descriptor);
  }
}

Server::Server(asio::io_context& loop, Handler& handler, ServerLimits limits)
    : state_(std::make_shared<State>(loop, handler, limits)) {}

Server::~Server() {
  stop();
}

void Server::listen(const std::string& address) {
  state_->open(address);
}

void Server::adopt(int descriptor) {
  state_->adopt(descriptor);
}

std::uint16_t Server::port() const {
  error_code error;
  if (state_->listeners.empty()) return 0;
  return state_->listeners.front().acceptor.local_endpoint(error).port();
}

void Server::drain() {
  for (State::Listener& listener : state_->listeners) {
    const bool own = listener.acceptor.is_open() && !listener.inherited;
    // Closing the socket would reset who waits in its queue.
    if (own) state_->accept_all(listener.acceptor.native_handle());
  }
  state_->close_listeners();
  state_->shop->draining = true;
  for (Connection* each = state_->shop->first; each != nullptr; each = each->next()) each->drain();
}

std::size_t Server::open_connections() const {
  return state_->shop->connections;
}

std::size_t Server::running_requests() const {
  return state_->shop->running_requests;
}

const ServerStatistics& Server::statistics() const {
  return state_->shop->statistics;
}

void Server::stop() {
  state_->close_listeners();
  state_->closed = true;
  state_->ticker.cancel();
  for (Connection* each = state_->shop->first; each != nullptr; each = each->next()) each->stop();
}

}  // namespace b3::http
