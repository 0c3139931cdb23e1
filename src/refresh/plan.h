// What one poll of one node means for the cluster's state: a pure diff.
//
// The rule that keeps polls harmless: a poll says nothing about meetings whose placement changed
// after it was started, so a create that overlaps a poll is never lost to it; and nothing about who
// is in meetings that were told of meanwhile, so an agent's word is never undone by an older one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "bbb/answer.h"
#include "model/meeting.h"
#include "refresh/baseline.h"
#include "store/store.h"
#include "view/view.h"

namespace b3::refresh {

struct Poll {
  std::string backend_id;
  std::uint64_t view_version = 0;  // View::version() when the poll was started
  std::vector<bbb::NodeMeeting> meetings;
};

struct Plan {
  // Bound rows whose node has replaced the meeting under the same id: bound to the new one before
  // anything else. `changed` has them too.
  std::vector<store::Store::BindRequest> followed;
  std::vector<store::SeenMeeting> changed;
  std::vector<Meeting> adopted;
  std::vector<store::RefreshResult::Lost> lost;
  struct Expired {
    std::string scoped_id;
    std::int64_t epoch = 0;
    std::string owner;
  };
  std::vector<Expired> expired;           // reservations whose node turned out not to have them
  std::vector<std::string> ended_copies;  // scoped ids to end on this node
  bool stale_left = false;  // the node lists a meeting of ours that is over or elsewhere
};

// What is to be done with meetings of our tenants that have no row.
enum class Strays {
  adopt,
  // Of a node that was given up and is back: those that were detached and nobody has taken the
  // place of come back, the others are ended.
  adopt_detached,
  // Of a node that the operator gives up: only what is known to be over is ended.
  leave,
};

using Tombstones = std::map<std::string, store::TombstoneKind, std::less<>>;  // by internal id

struct PlanInput {
  const view::View& view;
  const Poll& poll;
  const Baseline& baseline;      // of the same moment as Poll::view_version
  const Tombstones& tombstones;  // of this node
  const std::function<bool(std::string_view)>& in_flight;  // is a create of this id running here?
  Now now;
  milliseconds reservation_timeout;
  Strays strays = Strays::adopt;
};

Plan make_plan(const PlanInput& input);

// Does the plan for this poll depend on tombstones? Most do not.
bool needs_tombstones(const view::View& view, const Poll& poll);

}  // namespace b3::refresh
