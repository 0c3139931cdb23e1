#include "lease/keeper.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace b3::lease {

namespace asio = boost::asio;
namespace {

// Between two beats that are asked for.
constexpr milliseconds breath{200};

}  // namespace

Keeper::Keeper(asio::io_context& loop, store::Executor& store, KeeperOptions options,
               std::function<std::vector<std::string>()> wanted)
    : loop_(loop),
      store_(store),
      options_(std::move(options)),
      wanted_(std::move(wanted)),
      rules_{options_.instance_id, options_.dead_after},
      timer_(loop),
      ended_(loop) {}

void Keeper::start() {
  last_beat_ = now();
  running_ = true;
  asio::co_spawn(loop_, run(), asio::detached);
}

void Keeper::soon() {
  soon_ = true;
  timer_.cancel();
}

void Keeper::step_back(bool back) {
  if (std::exchange(back_, back) == back) return;
  left_ = false;
  held_.clear();
  soon();
}

void Keeper::stop() {
  stopped_ = true;
  held_.clear();
  timer_.cancel();
}

asio::awaitable<void> Keeper::hand_back() {
  stop();
  while (running_) {  // or its beat would make the row anew
    ended_.expires_after(std::chrono::hours{1});
    co_await ended_.wait();
  }
  try {
    co_await store_.run([id = options_.instance_id](store::Store& store) {
      return store.remove_instance(id, std::nullopt);
    });
  } catch (const std::exception& failure) {
    log::warn("leases are not handed back, other instances take over in a few seconds",
              {{"reason", failure.what()}});
  }
}

std::vector<std::string> Keeper::instances() const {
  std::vector<std::string> ids{options_.instance_id};
  for (const auto& [id, sighting] : seen_.others) {
    if (now() - sighting.since < options_.dead_after) ids.push_back(id);
  }
  return ids;
}

bool Keeper::holds(std::string_view name) const {
  if (stopped_ || back_) return false;
  const auto time = now();
  if (time - last_beat_ < options_.dead_after) return held_.contains(name);
  return is_away(time);
}

// A beat without an answer for so long is as good as a failed one.
bool Keeper::is_away(SteadyTime time) const {
  if (failing_ && !away_) return false;
  return failing_ || (unanswered_ && time - *unanswered_ >= options_.dead_after);
}

asio::awaitable<void> Keeper::run() {
  while (!stopped_) {
    soon_ = false;
    const auto next = back_ ? co_await rest() : co_await beat();
    co_await pause(next);
  }
  running_ = false;
  ended_.cancel();
}

asio::awaitable<void> Keeper::pause(SteadyTime next) {
  while (!stopped_) {
    const auto time = now();
    const auto hurried = std::max(time, hurried_ + breath);
    const auto due = soon_ ? std::min(next, hurried) : next;
    if (due <= time) break;
    timer_.expires_at(due);
    co_await timer_.wait();
  }
  if (soon_) hurried_ = now();
}

asio::awaitable<SteadyTime> Keeper::beat() {
  const auto sent = now();
  auto next = sent + jittered(options_.interval, options_.instance_id, ++beats_);
  unanswered_ = sent;
  try {
    const auto membership = co_await store_.run(
        [&options = options_, wall = options_.clock().wall](store::Store& store) {
          return store.beat(options.instance_id, options.host, wall);
        });
    if (std::exchange(failing_, false)) log::info("this instance beats again");
    last_beat_ = sent;
    if (stopped_) co_return next;
    auto plan = decide(seen_, membership, wanted_(), now(), rules_);
    if (std::exchange(live_instances_, plan.live_instances) != plan.live_instances) {
      log::info("instances", {{"alive", plan.live_instances}});
    }
    seen_ = plan.seen;
    held_ = {plan.held.begin(), plan.held.end()};
    if (plan.next_deadline) next = std::min(next, *plan.next_deadline);
    co_await carry_out(std::move(plan));
  } catch (const store::StoreUnavailable& failure) {
    note_failure(failure.what(), true);
  } catch (const std::exception& failure) {
    note_failure(failure.what(), false);
  }
  unanswered_.reset();
  co_return next;
}

asio::awaitable<SteadyTime> Keeper::rest() {
  const auto next = now() + options_.interval;
  if (left_) co_return next;
  try {
    co_await store_.run([id = options_.instance_id](store::Store& store) {
      return store.remove_instance(id, std::nullopt);
    });
    left_ = back_;
  } catch (const std::exception& failure) {
    log::warn("leases are not handed back yet", {{"reason", failure.what()}});
  }
  co_return next;
}

asio::awaitable<void> Keeper::carry_out(Plan plan) {
  if (plan.claims.empty() && plan.give_up.empty() && plan.dead.empty()) co_return;
  for (const auto& dead : plan.dead) {
    log::warn("an instance is gone, its work is taken over", {{"instance", dead.id}});
  }
  auto held = co_await store_.run([&id = options_.instance_id, &plan](store::Store& store) {
    if (!plan.give_up.empty()) store.release_leases(id, plan.give_up);
    auto names = plan.claims.empty() ? plan.held : store.claim_leases(id, plan.claims);
    for (const auto& dead : plan.dead) store.remove_instance(dead.id, dead.beat);
    return names;
  });
  if (!stopped_) held_ = {held.begin(), held.end()};
}

void Keeper::note_failure(const char* reason, bool away) {
  away_ = away;
  if (std::exchange(failing_, true)) return;
  log::warn("this instance could not beat", {{"reason", reason}});
}

}  // namespace b3::lease
