#include "refresh/baseline.h"

#include <algorithm>

namespace b3::refresh {

Baseline::Baseline(const view::View& view, std::string_view backend_id) {
  const auto rows = view.meetings_of_backend(backend_id);
  held_.reserve(rows.size());
  for (const auto* row : rows) {
    held_.push_back({.epoch = row->epoch(),
                     .document_hash = row->document_hash(),
                     .counts = row->counts(),
                     .running = row->running()});
  }
  std::ranges::sort(held_, {}, &Held::epoch);
}

const Baseline::Held* Baseline::find(std::int64_t epoch) const {
  const auto place = std::ranges::lower_bound(held_, epoch, {}, &Held::epoch);
  return place != held_.end() && place->epoch == epoch ? &*place : nullptr;
}

void Baseline::notice(const view::MeetingEntry& row) {
  const auto place = std::ranges::lower_bound(held_, row.epoch(), {}, &Held::epoch);
  if (place == held_.end() || place->epoch != row.epoch()) return;
  if (place->document_hash != row.document_hash() || place->counts != row.counts() ||
      place->running != row.running()) {
    place->told_of = true;
  }
}

bool Baseline::was_told_of(const view::MeetingEntry& row) const {
  const auto* held = find(row.epoch());
  return held == nullptr ? row.phase() == MeetingPhase::bound : held->told_of;
}

}  // namespace b3::refresh
