#include "feed/follower.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "feed/apply.h"
#include "feed/documents.h"
#include "feed/synchronize.h"

namespace b3::feed {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t batch = 1'000;

template <class Value>
std::vector<Value> take_slice(std::vector<Value>& values, std::size_t from, std::size_t count) {
  const auto first = values.begin() + std::ptrdiff_t(from);
  const auto last = values.begin() + std::ptrdiff_t(std::min(from + count, values.size()));
  return {std::make_move_iterator(first), std::make_move_iterator(last)};
}

std::size_t size_of(const store::Changes& changes) {
  return changes.frontends.size() + changes.backends.size() + changes.meetings.size() +
         changes.gone_frontends.size() + changes.gone_backends.size() +
         changes.gone_meetings.size();
}

struct HeldIds {
  std::vector<std::string> frontends;
  std::vector<std::string> backends;
  std::vector<std::string> meetings;
};

HeldIds ids_held_by(const view::View& view) {
  HeldIds held;
  for (const auto* entry : view.frontends()) held.frontends.push_back(entry->frontend.id);
  for (const auto* entry : view.backends()) held.backends.push_back(entry->backend.id);
  for (const auto* entry : view.meetings()) held.meetings.emplace_back(entry->scoped_id());
  return held;
}

template <class Row>
std::vector<std::string> missing(std::vector<std::string> held, const std::vector<Row>& rows,
                                 std::string Row::* id) {
  std::unordered_set<std::string_view> there;
  for (const auto& row : rows) there.insert(row.*id);
  std::erase_if(held, [&](const auto& each) { return there.contains(each); });
  return held;
}

// The whole store as one batch of changes for a view that held these before the store was read.
store::Changes read_everything(store::Store& store, HeldIds held) {
  store::Changes all;
  all.position = store.feed_position();
  all.frontends = store.list_frontends();
  all.backends = store.list_backends();
  all.meetings = store.list_placements();
  all.gone_frontends = missing(std::move(held.frontends), all.frontends, &Frontend::id);
  all.gone_backends = missing(std::move(held.backends), all.backends, &Backend::id);
  all.gone_meetings = missing(std::move(held.meetings), all.meetings, &Meeting::scoped_id);
  return all;
}

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

void Follower::poke() {
  poked_ = true;
  timer_.cancel();
}

asio::awaitable<void> Follower::follow() {
  bool failing = false;
  while (!stopped_) {
    auto pause = options_.retry_interval;
    if (std::exchange(poked_, false)) settling_ = options_.settle_attempts;
    try {
      pause = next_pause(co_await read_once());
      co_await synchronize_skipped();
      if (std::exchange(failing, false)) log::info("the change feed is followed again");
    } catch (const std::exception& error) {
      poked_ = false;
      ++statistics_.failures;
      if (!std::exchange(failing, true)) {
        log::warn("the change feed can not be read", {{"reason", error.what()}});
      }
    }
    if (stopped_ || poked_) continue;
    timer_.expires_after(pause);
    co_await timer_.wait();
  }
}

// What was announced can be read once every transaction that is older has ended.
milliseconds Follower::next_pause(bool moved) {
  if (moved) return milliseconds{0};
  if (settling_ == 0) return options_.interval;
  --settling_;
  return options_.settle_interval;
}

asio::awaitable<bool> Follower::read_once() {
  const auto asked_at = view_.version();
  const auto after = position_;
  const auto began = read_clocks().steady;
  ++statistics_.reads;
  auto changes = co_await store_.run(
      [after](store::Store& store) { return store.read_changes(after, batch); });
  if (changes.gap) {
    ++statistics_.reloads;
    co_await reload();
    co_return false;
  }
  if (changes.position == position_) {
    statistics_.caught_up = began;
    co_return false;
  }
  const auto position = changes.position;
  statistics_.changes += size_of(changes);
  co_await apply_in_slices(std::move(changes), asked_at);
  position_ = position;
  co_return true;
}

asio::awaitable<void> Follower::reload() {
  log::warn("the change feed has a gap, loading everything again");
  view_.set_documents_read(false);  // what is being read of them now may be out of date
  const auto asked_at = view_.version();
  auto all = co_await store_.run([held = ids_held_by(view_)](store::Store& store) mutable {
    return read_everything(store, std::move(held));
  });
  const auto position = all.position;
  co_await apply_in_slices(std::move(all), asked_at);
  position_ = position;
  asio::co_spawn(loop_, read_documents(loop_, store_, view_), asio::detached);
}

asio::awaitable<void> Follower::apply_in_slices(store::Changes changes, std::uint64_t asked_at) {
  auto meetings = std::exchange(changes.meetings, {});
  auto gone = std::exchange(changes.gone_meetings, {});
  auto gone_frontends = std::exchange(changes.gone_frontends, {});
  auto gone_backends = std::exchange(changes.gone_backends, {});
  co_await apply_slice(std::move(changes), asked_at);
  for (std::size_t from = 0; from < meetings.size(); from += options_.slice) {
    store::Changes slice;
    slice.meetings = take_slice(meetings, from, options_.slice);
    co_await apply_slice(std::move(slice), asked_at);
  }
  for (std::size_t from = 0; from < gone.size(); from += options_.slice) {
    store::Changes slice;
    slice.gone_meetings = take_slice(gone, from, options_.slice);
    co_await apply_slice(std::move(slice), asked_at);
  }
  store::Changes last;
  last.gone_frontends = std::move(gone_frontends);
  last.gone_backends = std::move(gone_backends);
  co_await apply_slice(std::move(last), asked_at);
}

asio::awaitable<void> Follower::apply_slice(store::Changes changes, std::uint64_t asked_at) {
  const auto skipped = apply(std::move(changes), view_, asked_at,
                             [this](std::string_view id) { return in_flight_.contains(id); });
  skipped_.insert(skipped.begin(), skipped.end());
  co_await asio::post(loop_, asio::use_awaitable);  // requests that came in meanwhile go first
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
