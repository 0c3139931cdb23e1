#include "feed/apply.h"

#include <utility>

namespace b3::feed {
namespace {

bool is_newer_here(const view::View& view, std::string_view scoped_id, std::uint64_t asked_at) {
  const auto* entry = view.meeting(scoped_id);
  if (entry != nullptr) return entry->changed_at_version > asked_at;
  return view.erased_since(scoped_id, asked_at);
}

}  // namespace

void apply(store::Changes changes, view::View& view, std::uint64_t asked_at,
           const std::function<bool(std::string_view)>& in_flight) {
  const auto is_ours = [&](std::string_view scoped_id) {
    return in_flight(scoped_id) || is_newer_here(view, scoped_id, asked_at);
  };
  for (auto& frontend : changes.frontends) view.put(std::move(frontend));
  for (auto& backend : changes.backends) view.put(std::move(backend));
  for (auto& meeting : changes.meetings) {
    if (!is_ours(meeting.scoped_id)) view.put(std::move(meeting));
  }
  for (const auto& scoped_id : changes.gone_meetings) {
    const auto* entry = view.meeting(scoped_id);
    if (entry != nullptr && !is_ours(scoped_id)) {
      view.erase_meeting(scoped_id, entry->meeting.epoch);
    }
  }
  for (const auto& id : changes.gone_backends) view.erase_backend(id);
  for (const auto& id : changes.gone_frontends) view.erase_frontend(id);
}

}  // namespace b3::feed
