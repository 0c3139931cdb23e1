// What one poll of one node means for the cluster's state: a pure diff.
//
// The rule that keeps polls harmless: a poll says nothing about meetings whose placement changed
// after it was started. So a create that overlaps a poll is never lost to it.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "bbb/answer.h"
#include "model/meeting.h"
#include "store/store.h"
#include "view/view.h"

namespace b3::refresh {

struct Poll {
  std::string backend_id;
  std::uint64_t view_version = 0;  // View::version() when the poll was started
  std::vector<bbb::NodeMeeting> meetings;
};

struct Plan {
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
};

struct PlanInput {
  const view::View& view;
  const Poll& poll;
  const std::set<std::string, std::less<>>& tombstones;    // internal ids ended, by this node
  const std::function<bool(std::string_view)>& in_flight;  // is a create of this id running here?
  WallTime now;
  milliseconds reservation_timeout;
};

Plan make_plan(const PlanInput& input);

}  // namespace b3::refresh
