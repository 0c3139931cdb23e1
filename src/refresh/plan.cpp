#include "refresh/plan.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "bbb/meeting_id.h"
#include "placement/placement.h"

namespace b3::refresh {
namespace {

using view::MeetingEntry;

// Whatever the view has not heard of yet, the store refuses by: this is what its row has to hold.
std::optional<std::string> document_known(const MeetingEntry& row, const view::View& view) {
  if (!row.has_document() && !view.documents_read()) return std::nullopt;
  return row.document();
}

store::SeenMeeting seen(const bbb::NodeMeeting& found, const MeetingEntry& row) {
  store::SeenMeeting result;
  result.scoped_id = row.scoped_id();
  result.epoch = row.epoch();
  result.internal_id = found.internal_id;
  result.name = found.name.empty() ? std::string(row.name()) : found.name;
  result.running = found.running;
  result.counts = found.counts;
  result.document = found.document;
  return result;
}

store::RefreshResult::Lost lost(const MeetingEntry& row) {
  return {std::string(row.scoped_id()), row.epoch(), std::string(row.internal_id())};
}

bool has_other_document(const bbb::NodeMeeting& found, const MeetingEntry& row,
                        const view::View& view) {
  if (!row.has_document()) return view.documents_read();
  return row.document_hash() != view::document_hash(found.document);
}

bool differs(const bbb::NodeMeeting& found, const MeetingEntry& row, const view::View& view) {
  return row.phase() != MeetingPhase::bound || row.running() != found.running ||
         row.counts() != found.counts || has_other_document(found, row, view);
}

Meeting adopt(const bbb::NodeMeeting& found, const bbb::Unscoped& id, const Frontend& frontend,
              const std::string& backend_id, WallTime now) {
  Meeting row;
  row.scoped_id = found.scoped_id;
  row.meeting_id = id.meeting_id;
  row.frontend_id = frontend.id;
  row.backend_id = backend_id;
  row.phase = MeetingPhase::bound;
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

// The tenant whose meeting this is by its id; nullptr: not one of ours.
const view::FrontendEntry* tenant_of(const view::View& view, const bbb::NodeMeeting& found) {
  if (found.internal_id.empty()) return nullptr;
  const auto id = bbb::unscope(found.scoped_id);
  return id ? view.frontend_by_key(id->frontend_key) : nullptr;
}

// A reservation whose id the node still lists with a meeting that has been ended: not the one that
// was reserved for.
bool is_leftover(const PlanInput& input, const bbb::NodeMeeting& found) {
  const auto* entry = input.view.meeting(found.scoped_id);
  return entry != nullptr && entry->phase() == MeetingPhase::reserved &&
         entry->backend_id() == input.poll.backend_id &&
         input.tombstones.contains(found.internal_id);
}

void end_copy(const bbb::NodeMeeting& found, Plan& plan) {
  plan.ended_copies.push_back(found.scoped_id);
  plan.stale_left = true;
}

void consider_stray(const PlanInput& input, const bbb::NodeMeeting& found, Plan& plan) {
  const auto* frontend = tenant_of(input.view, found);
  if (frontend == nullptr) return;
  const auto stone = input.tombstones.find(found.internal_id);
  const bool is_buried = stone != input.tombstones.end();
  if (is_buried && stone->second == store::TombstoneKind::ended) return end_copy(found, plan);
  if (input.strays == Strays::leave || input.in_flight(found.scoped_id)) return;
  if (input.strays == Strays::adopt_detached && !is_buried) return end_copy(found, plan);
  plan.adopted.push_back(adopt(found, *bbb::unscope(found.scoped_id), frontend->frontend,
                               input.poll.backend_id, input.now.wall));
}

// The row is bound to another meeting than the one its node lists under the id. A node has one
// meeting per id, so ours is over - unless the row is the newer of the two.
void consider_successor(const PlanInput& input, const bbb::NodeMeeting& found,
                        const MeetingEntry& row, Plan& plan) {
  if (row.changed_at_version() > input.poll.view_version) return;
  const auto stone = input.tombstones.find(found.internal_id);
  const bool has_ended =
      stone != input.tombstones.end() && stone->second == store::TombstoneKind::ended;
  if (has_ended || found.internal_id.empty()) {
    plan.lost.push_back(lost(row));
    if (has_ended) end_copy(found, plan);
    return;
  }
  auto successor = seen(found, row);
  plan.followed.push_back({successor.scoped_id, successor.epoch,
                           store::Binding{successor.internal_id, successor.name, successor.document,
                                          std::string(row.internal_id())}});
  successor.replaced_document = successor.document;  // as bound a moment before
  plan.changed.push_back(std::move(successor));
}

// One meeting of the poll.
void consider(const PlanInput& input, const bbb::NodeMeeting& found, Plan& plan) {
  const auto* row = input.view.meeting(found.scoped_id);
  if (row == nullptr) return consider_stray(input, found, plan);
  if (row->backend_id() != input.poll.backend_id) {
    plan.stale_left = true;
    const bool settled =
        row->phase() == MeetingPhase::bound && row->changed_at_version() <= input.poll.view_version;
    if (settled) end_copy(found, plan);
    return;
  }
  if (input.in_flight(found.scoped_id)) return;
  if (row->phase() == MeetingPhase::bound && row->internal_id() != found.internal_id) {
    return consider_successor(input, found, *row, plan);
  }
  if (input.baseline.was_told_of(*row) || !differs(found, *row, input.view)) return;
  plan.changed.push_back(seen(found, *row));
  plan.changed.back().replaced_document = document_known(*row, input.view);
}

// One row of this node that the poll did not list.
void consider_missing(const PlanInput& input, const MeetingEntry& row, Plan& plan) {
  const bool younger_than_poll = row.changed_at_version() > input.poll.view_version;
  if (younger_than_poll || input.in_flight(row.scoped_id())) return;
  if (row.phase() == MeetingPhase::bound) {
    plan.lost.push_back(lost(row));
  } else if (input.now.steady - row.held_since() > input.reservation_timeout) {
    plan.expired.push_back({std::string(row.scoped_id()), row.epoch(), std::string(row.owner())});
  }
}

}  // namespace

Plan make_plan(const PlanInput& input) {
  Plan plan;
  std::unordered_set<std::string_view> listed;
  for (const auto& found : input.poll.meetings) {
    if (found.ended) continue;
    if (is_leftover(input, found)) {
      plan.stale_left = true;
      continue;
    }
    listed.insert(found.scoped_id);
    consider(input, found, plan);
  }
  for (const auto* row : input.view.meetings_of_backend(input.poll.backend_id)) {
    if (!listed.contains(row->scoped_id())) consider_missing(input, *row, plan);
  }
  return plan;
}

bool needs_tombstones(const view::View& view, const Poll& poll) {
  return std::ranges::any_of(poll.meetings, [&](const bbb::NodeMeeting& found) {
    if (found.ended) return false;
    const auto* row = view.meeting(found.scoped_id);
    if (row == nullptr) return tenant_of(view, found) != nullptr;
    if (row->backend_id() != poll.backend_id) return false;
    return row->phase() != MeetingPhase::bound || row->internal_id() != found.internal_id;
  });
}

}  // namespace b3::refresh
