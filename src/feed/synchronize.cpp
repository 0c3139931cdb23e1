#include "feed/synchronize.h"

#include <optional>
#include <utility>

namespace b3::feed {

bool is_newer_here(const view::View& view, std::string_view scoped_id, std::uint64_t asked_at) {
  const auto* entry = view.meeting(scoped_id);
  if (entry != nullptr) return entry->changed_at_version() > asked_at;
  return view.erased_since(scoped_id, asked_at);
}

namespace {

// For one epoch a row only ever goes from reserved to bound, and epochs only grow: such a row is
// the later one, whatever the view was told meanwhile.
bool is_ahead(const std::optional<Meeting>& row, const view::MeetingEntry* entry) {
  if (!row || entry == nullptr) return false;
  if (row->epoch != entry->epoch()) return row->epoch > entry->epoch();
  return row->phase == MeetingPhase::bound && entry->phase() == MeetingPhase::reserved;
}

}  // namespace

boost::asio::awaitable<void> synchronize(store::Executor& store, view::View& view,
                                         std::vector<std::string> scoped_ids) {
  if (scoped_ids.empty()) co_return;
  const auto asked_at = view.version();
  auto rows = co_await store.run(
      [&scoped_ids](store::Store& open) { return open.find_meetings(scoped_ids); });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& id = scoped_ids[i];
    const auto* entry = view.meeting(id);
    if (is_newer_here(view, id, asked_at) && !is_ahead(rows[i], entry)) continue;
    const bool is_other = entry != nullptr && (!rows[i] || entry->epoch() > rows[i]->epoch);
    if (is_other) view.erase_meeting(id, entry->epoch());
    if (rows[i]) view.put(std::move(*rows[i]));
  }
}

}  // namespace b3::feed
