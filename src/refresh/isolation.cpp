// Whether it is the nodes that are away, or this instance (docs/decisions/0006-clustered.md).
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "base/log.h"
#include "refresh/contact.h"
#include "refresh/refresher.h"

namespace b3::refresh {
namespace {

namespace asio = boost::asio;

// Nodes of others that are asked before this instance takes itself for cut off.
constexpr int witnesses = 2;
// Whoever reaches a node writes that down every 30 s at least, see record.cpp.
constexpr seconds longest_between_successes{45};

}  // namespace

void Refresher::note_reached(const health::Contact& contact) {
  if (!health::has_spoken(contact)) return;
  reached_ = options_.clock().steady;
  alone_ = false;
}

milliseconds Refresher::reach_window() const {
  return std::min(options_.thresholds.give_up_after, 3 * options_.interval);
}

asio::awaitable<bool> Refresher::speaks(node::Target target) {
  node::Call call;
  call.name = "getMeetings";
  call.is_poll = true;
  const auto result = co_await nodes_.call(target, std::move(call), options_.timeouts);
  const auto contact = contact_of(result, milliseconds{0}, options_.thresholds.slow_after);
  note_reached(contact);
  co_return health::has_spoken(contact);
}

// Who is cut off from all nodes, and not from the database, would give up every one of them. So a
// node is given up only by an instance to which another node has spoken just now, if need be
// because it was asked. A cluster of one node has no such instance.
asio::awaitable<bool> Refresher::reaches_another(const std::string& backend_id) {
  // The node in question has said nothing for longer than that: it was another one.
  if (reached_ && options_.clock().steady - *reached_ < reach_window()) co_return true;
  const auto target = some_node([&](const Backend& each) {
    return each.id != backend_id && each.health == Health::usable &&
           each.node_state == NodeState::ready;
  });
  co_return target&& co_await speaks(*target);
}

// Another one each time, as the first may have died just now.
std::optional<node::Target> Refresher::some_node(
    const std::function<bool(const Backend&)>& is_wanted) {
  auto backends = view_.backends();
  std::erase_if(backends, [&](const auto* entry) { return !is_wanted(entry->backend); });
  if (backends.empty()) return std::nullopt;
  const auto* entry =
      backends[std::uniform_int_distribution<std::size_t>{0, backends.size() - 1}(random_)];
  return node::target_of(entry->backend, entry->settings);
}

// Asked before a failed poll counts against its node. What other instances poll and call usable,
// and does not speak to us either, says that it is us. Others are not asked again with each poll of
// a node that is known to be away.
asio::awaitable<bool> Refresher::is_cut_off(const std::string& backend_id, SteadyTime began) {
  if (alone_) co_return false;
  const auto* entry = view_.backend(backend_id);
  const bool is_news = entry != nullptr && entry->backend.health == Health::usable &&
                       entry->backend.node_state == NodeState::ready;
  if (!is_news && !steps_back_ && !is_long_unheard()) co_return false;
  const auto heard = [&] { return reached_ && *reached_ >= began; };
  std::string asked;
  for (int count = 0; count < witnesses && !heard() && !steps_back_; ++count) {
    const auto witness = some_node([&](const Backend& each) {
      return each.id != backend_id && each.id != asked && each.health == Health::usable &&
             each.node_state == NodeState::ready && !leases_.holds(lease::refresh_of(each.id));
    });
    if (!witness) {
      // Nobody else polls anything that could be asked: then others shall try.
      if (count == 0) co_return leases_.has_others() && is_long_unheard();
      break;
    }
    asked = witness->backend_id;
    co_await speaks(*witness);
  }
  co_return !heard();
}

bool Refresher::is_long_unheard() const {
  const auto since = std::max(reached_.value_or(SteadyTime{}), began_at_);
  return options_.clock().steady - since >= reach_window();
}

void Refresher::step_back() {
  if (std::exchange(steps_back_, true)) return;
  log::warn("no node can be reached from here: their polls are left to other instances");
  leases_.step_back(true);
  asio::co_spawn(loop_, look_out(), asio::detached);
}

// Until a node speaks to us, or nobody reaches one.
asio::awaitable<void> Refresher::look_out() {
  auto successes = successes_seen();
  auto changed = options_.clock().steady;
  while (!stopped_) {
    look_out_.expires_after(jittered_interval());
    co_await look_out_.wait();
    if (stopped_) co_return;
    const auto target =
        some_node([](const Backend& each) { return each.health != Health::given_up; });
    if (target && co_await speaks(*target)) {
      log::info("nodes can be reached from here again");
      break;
    }
    const auto now = options_.clock().steady;
    if (std::exchange(successes, successes_seen()) != successes) changed = now;
    if (now - changed < longest_between_successes) continue;
    log::warn("no other instance reaches a node either");
    alone_ = true;
    break;
  }
  steps_back_ = false;
  leases_.step_back(false);
}

// A number that changes when another instance has reached a node.
std::int64_t Refresher::successes_seen() const {
  std::int64_t sum = 0;
  for (const auto* entry : view_.backends()) {
    if (const auto& time = entry->backend.synced_at) sum += to_unix_milliseconds(*time);
  }
  return sum;
}

void Refresher::note_isolation(const Backend& backend, bool isolated) {
  if (std::exchange(watched_[backend.id].isolated, isolated) || !isolated) return;
  log::warn("not given up: no other node can be reached from here either",
            {{"backend_id", backend.id}, {"host", backend.host}});
}

}  // namespace b3::refresh
