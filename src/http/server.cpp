#include "http/server.h"

#include <algorithm>
#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
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

Shop::Shop(Handler& the_handler, ServerLimits the_limits)
    : handler(the_handler), limits(the_limits) {
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

void Shop::close_expired() {
  for (Connection* each = first; each != nullptr; each = each->next_) {
    if (each->deadline_ <= now) each->expire();
  }
}

struct Server::State : std::enable_shared_from_this<Server::State> {
  using Acceptor = asio::basic_socket_acceptor<tcp, LoopExecutor>;
  using Timer =
      asio::basic_waitable_timer<std::chrono::steady_clock,
                                 asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

  State(asio::io_context& the_loop, Handler& handler, ServerLimits limits)
      : loop(the_loop), ticker(the_loop), shop(std::make_shared<Shop>(handler, limits)) {}

  void open(const std::string& address);
  LoopTask<void> accept_from(Acceptor& acceptor);
  void serve(LoopSocket socket);
  void keep_ticking();
  void close_listeners();

  asio::io_context& loop;
  std::deque<Acceptor> acceptors;  // stay in place while their coroutines use them
  Timer ticker;
  bool ticking = false;
  bool closed = false;
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
bool is_about_one_connection(const error_code& error) {
  return error == asio::error::connection_aborted || error == asio::error::connection_reset ||
         error == asio::error::interrupted || error.value() == EPROTO;
}

}  // namespace

void Server::State::open(const std::string& text) {
  const ListenAddress address = parse_listen_address(text);
  Acceptor& acceptor = acceptors.emplace_back(loop.get_executor());
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
  if (error) {
    acceptors.pop_back();
    throw std::system_error(std::error_code(error), "cannot listen on " + text);
  }
  asio::co_spawn(loop.get_executor(), accept_from(acceptor), asio::detached);
}

LoopTask<void> Server::State::accept_from(Acceptor& acceptor) {
  const auto self = shared_from_this();
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(as_loop_tuple);
    if (!acceptor.is_open()) co_return;
    if (!error) {
      serve(std::move(socket));
    } else if (!is_about_one_connection(error)) {
      log::warn("accept failed", {{"error", error.message()}});
      Timer pause(loop.get_executor(), 100ms);
      co_await pause.async_wait(as_loop_tuple);
    }
  }
}

void Server::State::serve(LoopSocket socket) {
  if (shop->connections >= shop->limits.connections) return;  // closes it
  try {
    if (shop->connections == 0) shop->renew_date();
    const auto connection = std::make_shared<Connection>(shop, std::move(socket));
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
    self->shop->close_expired();
    if (self->shop->connections > 0) self->keep_ticking();
  });
}

void Server::State::close_listeners() {
  error_code ignored;
  for (Acceptor& acceptor : acceptors) acceptor.close(ignored);
}

Server::Server(asio::io_context& loop, Handler& handler, ServerLimits limits)
    : state_(std::make_shared<State>(loop, handler, limits)) {}

Server::~Server() {
  stop();
}

void Server::listen(const std::string& address) {
  state_->open(address);
}

std::uint16_t Server::port() const {
  error_code error;
  if (state_->acceptors.empty()) return 0;
  return state_->acceptors.front().local_endpoint(error).port();
}

void Server::drain() {
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

void Server::stop() {
  state_->close_listeners();
  state_->closed = true;
  state_->ticker.cancel();
  for (Connection* each = state_->shop->first; each != nullptr; each = each->next()) each->stop();
}

}  // namespace b3::http
