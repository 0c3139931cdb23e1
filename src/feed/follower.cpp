#include "feed/follower.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "base/log.h"
#include "feed/apply.h"
#include "feed/synchronize.h"

namespace b3::feed {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t batch = 1'000;

}  // namespace

Follower::Follower(asio::io_context& loop, store::Executor& store, view::View& view,
                   const view::InFlight& in_flight, store::FeedPosition position,
                   FollowerOptions options)
    : loop_(loop),
      store_(store),
      view_(view),
      in_flight_(in_flight),
      position_(position),
      options_(std::move(options)),
      timer_(loop) {}

void Follower::start() {
  asio::co_spawn(loop_, follow(), asio::detached);
}

void Follower::stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> Follower::follow() {
  bool failing = false;
  while (!stopped_) {
    auto pause = options_.interval;
    try {
      if (co_await read_once()) pause = milliseconds{0};
      co_await synchronize_skipped();
      if (std::exchange(failing, false)) log::info("the change feed is followed again");
    } catch (const std::exception& error) {
      pause = options_.retry_interval;
      if (!std::exchange(failing, true)) {
        log::warn("the change feed can not be read", {{"reason", error.what()}});
      }
    }
    timer_.expires_after(pause);
    co_await timer_.wait();
  }
}

asio::awaitable<bool> Follower::read_once() {
  const auto asked_at = view_.version();
  const auto after = position_;
  auto changes = co_await store_.run(
      [after](store::Store& store) { return store.read_changes(after, batch); });
  if (changes.gap) {
    co_await reload();
    co_return true;
  }
  const bool moved = changes.position != position_;
  position_ = changes.position;
  if (!moved) co_return false;
  auto skipped = apply(std::move(changes), view_, asked_at,
                       [this](std::string_view id) { return in_flight_.contains(id); });
  skipped_.insert(skipped.begin(), skipped.end());
  co_return true;
}

asio::awaitable<void> Follower::reload() {
  log::warn("the change feed has a gap, loading everything again");
  auto [position, frontends, backends, meetings] = co_await store_.run([](store::Store& store) {
    const auto from = store.feed_position();
    return std::tuple{from, store.list_frontends(), store.list_backends(), store.list_meetings()};
  });
  view_.load(std::move(frontends), std::move(backends), std::move(meetings));
  position_ = position;
}

asio::awaitable<void> Follower::synchronize_skipped() {
  std::vector<std::string> ready;
  for (const auto& id : skipped_) {
    if (!in_flight_.contains(id)) ready.push_back(id);
  }
  if (ready.empty()) co_return;
  co_await synchronize(store_, view_, ready);
  for (const auto& id : ready) skipped_.erase(id);
}

}  // namespace b3::feed
