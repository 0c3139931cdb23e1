#include "http/resolver.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace b3::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds kept_time{10};

// Shared with the system lookup, which cannot be cancelled once it runs.
struct Lookup {
  explicit Lookup(asio::io_context& loop) : resolver(loop), done(loop) {}
  tcp::resolver resolver;
  asio::steady_timer done;
  bool finished = false;
  error_code error;
  Resolver::Endpoints endpoints;
};

std::shared_ptr<Lookup> start_lookup(asio::io_context& loop, const std::string& host,
                                     std::uint16_t port, Resolver::Time deadline) {
  auto lookup = std::make_shared<Lookup>(loop);
  lookup->done.expires_at(deadline);
  lookup->resolver.async_resolve(
      host, std::to_string(port),
      [lookup](const error_code& error, const tcp::resolver::results_type& results) {
        lookup->finished = true;
        lookup->error = error;
        for (const auto& result : results) lookup->endpoints.push_back(result.endpoint());
        lookup->done.cancel();
      });
  return lookup;
}

}  // namespace

asio::awaitable<Resolver::Endpoints> Resolver::resolve(std::string host, std::uint16_t port,
                                                       Time deadline, error_code& error) {
  error = {};
  error_code not_numeric;
  const asio::ip::address address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return Endpoints{{address, port}};

  const Time now = std::chrono::steady_clock::now();
  std::erase_if(cache_, [now](const auto& item) { return item.second.until <= now; });
  const auto key = std::make_pair(std::move(host), port);
  if (const auto kept = cache_.find(key); kept != cache_.end()) co_return kept->second.endpoints;

  const auto lookup = start_lookup(loop_, key.first, port, deadline);
  co_await lookup->done.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!lookup->finished) {
    error = asio::error::timed_out;
    co_return Endpoints{};
  }
  error = lookup->error;
  if (!error && lookup->endpoints.empty()) error = asio::error::host_not_found;
  if (!error) cache_[key] = {lookup->endpoints, std::chrono::steady_clock::now() + kept_time};
  co_return lookup->endpoints;
}

}  // namespace b3::http
