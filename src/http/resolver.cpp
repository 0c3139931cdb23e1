#include "http/resolver.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <tuple>
#include <utility>

#include "http/look_ups.h"

namespace b3::http {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// What is known about a name. Shared with its running lookup, which cannot be cancelled and may
// end after the resolver.
struct Resolver::Name {
  void finish(const error_code& result, Addresses found, const ResolverLimits& limits);

  Addresses addresses;      // the last that were found
  error_code error;         // of the last lookup
  Time next = Time::min();  // when another lookup may start
  Time used = Time::min();
  Time started = Time::min();  // of the last lookup
  bool is_running = false;
  std::vector<asio::steady_timer*> waiting;
};

namespace {

Resolver::LookUp ask_system(asio::io_context& loop) {
  return
      [&look_ups = asio::use_service<LookUps>(loop)](const std::string& host, Resolver::Done done) {
        look_ups.start(host, std::move(done));
      };
}

// A caller in the queue of a name; leaves it when its coroutine goes on or is destroyed.
class Waiter {
 public:
  Waiter(std::vector<asio::steady_timer*>& queue, asio::steady_timer& timer)
      : queue_(queue), timer_(timer) {
    queue_.push_back(&timer_);
  }
  ~Waiter() { std::erase(queue_, &timer_); }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 private:
  std::vector<asio::steady_timer*>& queue_;
  asio::steady_timer& timer_;
};

}  // namespace

bool does_not_exist(const error_code& error) {
  return error == asio::error::host_not_found || error == asio::error::no_data;
}

void Resolver::Name::finish(const error_code& result, Addresses found,
                            const ResolverLimits& limits) {
  if (!std::exchange(is_running, false)) return;
  error = result;
  if (!error && found.empty()) error = asio::error::host_not_found;
  if (!error) addresses = std::move(found);
  const auto pause = !error                  ? limits.fresh_time
                     : does_not_exist(error) ? limits.retry_time
                                             : limits.no_answer_time;
  next = Clock::now() + pause;
  for (asio::steady_timer* timer : waiting) timer->cancel();
}

Resolver::Resolver(asio::io_context& loop, ResolverLimits limits)
    : Resolver(loop, limits, ask_system(loop)) {}

Resolver::Resolver(asio::io_context& loop, ResolverLimits limits, LookUp look_up)
    : loop_(loop), limits_(limits), look_up_(std::move(look_up)) {}

Resolver::~Resolver() = default;

std::shared_ptr<Resolver::Name> Resolver::find_or_add(const std::string& host) {
  if (const auto found = names_.find(host); found != names_.end()) return found->second;
  if (names_.size() >= limits_.names) {
    // The first to go are names without an address, then those not used for the longest time.
    const auto rank = [](const auto& item) {
      const Name& name = *item.second;
      return std::make_tuple(name.is_running, !name.addresses.empty(), name.used);
    };
    const auto oldest = std::ranges::min_element(names_, {}, rank);
    if (oldest == names_.end() || oldest->second->is_running) return nullptr;
    names_.erase(oldest);
  }
  return names_.emplace(host, std::make_shared<Name>()).first->second;
}

void Resolver::start(const std::shared_ptr<Name>& name, const std::string& host) {
  name->is_running = true;
  name->started = Clock::now();
  try {
    look_up_(host, [name, limits = limits_](const error_code& error, Addresses found) {
      name->finish(error, std::move(found), limits);
    });
  } catch (const std::exception&) {  // no memory, no thread
    name->finish(asio::error::no_recovery, {}, limits_);
  }
}

asio::awaitable<Resolver::Endpoints> Resolver::resolve(std::string host, std::uint16_t port,
                                                       Time deadline, error_code& error) {
  error = {};
  error_code not_numeric;
  const asio::ip::address address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return Endpoints{{address, port}};

  const auto name = find_or_add(host);
  if (!name) {
    error = asio::error::no_buffer_space;
    co_return Endpoints{};
  }
  const Time now = Clock::now();
  name->used = now;
  if (!name->is_running && now >= name->next) start(name, host);

  Time until = deadline;
  if (!name->addresses.empty()) {
    // Half of the time is left for connecting.
    until = std::min(name->started + limits_.patience, now + (deadline - now) / 2);
  }
  if (name->is_running && now < until) {
    asio::steady_timer timer(loop_, until);
    const Waiter waiter(name->waiting, timer);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  if (name->addresses.empty()) error = name->is_running ? asio::error::timed_out : name->error;
  Endpoints endpoints;
  for (const asio::ip::address& found : name->addresses) endpoints.emplace_back(found, port);
  co_return endpoints;
}

}  // namespace b3::http
