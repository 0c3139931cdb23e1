// How far the node is trusted, and letting go of its meetings when it is not at all.
#include <algorithm>
#include <utility>

#include "base/fault_point.h"
#include "base/log.h"
#include "placement/placement.h"
#include "refresh/refresher.h"

namespace b3::refresh {
namespace {

namespace asio = boost::asio;

bool may_be_given_up(const view::BackendEntry& entry, SteadyTime now) {
  const auto& forced = entry.backend.forced_health;
  if (forced && *forced != Health::given_up) return false;
  const auto silence = entry.agent_silence(now);
  return !silence || *silence > placement::agent_silence_limit;
}

}  // namespace

health::Assessment Refresher::judge(const view::BackendEntry& entry, const health::Record& record,
                                    const health::Standing& before, const health::Contact& contact,
                                    health::Circumstances circumstances, SteadyTime now) const {
  if (!may_be_given_up(entry, now)) circumstances.may_be_given_up = false;
  auto assessment =
      health::assess(record, before, contact, circumstances, options_.thresholds, now);
  // While the operator gives it up, nothing the node does changes that.
  if (entry.backend.forced_health == Health::given_up) assessment.standing = before;
  return assessment;
}

Strays Refresher::strays_of(const Visit& visit) const {
  const auto* entry = view_.backend(visit.before.id);
  if (entry != nullptr && entry->backend.forced_health == Health::given_up) return Strays::leave;
  return health::is_returning(visit.standing) ? Strays::adopt_detached : Strays::adopt;
}

// What the operator gives up is detached here, and so is what was placed on a node at the moment it
// was given up.
asio::awaitable<void> Refresher::detach_if_given_up(const std::string& backend_id) {
  const auto* entry = view_.backend(backend_id);
  if (entry == nullptr || entry->backend.effective_health() != Health::given_up) co_return;
  const auto& backend = entry->backend;
  const bool is_recorded = backend.health == Health::given_up;
  const auto meetings = view_.meetings_of_backend(backend_id);
  const bool has_meetings = std::ranges::any_of(
      meetings, [this](const auto* row) { return !in_flight_.contains(row->scoped_id()); });
  if (is_recorded && !has_meetings) co_return;
  co_await give_up(backend_id, is_recorded ? backend.health_reason : "given up by the operator");
}

asio::awaitable<void> Refresher::give_up(const std::string& backend_id, std::string reason) {
  const auto now = options_.clock().wall;
  fault_point("give-up/before");
  auto outcome = co_await store_.run(
      [&](store::Store& store) { return store.give_up_backend(backend_id, reason, now); });
  fault_point("give-up/after");
  if (!outcome) co_return;  // deleted meanwhile
  log::warn("backend given up, its meetings are detached",
            {{"backend_id", backend_id},
             {"host", outcome->backend.host},
             {"reason", reason},
             {"meetings", outcome->detached.size()}});
  view_.put(std::move(outcome->backend));
  for (const auto& [scoped_id, epoch] : outcome->detached) view_.erase_meeting(scoped_id, epoch);
}

}  // namespace b3::refresh
