#include "refresh/refresher.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "feed/synchronize.h"

namespace b3::refresh {
namespace {

namespace asio = boost::asio;

// How often the observed columns of a backend are written when nothing but latency and the time
// of the last success changed.
constexpr seconds quiet_write_interval{30};

store::RefreshResult unreachable(const Backend& before, std::string reason, milliseconds latency) {
  store::RefreshResult result;
  result.backend_id = before.id;
  result.node_state = NodeState::error;
  result.last_error = std::move(reason);
  result.latency_microseconds = std::chrono::microseconds(latency).count();
  result.meetings_count = before.meetings_count;
  result.attendees_count = before.attendees_count;
  return result;
}

// Meetings that the plan wanted to change and the store did not: its rows are other than the
// view's.
std::vector<std::string> refused_by_store(const store::RefreshResult& result,
                                          const store::RefreshOutcome& outcome) {
  std::unordered_set<std::string_view> done{outcome.removed.begin(), outcome.removed.end()};
  for (const auto& meeting : outcome.written) done.insert(meeting.scoped_id);
  std::vector<std::string> refused;
  const auto collect = [&](const auto& list) {
    for (const auto& each : list) {
      if (!done.contains(each.scoped_id)) refused.push_back(each.scoped_id);
    }
  };
  collect(result.changed);
  collect(result.adopted);
  collect(result.lost);
  return refused;
}

void report_change(const Backend& before, const store::RefreshResult& result) {
  if (before.node_state == result.node_state && before.last_error == result.last_error) return;
  if (result.reachable) {
    log::info("backend is ready", {{"backend_id", before.id}, {"host", before.host}});
  } else {
    log::warn("backend is not usable",
              {{"backend_id", before.id}, {"host", before.host}, {"reason", result.last_error}});
  }
}

}  // namespace

Refresher::Refresher(asio::io_context& loop, store::Executor& store, view::View& view,
                     const view::InFlight& in_flight, node::Nodes& nodes, RefreshOptions options)
    : loop_(loop),
      store_(store),
      view_(view),
      in_flight_(in_flight),
      nodes_(nodes),
      options_(std::move(options)),
      timer_(loop),
      random_(options_.seed) {
  view_.remember_erasures();
}

void Refresher::start() {
  asio::co_spawn(loop_, supervise(), asio::detached);
}

void Refresher::stop() {
  stopped_ = true;
  timer_.cancel();
}

milliseconds Refresher::jittered_interval() {
  const auto tenth = options_.interval.count() / 10;
  std::uniform_int_distribution<std::int64_t> jitter{-tenth, tenth};
  return options_.interval + milliseconds{jitter(random_)};
}

asio::awaitable<void> Refresher::supervise() {
  const auto tick = std::clamp(options_.interval / 20, milliseconds{10}, milliseconds{250});
  while (!stopped_) {
    const auto now = options_.clock().steady;
    for (const auto* entry : view_.backends()) {
      const auto& id = entry->backend.id;
      if (polling_.contains(id)) continue;
      const auto [due, is_new] = due_.try_emplace(id, now);
      if (due->second > now) continue;
      polling_.insert(id);
      asio::co_spawn(loop_, refresh(id), asio::detached);
    }
    timer_.expires_after(tick);
    co_await timer_.wait();
  }
}

asio::awaitable<void> Refresher::refresh(std::string backend_id) {
  try {
    co_await refresh_once(backend_id);
    co_await remove_if_decommissioned(backend_id);
  } catch (const store::StoreUnavailable& error) {
    log::warn("refresh not recorded", {{"backend_id", backend_id}, {"reason", error.what()}});
  } catch (const std::exception& error) {
    log::error("refresh failed", {{"backend_id", backend_id}, {"reason", error.what()}});
  }
  polling_.erase(backend_id);
  if (view_.backend(backend_id) == nullptr) {
    due_.erase(backend_id);
    written_.erase(backend_id);
  } else {
    due_[backend_id] = options_.clock().steady + jittered_interval();
  }
}

asio::awaitable<void> Refresher::refresh_once(const std::string& backend_id) {
  const auto* entry = view_.backend(backend_id);
  if (entry == nullptr) co_return;
  const Backend before = entry->backend;
  const auto target = node::target_of(before, entry->settings);
  Poll poll{backend_id, view_.version(), {}};
  const auto started = options_.clock().steady;
  auto result =
      co_await nodes_.call(target, {"getMeetings", {}, {}, {}, {}, {}}, options_.timeouts);
  const auto latency = options_.clock().steady - started;
  const auto latency_ms = std::chrono::duration_cast<milliseconds>(latency);
  if (!result) {
    co_await record_failure(before, result.error().detail, latency_ms);
  } else if (!result->answer.success()) {
    const auto key = result->answer.text("messageKey");
    co_await record_failure(before,
                            key == "checksumError" ? "the node refuses our secret (checksumError)"
                                                   : "the node answers FAILED: " + key,
                            latency_ms);
  } else {
    poll.meetings = result->answer.meetings();
    co_await record(before, std::move(poll),
                    std::chrono::duration_cast<std::chrono::microseconds>(latency), target);
  }
}

asio::awaitable<void> Refresher::record_failure(const Backend& before, std::string reason,
                                                milliseconds latency) {
  const auto result = unreachable(before, std::move(reason), latency);
  report_change(before, result);
  const auto now = options_.clock();
  apply(result, {}, now.wall);
  const bool same =
      before.node_state == result.node_state && before.last_error == result.last_error;
  if (same && now.steady - written_[before.id] < quiet_write_interval) co_return;
  co_await store_.run([&](store::Store& store) { return store.record_refresh(result, now.wall); });
  written_[before.id] = now.steady;
}

// The node's health reaches the view before the store is asked, so that joins go on without one.
asio::awaitable<void> Refresher::record(const Backend& before, Poll poll,
                                        std::chrono::microseconds latency,
                                        const node::Target& target) {
  store::RefreshResult health;
  health.backend_id = before.id;
  health.node_state = NodeState::ready;
  health.latency_microseconds = latency.count();
  health.meetings_count = std::ssize(poll.meetings);
  for (const auto& meeting : poll.meetings) health.attendees_count += meeting.counts.participants;
  health.reachable = true;
  report_change(before, health);
  apply(health, {}, options_.clock().wall);
  co_await record_meetings(before, std::move(poll), std::move(health), target);
}

asio::awaitable<void> Refresher::record_meetings(const Backend& before, Poll poll,
                                                 store::RefreshResult result,
                                                 const node::Target& target) {
  std::set<std::string, std::less<>> tombstones;
  if (!poll.meetings.empty()) {
    const auto stones = co_await store_.run(
        [&](store::Store& store) { return store.list_tombstones(poll.backend_id); });
    for (const auto& stone : stones) tombstones.insert(stone.internal_id);
  }
  const std::function<bool(std::string_view)> in_flight = [this](std::string_view id) {
    return in_flight_.contains(id);
  };
  const auto now = options_.clock();
  auto plan =
      make_plan({view_, poll, tombstones, in_flight, now.wall, options_.reservation_timeout});
  result.changed = std::move(plan.changed);
  result.adopted = std::move(plan.adopted);
  result.lost = std::move(plan.lost);

  auto& last_write = written_[before.id];
  const bool quiet = result.changed.empty() && result.adopted.empty() && result.lost.empty() &&
                     before.node_state == NodeState::ready && before.last_error.empty() &&
                     before.meetings_count == result.meetings_count &&
                     before.attendees_count == result.attendees_count;
  store::RefreshOutcome outcome;
  if (!quiet || now.steady - last_write >= quiet_write_interval) {
    outcome = co_await store_.run(
        [&](store::Store& store) { return store.record_refresh(result, now.wall); });
    written_[before.id] = now.steady;
  }
  auto parted = refused_by_store(result, outcome);
  apply(result, std::move(outcome), now.wall);
  co_await feed::synchronize(store_, view_, std::move(parted));
  co_await release(std::move(plan.expired));
  co_await end_copies(target, std::move(plan.ended_copies));
}

void Refresher::apply(const store::RefreshResult& result, store::RefreshOutcome outcome,
                      WallTime now) {
  for (auto& meeting : outcome.written) {
    if (meeting.backend_id == result.backend_id) view_.put(std::move(meeting));
  }
  for (const auto& lost : result.lost) {
    if (std::ranges::find(outcome.removed, lost.scoped_id) == outcome.removed.end()) continue;
    log::info("meeting is over",
              {{"meeting_id", lost.scoped_id}, {"backend_id", result.backend_id}});
    view_.erase_meeting(lost.scoped_id, lost.epoch);
  }
  const auto* entry = view_.backend(result.backend_id);
  if (entry == nullptr) return;
  // Administrative fields come from the view as it is now: a PATCH may have landed meanwhile.
  Backend backend = entry->backend;
  backend.node_state = result.node_state;
  backend.last_error = result.last_error;
  backend.latency_microseconds = result.latency_microseconds;
  backend.meetings_count = result.meetings_count;
  backend.attendees_count = result.attendees_count;
  if (result.reachable) backend.synced_at = now;
  view_.put(std::move(backend));
}

asio::awaitable<void> Refresher::release(std::vector<Plan::Expired> expired) {
  for (const auto& reservation : expired) {
    if (in_flight_.contains(reservation.scoped_id)) continue;  // asked for again meanwhile
    const bool released = co_await store_.run([&](store::Store& store) {
      return store.release(reservation.scoped_id, reservation.epoch, reservation.owner);
    });
    if (released) {
      log::info("reservation expired: its node does not have the meeting",
                {{"meeting_id", reservation.scoped_id}});
    }
    co_await feed::synchronize(store_, view_, {reservation.scoped_id});
  }
}

// The view may be behind what other instances did, so the store is asked whose the meeting is now.
asio::awaitable<void> Refresher::end_copies(const node::Target& target,
                                            std::vector<std::string> scoped_ids) {
  for (auto& id : scoped_ids) {
    const auto row =
        co_await store_.run([&id](store::Store& store) { return store.find_meeting(id); });
    const bool lives_here = row && row->backend_id == target.backend_id;
    if (lives_here || in_flight_.contains(id)) {
      co_await feed::synchronize(store_, view_, {id});
      continue;
    }
    log::info("ending a meeting that is over here",
              {{"meeting_id", id}, {"backend_id", target.backend_id}});
    bbb::Parameters parameters;
    parameters.set("meetingID", std::move(id));
    const auto result = co_await nodes_.call(target, {"end", std::move(parameters), {}, {}, {}, {}},
                                             options_.timeouts);
    if (!result) co_return;  // the next poll tries again
  }
}

asio::awaitable<void> Refresher::remove_if_decommissioned(const std::string& backend_id) {
  const auto* entry = view_.backend(backend_id);
  if (entry != nullptr && entry->backend.admin_state == AdminState::decommissioned &&
      view_.meetings_of_backend(backend_id).empty()) {
    const auto removed = co_await store_.run(
        [&](store::Store& store) { return store.delete_backend(backend_id, false); });
    if (removed) {
      log::info("decommissioned backend removed",
                {{"backend_id", backend_id}, {"host", removed->host}});
      view_.erase_backend(backend_id);
    }
  }
  const auto now = options_.clock();
  if (now.steady - pruned_ < std::chrono::minutes{10}) co_return;
  pruned_ = now.steady;
  view_.forget_erasures(std::exchange(erasures_known_, view_.version()));
  const auto oldest = now.wall - options_.tombstone_lifetime;
  const auto oldest_change = now.wall - options_.change_lifetime;
  co_await store_.run([&](store::Store& store) {
    store.prune_tombstones(oldest);
    store.prune_changes(oldest_change);
    return true;
  });
}

}  // namespace b3::refresh
