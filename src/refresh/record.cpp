// What a poll has found, brought into store and view.
#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/fault_point.h"
#include "base/log.h"
#include "feed/synchronize.h"
#include "refresh/portions.h"
#include "refresh/refresher.h"

namespace b3::refresh {
namespace {

namespace asio = boost::asio;

// How often the observed columns of a backend are written when nothing but latency and the time
// of the last success changed.
constexpr seconds quiet_write_interval{30};

// What is no larger waits for no turn.
constexpr std::size_t few_rows = 32;

void set_standing(store::RefreshResult& result, health::Standing standing) {
  result.health = standing.health;
  result.health_reason = std::move(standing.reason);
}

// What goes into last_error.
std::string in_words(const health::Contact& contact) {
  if (contact.kind != health::ContactKind::unwilling) return contact.detail;
  return contact.detail.empty() ? contact.what : contact.what + ": " + contact.detail;
}

store::RefreshResult unreachable(const Backend& before, const health::Contact& contact,
                                 milliseconds latency) {
  store::RefreshResult result;
  result.backend_id = before.id;
  result.node_state = NodeState::error;
  result.last_error = in_words(contact);
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

bool same_state(const Backend& before, const store::RefreshResult& result) {
  return before.node_state == result.node_state && before.last_error == result.last_error &&
         before.health == result.health;
}

void report_change(const Backend& before, const store::RefreshResult& result) {
  if (before.node_state != result.node_state || before.last_error != result.last_error) {
    if (result.reachable) {
      log::info("backend is ready", {{"backend_id", before.id}, {"host", before.host}});
    } else {
      log::warn("backend is not usable",
                {{"backend_id", before.id}, {"host", before.host}, {"reason", result.last_error}});
    }
  }
  if (before.health != result.health) {
    log::info("backend health changed", {{"backend_id", before.id},
                                         {"host", before.host},
                                         {"health", to_string(result.health)},
                                         {"reason", result.health_reason}});
  }
}

}  // namespace

asio::awaitable<void> Refresher::record_failure(const Backend& before, health::Contact contact,
                                                SteadyTime began) {
  const auto now = options_.clock();
  auto result =
      unreachable(before, contact, std::chrono::duration_cast<milliseconds>(now.steady - began));
  if (!health::has_spoken(contact) && co_await is_cut_off(before.id, began)) {
    step_back();
    co_return;
  }
  const auto* entry = view_.backend(before.id);
  if (entry == nullptr) co_return;
  const auto counted = watched_[before.id].record;
  const auto judge_now = [&](bool isolated) {
    return judge(*entry, counted, health::standing_of(entry->backend), contact,
                 {.may_be_given_up = !isolated, .nothing_stale = false}, now.steady);
  };
  const auto is_given_up = [&](const health::Assessment& assessment) {
    return assessment.standing.health == Health::given_up &&
           entry->backend.health != Health::given_up;
  };
  bool isolated = false;
  if (is_given_up(judge_now(false))) {
    isolated = !co_await reaches_another(before.id);
    entry = view_.backend(before.id);
    if (entry == nullptr) co_return;
  }
  auto assessment = judge_now(isolated);
  auto& judged = assessment.standing;
  note_isolation(entry->backend, isolated);
  watched_[before.id].record = assessment.record;
  const bool gives_up = is_given_up(assessment);
  const auto reason = judged.reason;
  // That its meetings are detached becomes known together with the new health.
  if (gives_up) judged.health = Health::avoided;
  set_standing(result, std::move(judged));
  report_change(before, result);
  apply(result, {}, now.wall);
  const bool is_quiet =
      same_state(before, result) && now.steady - watched_[before.id].written < quiet_write_interval;
  if (!is_quiet) co_await write(result, {}, now);
  if (gives_up) co_await give_up(before.id, reason);
}

// The node's health reaches the view before the store is asked, so that joins go on without one.
asio::awaitable<void> Refresher::record(Visit visit) {
  const auto& id = visit.before.id;
  const auto* entry = view_.backend(id);
  if (entry == nullptr) co_return;
  store::RefreshResult result;
  result.backend_id = id;
  result.node_state = NodeState::ready;
  result.latency_microseconds = visit.latency.count();
  result.meetings_count = std::ssize(visit.poll.meetings);
  for (const auto& meeting : visit.poll.meetings) {
    result.attendees_count += meeting.counts.participants;
  }
  result.reachable = true;
  const auto now = options_.clock();
  visit.standing = health::standing_of(entry->backend);
  visit.record = watched_[id].record;
  auto assessment = judge(*entry, visit.record, visit.standing, visit.contact,
                          {.nothing_stale = false}, now.steady);
  watched_[id].record = assessment.record;
  note_isolation(entry->backend, false);
  set_standing(result, std::move(assessment.standing));
  apply(result, {}, now.wall);
  co_await record_meetings(visit, std::move(result));
}

asio::awaitable<Plan> Refresher::plan(const Visit& visit, Now now) {
  Tombstones tombstones;
  if (needs_tombstones(view_, visit.poll)) {
    auto stones = co_await store_.run(
        [&](store::Store& store) { return store.list_tombstones(visit.poll.backend_id); });
    for (auto& stone : stones) {
      tombstones.emplace(std::move(stone.internal_id), stone.kind);
    }
  }
  const std::function<bool(std::string_view)> in_flight = [this](std::string_view id) {
    return in_flight_.contains(id);
  };
  co_return make_plan({view_, visit.poll, polling_.at(visit.before.id).baseline, tombstones,
                       in_flight, now, options_.reservation_timeout, strays_of(visit)});
}

asio::awaitable<void> Refresher::record_meetings(const Visit& visit, store::RefreshResult result) {
  const auto& before = visit.before;
  const auto now = options_.clock();
  auto found = co_await plan(visit, now);
  const auto* entry = view_.backend(before.id);
  if (entry == nullptr) co_return;
  if (!found.stale_left && health::is_returning(visit.standing)) {
    set_standing(
        result,
        judge(*entry, visit.record, visit.standing, visit.contact, {}, now.steady).standing);
  }
  report_change(before, result);
  result.changed = std::move(found.changed);
  result.adopted = std::move(found.adopted);
  result.lost = std::move(found.lost);

  const bool is_quiet = result.changed.empty() && result.adopted.empty() && result.lost.empty() &&
                        same_state(before, result) &&
                        before.meetings_count == result.meetings_count &&
                        before.attendees_count == result.attendees_count &&
                        now.steady - watched_[before.id].written < quiet_write_interval;
  store::RefreshOutcome outcome;
  if (!is_quiet) outcome = co_await write(result, found.followed, now);
  auto parted = refused_by_store(result, outcome);
  take_overtaken(before.id, outcome, parted);
  apply(result, std::move(outcome), now.wall);
  co_await feed::synchronize(store_, view_, std::move(parted));
  co_await release(std::move(found.expired));
  co_await end_copies(visit.target, std::move(found.ended_copies));
}

asio::awaitable<store::RefreshOutcome> Refresher::write(
    const store::RefreshResult& result, const std::vector<store::Store::BindRequest>& followed,
    Now now) {
  std::optional<Turns::Turn> turn;
  if (count_of_rows(result) > few_rows) turn.emplace(co_await bulk_turns_.take());
  watched_[result.backend_id].written = {};  // should it fail
  store::RefreshOutcome outcome;
  bool first = true;
  const auto portions = in_portions(result);
  for (const auto& portion : portions) {
    fault_point("refresh/before-record");
    auto part = co_await store_.run([&](store::Store& store) {
      if (first && !followed.empty()) store.bind_all(followed, now.wall);
      return store.record_refresh(portion, now.wall);
    });
    fault_point("refresh/after-record");
    first = false;
    std::ranges::move(part.written, std::back_inserter(outcome.written));
    std::ranges::move(part.removed, std::back_inserter(outcome.removed));
  }
  watched_[result.backend_id].written = now.steady;
  co_return outcome;
}

// What we wrote before others told of the same meetings, and hear of after them.
void Refresher::take_overtaken(const std::string& backend_id, store::RefreshOutcome& outcome,
                               std::vector<std::string>& overtaken) const {
  const auto& baseline = polling_.at(backend_id).baseline;
  std::erase_if(outcome.written, [&](const Meeting& meeting) {
    const auto* row = view_.meeting(meeting.scoped_id);
    if (row == nullptr || row->epoch() != meeting.epoch || !baseline.was_told_of(*row))
      return false;
    overtaken.push_back(meeting.scoped_id);
    return true;
  });
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
  backend.health = result.health;
  backend.health_reason = result.health_reason;
  backend.latency_microseconds = result.latency_microseconds;
  backend.meetings_count = result.meetings_count;
  backend.attendees_count = result.attendees_count;
  if (result.reachable) backend.synced_at = now;
  view_.put(std::move(backend));
}

asio::awaitable<void> Refresher::release(std::vector<Plan::Expired> expired) {
  for (const auto& reservation : expired) {
    if (in_flight_.contains(reservation.scoped_id)) continue;  // asked for again meanwhile
    fault_point("refresh/before-release");
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
    node::Call call;
    call.name = "end";
    call.parameters.set("meetingID", std::move(id));
    const auto result = co_await nodes_.call(target, std::move(call), options_.timeouts);
    if (!result) co_return;  // the next poll tries again
  }
}

}  // namespace b3::refresh
