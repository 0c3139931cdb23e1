#include "simulation/reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace b3::simulation {
namespace {

std::string describe(const Frontend& row) {
  return fmt::format("frontend {} {}", row.id, row.key);
}

std::string describe(const Backend& row) {
  return fmt::format("backend {} {} {} {} {} {}", row.id, to_string(row.admin_state),
                     to_string(row.node_state), to_string(row.health), row.load_factor,
                     row.meetings_count);
}

std::string describe(std::string_view scoped_id, MeetingPhase phase, std::string_view backend_id,
                     std::int64_t epoch, std::string_view internal_id) {
  return fmt::format("meeting {} {} on {} epoch {} {}", scoped_id, to_string(phase), backend_id,
                     epoch, internal_id);
}

std::vector<std::string> rows_of(const view::View& view) {
  std::vector<std::string> rows;
  for (const auto* entry : view.frontends()) rows.push_back(describe(entry->frontend));
  for (const auto* entry : view.backends()) rows.push_back(describe(entry->backend));
  for (const auto* entry : view.meetings()) {
    rows.push_back(describe(entry->scoped_id(), entry->phase(), entry->backend_id(), entry->epoch(),
                            entry->internal_id()));
  }
  return rows;
}

std::vector<std::string> rows_of(store::Store& store) {
  std::vector<std::string> rows;
  for (const auto& row : store.list_frontends()) rows.push_back(describe(row));
  for (const auto& row : store.list_backends()) rows.push_back(describe(row));
  for (const auto& row : store.list_meetings()) {
    rows.push_back(describe(row.scoped_id, row.phase, row.backend_id, row.epoch, row.internal_id));
  }
  return rows;
}

}  // namespace

bool is_redirectable(const view::View& view, std::string_view frontend_id,
                     std::string_view scoped_id) {
  const auto* entry = view.meeting(scoped_id);
  if (entry == nullptr || entry->phase() != MeetingPhase::bound ||
      entry->frontend_id() != frontend_id) {
    return false;
  }
  const auto* backend = view.backend(entry->backend_id());
  return backend != nullptr && backend->backend.node_state == NodeState::ready &&
         backend->backend.effective_health() != Health::given_up &&
         !backend->backend.agent_heartbeat;
}

std::vector<std::string> differences(const view::View& view, store::Store& store) {
  auto held = rows_of(view);
  auto stored = rows_of(store);
  std::ranges::sort(held);
  std::ranges::sort(stored);
  std::vector<std::string> found;
  std::ranges::set_difference(held, stored, std::back_inserter(found));
  for (auto& row : found) row = "only in the view: " + row;
  std::vector<std::string> missing;
  std::ranges::set_difference(stored, held, std::back_inserter(missing));
  for (auto& row : missing) found.push_back("only in the store: " + row);
  return found;
}

}  // namespace b3::simulation
