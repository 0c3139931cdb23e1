#include "refresh/refresher.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "refresh/contact.h"

namespace b3::refresh {

namespace asio = boost::asio;
namespace {

// On average.
constexpr milliseconds first_polls_apart{5};

}  // namespace

Refresher::Refresher(asio::io_context& loop, store::Executor& store, view::View& view,
                     const view::InFlight& in_flight, node::Nodes& nodes, lease::Leases& leases,
                     RefreshOptions options)
    : loop_(loop),
      store_(store),
      view_(view),
      in_flight_(in_flight),
      nodes_(nodes),
      leases_(leases),
      options_(std::move(options)),
      timer_(loop),
      random_(options_.seed),
      watch_(view.watch_meetings([this](std::string_view scoped_id) { notice(scoped_id); })),
      look_out_(loop) {
  view_.remember_erasures();
}

void Refresher::start() {
  began_at_ = options_.clock().steady;
  asio::co_spawn(loop_, supervise(), asio::detached);
}

void Refresher::stop() {
  stopped_ = true;
  waiting_.clear();
  timer_.cancel();
  look_out_.cancel();
}

void Refresher::poll_now(std::string_view backend_id) {
  if (stopped_ || view_.backend(backend_id) == nullptr) return;
  asked_.emplace(backend_id);
  timer_.cancel();
}

milliseconds Refresher::jittered_interval() {
  const auto tenth = options_.interval.count() / 10;
  std::uniform_int_distribution<std::int64_t> jitter{-tenth, tenth};
  return options_.interval + milliseconds{jitter(random_)};
}

asio::awaitable<void> Refresher::supervise() {
  constexpr std::chrono::minutes between_housekeeping{10};
  const auto tick = std::clamp(options_.interval / 20, milliseconds{10}, milliseconds{250});
  while (!stopped_) {
    const auto now = options_.clock().steady;
    look_around(now);
    start_polls(now);
    if (!keeps_house_ && (!house_kept_ || now - *house_kept_ >= between_housekeeping)) {
      house_kept_ = now;
      keeps_house_ = true;
      asio::co_spawn(loop_, keep_house(), asio::detached);
    }
    timer_.expires_after(tick);
    co_await timer_.wait();
  }
}

void Refresher::look_around(SteadyTime now) {
  const auto backends = view_.backends();
  const auto spread = std::min(options_.interval, first_polls_apart * std::ssize(backends));
  std::vector<std::pair<SteadyTime, std::string>> due;
  for (const auto* entry : backends) {
    const auto& backend = entry->backend;
    const bool held = leases_.holds(lease::refresh_of(backend.id));
    meet(backend.id, held);
    if (polling_.contains(backend.id)) continue;
    const bool is_asked_for = asked_.contains(backend.id);
    auto found = watched_.find(backend.id);
    if (!held) {
      if (found != watched_.end()) watched_.erase(found);
      if (is_asked_for) due.emplace_back(SteadyTime{}, backend.id);
      continue;
    }
    if (found == watched_.end()) {
      found = watched_.emplace(backend.id, begin_to_watch(backend, spread, now)).first;
    }
    auto& watched = found->second;
    if (watched.forced != backend.forced_health) {
      watched.forced = backend.forced_health;
      watched.due = {};
    }
    if (is_asked_for) watched.due = {};
    if (watched.due <= now) due.emplace_back(watched.due, backend.id);
  }
  began_ = true;
  std::ranges::sort(due);
  waiting_.clear();
  for (auto& [time, id] : due) waiting_.push_back(std::move(id));
}

void Refresher::meet(const std::string& backend_id, bool held) {
  if (!known_.insert(backend_id).second || !began_) return;
  new_.insert(backend_id);
  if (!held) leases_.soon();
}

// Who starts, or takes over from another instance, has many nodes to poll for the first time: not
// all at once. One that was just added is waited for.
Refresher::Watched Refresher::begin_to_watch(const Backend& backend, milliseconds spread,
                                             SteadyTime now) {
  Watched watched;
  watched.forced = backend.forced_health;
  if (new_.contains(backend.id)) return watched;
  std::uniform_int_distribution<std::int64_t> delay{0, spread.count()};
  watched.due = now + milliseconds{delay(random_)};
  return watched;
}

bool Refresher::may_poll(const std::string& backend_id) const {
  if (polling_.contains(backend_id)) return false;
  if (asked_.contains(backend_id)) return view_.backend(backend_id) != nullptr;
  return watched_.contains(backend_id) && leases_.holds(lease::refresh_of(backend_id));
}

void Refresher::notice(std::string_view scoped_id) {
  if (polling_.empty()) return;
  const auto* row = view_.meeting(scoped_id);
  if (row == nullptr) return;
  const auto polling = polling_.find(row->backend_id());
  if (polling != polling_.end()) polling->second.baseline.notice(*row);
}

void Refresher::start_polls(SteadyTime now) {
  auto young = std::size_t(std::ranges::count_if(
      polling_, [&](const auto& each) { return now - each.second.since < options_.young; }));
  while (!waiting_.empty() && young < options_.young_polls) {
    const auto id = std::move(waiting_.front());
    waiting_.pop_front();
    if (!may_poll(id)) continue;
    const auto watched = watched_.find(id);
    // The time 0 means at once: nobody had to wait.
    const auto due = watched == watched_.end() ? SteadyTime{} : watched->second.due;
    statistics_.delay.observe(due == SteadyTime{} ? SteadyTime::duration{0} : now - due);
    polling_.emplace(id, Polling{now});
    asked_.erase(id);
    new_.erase(id);
    ++young;
    asio::co_spawn(loop_, refresh(id), asio::detached);
  }
}

asio::awaitable<void> Refresher::refresh(std::string backend_id) {
  try {
    co_await detach_if_given_up(backend_id);
    co_await refresh_once(backend_id);
    co_await remove_if_decommissioned(backend_id);
  } catch (const store::StoreUnavailable& error) {
    log::warn("refresh not recorded", {{"backend_id", backend_id}, {"reason", error.what()}});
  } catch (const std::exception& error) {
    log::error("refresh failed", {{"backend_id", backend_id}, {"reason", error.what()}});
  }
  polling_.erase(backend_id);
  if (view_.backend(backend_id) == nullptr) {
    watched_.erase(backend_id);
  } else {
    watched_[backend_id].due = options_.clock().steady + jittered_interval();
  }
  if (waiting_.empty()) co_return;
  asio::post(loop_, [this] { start_polls(options_.clock().steady); });
}

asio::awaitable<void> Refresher::refresh_once(const std::string& backend_id) {
  const auto* entry = view_.backend(backend_id);
  if (entry == nullptr) co_return;
  const Backend before = entry->backend;
  auto target = node::target_of(before, entry->settings);
  const bool is_ours = leases_.holds(lease::refresh_of(backend_id));
  Poll poll{backend_id, view_.version(), {}};
  polling_.at(backend_id).baseline = Baseline(view_, backend_id);
  node::Call call;
  call.name = "getMeetings";
  call.is_poll = true;
  const auto started = options_.clock().steady;
  auto result = co_await nodes_.call(target, std::move(call), options_.timeouts);
  if (!result && result.error().evidence == node::Evidence::none) {
    log::warn("backend not polled",
              {{"backend_id", backend_id}, {"reason", result.error().detail}});
    co_return;
  }
  const auto latency = options_.clock().steady - started;
  auto contact = contact_of(result, std::chrono::duration_cast<milliseconds>(latency),
                            options_.thresholds.slow_after);
  statistics_.polls.add(contact.kind);
  note_reached(contact);
  const bool is_answered = result && result->answer.success();
  if (!is_answered && !is_ours) co_return;
  if (!is_answered) {
    co_await record_failure(before, std::move(contact), started);
  } else {
    poll.meetings = std::move(result->meetings);
    result = std::unexpected(node::CallError{});  // large, and of no use while the rest is written
    co_await record({.before = before,
                     .target = std::move(target),
                     .poll = std::move(poll),
                     .contact = std::move(contact),
                     .latency = std::chrono::duration_cast<std::chrono::microseconds>(latency)});
  }
}

asio::awaitable<void> Refresher::remove_if_decommissioned(const std::string& backend_id) {
  const auto* entry = view_.backend(backend_id);
  if (entry == nullptr || entry->backend.admin_state != AdminState::decommissioned ||
      !view_.meetings_of_backend(backend_id).empty()) {
    co_return;
  }
  const auto removed = co_await store_.run(
      [&](store::Store& store) { return store.delete_backend(backend_id, false); });
  if (!removed) co_return;
  log::info("decommissioned backend removed",
            {{"backend_id", backend_id}, {"host", removed->host}});
  view_.erase_backend(backend_id);
}

asio::awaitable<void> Refresher::keep_house() {
  view_.forget_erasures(std::exchange(erasures_known_, view_.version()));
  std::erase_if(watched_, [this](const auto& each) {
    return view_.backend(each.first) == nullptr && !polling_.contains(each.first);
  });
  const auto is_gone = [this](const auto& id) { return view_.backend(id) == nullptr; };
  std::erase_if(known_, is_gone);
  std::erase_if(asked_, is_gone);
  std::erase_if(new_, is_gone);
  try {
    const auto now = options_.clock().wall;
    if (leases_.holds(lease::housekeeping)) {
      co_await store_.run([oldest = now - options_.tombstone_lifetime,
                           oldest_change = now - options_.change_lifetime](store::Store& store) {
        store.prune_tombstones(oldest);
        store.prune_changes(oldest_change);
      });
    }
  } catch (const std::exception& error) {
    log::warn("housekeeping put off", {{"reason", error.what()}});
  }
  keeps_house_ = false;
}

}  // namespace b3::refresh
