#include "feed/apply.h"

#include <utility>

#include "feed/synchronize.h"

namespace b3::feed {
std::vector<std::string> apply(store::Changes changes, view::View& view, std::uint64_t asked_at,
                               const std::function<bool(std::string_view)>& in_flight) {
  std::vector<std::string> skipped;
  const auto is_ours = [&](const std::string& scoped_id) {
    if (!in_flight(scoped_id) && !is_newer_here(view, scoped_id, asked_at)) return false;
    skipped.push_back(scoped_id);
    return true;
  };
  for (auto& frontend : changes.frontends) view.put(std::move(frontend));
  for (auto& backend : changes.backends) view.put(std::move(backend));
  for (auto& meeting : changes.meetings) {
    if (is_ours(meeting.scoped_id)) continue;
    // The store is the truth, even where it has gone back (a database restored, say).
    const auto* held = view.meeting(meeting.scoped_id);
    if (held && held->epoch() > meeting.epoch) view.erase_meeting(meeting.scoped_id, held->epoch());
    view.put(std::move(meeting));
  }
  for (const auto& scoped_id : changes.gone_meetings) {
    if (is_ours(scoped_id)) continue;
    if (const auto* entry = view.meeting(scoped_id)) {
      view.erase_meeting(scoped_id, entry->epoch());
    }
  }
  for (const auto& id : changes.gone_backends) view.erase_backend(id);
  for (const auto& id : changes.gone_frontends) view.erase_frontend(id);
  return skipped;
}

}  // namespace b3::feed
