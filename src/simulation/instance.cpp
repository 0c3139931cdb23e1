#include "simulation/instance.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "feed/documents.h"
#include "token/retry.h"

namespace b3::simulation {
namespace {

namespace asio = boost::asio;

class NoBody final : public http::BodyReader {
 public:
  asio::awaitable<std::expected<std::string, http::BodyError>> read_all(std::size_t) override {
    co_return std::string{};
  }
};

gateway::GatewayOptions gateway_options(World& world, std::function<Now()> clock) {
  gateway::GatewayOptions options;
  options.shared_store = true;
  options.retry_key = token::retry_key("shared by all instances");
  options.clock = std::move(clock);
  options.random = [&world] { return world.random.bits(); };
  return options;
}

refresh::RefreshOptions refresh_options(World& world, std::function<Now()> clock) {
  refresh::RefreshOptions options;
  options.clock = std::move(clock);
  options.seed = std::uint32_t(world.random.bits());
  return options;
}

feed::FollowerOptions follower_options(const Place& place) {
  feed::FollowerOptions options;
  options.interval = place.feed_interval;
  return options;
}

lease::KeeperOptions keeper_options(const Place& place, std::function<Now()> clock) {
  lease::KeeperOptions options;
  options.instance_id = fmt::format("i{}-{}", place.number, place.lives);
  options.host = fmt::format("host{}", place.number);
  options.clock = std::move(clock);
  return options;
}

std::vector<std::string> periodic_work(const view::View& view) {
  std::vector<std::string> names{std::string(lease::housekeeping)};
  for (const auto* entry : view.backends()) names.push_back(lease::refresh_of(entry->backend.id));
  return names;
}

// What the executor counts with: time that the call itself has spent waiting is not in the world's
// clock yet.
std::function<Now()> executor_clock(World& world, Link& link) {
  return [&world, &link] {
    auto now = world.now();
    now.steady += link.spent;
    return now;
  };
}

}  // namespace

Instance::Instance(World& world, Database& database, Network& network, Place& place)
    : world_(world),
      place_(place),
      registered_(world, loop_),
      clock_([&world, &place] { return world.now(place.clock_offset); }),
      view_(clock_),
      executor_(
          [&world, &database, &place] {
            return store::make_sql_store(
                [&world, &database, &place] { return connect(world, database, place.link); });
          },
          make_workers(world, place.link, loop_), {}, executor_clock(world, place.link)),
      sender_(network.sender(place.number)),
      nodes_(*sender_, {}, clock_),
      gateway_(executor_, view_, in_flight_, nodes_, gateway_options(world, clock_)),
      keeper_(loop_, executor_, keeper_options(place, clock_),
              [this] { return periodic_work(view_); }),
      refresher_(loop_, executor_, view_, in_flight_, nodes_, keeper_,
                 refresh_options(world, clock_)),
      follower_(loop_, executor_, view_, in_flight_, load(), follower_options(place)) {
  ++place.lives;
  nodes_.on_open([this](std::string_view backend_id) { refresher_.poll_now(backend_id); });
  keeper_.start();
  refresher_.start();
  follower_.start();
  asio::co_spawn(loop_, feed::read_documents(loop_, executor_, view_), asio::detached);
}

// Everything that waits goes first, while what it uses still lives.
Instance::~Instance() {
  loop_.abandon();
  for (auto& [number, answered] : std::exchange(open_, {})) answered(std::nullopt);
}

store::FeedPosition Instance::load() {
  return executor_.run_blocking([this](store::Store& store) {
    const auto from = store.feed_position();
    view_.load(store.list_frontends(), store.list_backends(), store.list_meetings());
    return from;
  });
}

void Instance::request(http::Request request, Answered answered) {
  const auto number = ++requests_;
  request.id = fmt::format("i{}-{}-{}", place_.number, place_.lives, number);
  http::Response response;
  if (gateway_.answer_now(request, response)) return answered(std::move(response));
  open_.emplace(number, std::move(answered));
  asio::co_spawn(loop_, answer(number, std::move(request)), asio::detached);
}

asio::awaitable<void> Instance::answer(std::uint64_t number, http::Request request) {
  NoBody body;
  try {
    finish(number, co_await gateway_.answer(request, body));
  } catch (const std::exception& error) {
    world_.violated(fmt::format("a request ended with an exception: {}", error.what()));
  }
}

void Instance::finish(std::uint64_t number, std::optional<http::Response> response) {
  auto found = open_.extract(number);
  if (found) found.mapped()(std::move(response));
}

}  // namespace b3::simulation
