#include "refresh/plan.h"

#include <unordered_set>

#include "bbb/meeting_id.h"
#include "placement/placement.h"

namespace b3::refresh {
namespace {

store::SeenMeeting seen(const bbb::NodeMeeting& found, const Meeting& row) {
  store::SeenMeeting result;
  result.scoped_id = row.scoped_id;
  result.epoch = row.epoch;
  result.internal_id = found.internal_id;
  result.name = found.name.empty() ? row.name : found.name;
  result.running = found.running;
  result.counts = found.counts;
  result.document = found.document;
  return result;
}

store::RefreshResult::Lost lost(const Meeting& row) {
  return {row.scoped_id, row.epoch, row.internal_id};
}

bool differs(const bbb::NodeMeeting& found, const Meeting& row) {
  return row.phase != MeetingPhase::bound || row.running != found.running ||
         row.counts != found.counts || row.document != found.document;
}

Meeting adopt(const bbb::NodeMeeting& found, const bbb::Unscoped& id, const Frontend& frontend,
              const std::string& backend_id, WallTime now) {
  Meeting row;
  row.scoped_id = found.scoped_id;
  row.meeting_id = id.meeting_id;
  row.frontend_id = frontend.id;
  row.backend_id = backend_id;
  row.phase = MeetingPhase::bound;
  row.epoch = to_unix_milliseconds(now);
  row.internal_id = found.internal_id;
  row.name = found.name;
  row.running = found.running;
  row.counts = found.counts;
  row.expected_size = placement::default_expected_size;
  row.document = found.document;
  row.placement_json = R"({"adopted":true})";
  row.reserved_at = now;
  row.bound_at = now;
  row.seen_at = now;
  return row;
}

// A reservation whose id the node still lists with a meeting that has been ended: not the one that
// was reserved for.
bool is_leftover(const PlanInput& input, const bbb::NodeMeeting& found) {
  const auto* entry = input.view.meeting(found.scoped_id);
  return entry != nullptr && entry->meeting.phase == MeetingPhase::reserved &&
         entry->meeting.backend_id == input.poll.backend_id &&
         input.tombstones.contains(found.internal_id);
}

// One meeting of the poll.
void consider(const PlanInput& input, const bbb::NodeMeeting& found, Plan& plan) {
  const auto* entry = input.view.meeting(found.scoped_id);
  if (entry == nullptr) {
    const auto id = bbb::unscope(found.scoped_id);
    const auto* frontend = id ? input.view.frontend_by_key(id->frontend_key) : nullptr;
    if (frontend == nullptr || found.internal_id.empty()) return;  // not one of ours
    if (input.tombstones.contains(found.internal_id)) {
      plan.ended_copies.push_back(found.scoped_id);
    } else if (!input.in_flight(found.scoped_id)) {
      plan.adopted.push_back(
          adopt(found, *id, frontend->frontend, input.poll.backend_id, input.now));
    }
    return;
  }
  const auto& row = entry->meeting;
  if (row.backend_id != input.poll.backend_id) {
    const bool settled =
        row.phase == MeetingPhase::bound && entry->changed_at_version <= input.poll.view_version;
    if (settled) plan.ended_copies.push_back(found.scoped_id);
    return;
  }
  if (input.in_flight(found.scoped_id)) return;
  if (row.phase == MeetingPhase::bound && row.internal_id != found.internal_id) {
    // A node has one meeting per id, so the one we know is over; the next poll adopts its
    // successor. Unless the row is the newer of the two.
    if (entry->changed_at_version <= input.poll.view_version) plan.lost.push_back(lost(row));
    return;
  }
  if (differs(found, row)) plan.changed.push_back(seen(found, row));
}

}  // namespace

Plan make_plan(const PlanInput& input) {
  Plan plan;
  std::unordered_set<std::string_view> listed;
  for (const auto& found : input.poll.meetings) {
    if (found.ended || is_leftover(input, found)) continue;
    listed.insert(found.scoped_id);
    consider(input, found, plan);
  }
  for (const auto* entry : input.view.meetings_of_backend(input.poll.backend_id)) {
    const auto& row = entry->meeting;
    const bool younger_than_poll = entry->changed_at_version > input.poll.view_version;
    if (listed.contains(row.scoped_id) || younger_than_poll || input.in_flight(row.scoped_id)) {
      continue;
    }
    if (row.phase == MeetingPhase::bound) {
      plan.lost.push_back(lost(row));
    } else if (input.now - row.reserved_at > input.reservation_timeout) {
      plan.expired.push_back({row.scoped_id, row.epoch, row.owner});
    }
  }
  return plan;
}

}  // namespace b3::refresh
