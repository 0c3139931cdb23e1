// The writing half of View: rows in, indexes kept.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "view/order.h"
#include "view/view.h"

namespace b3::view {
namespace {

std::string in_words(const FieldErrors& errors) {
  std::string words;
  for (const auto& [field, problem] : errors) {
    words += fmt::format("{}{}: {}", words.empty() ? "" : "; ", field, problem);
  }
  return words;
}

FrontendSettings settings_of(const Frontend& frontend) {
  auto settings = parse_frontend_settings(frontend.settings_json);
  if (settings) return std::move(*settings);
  log::warn("frontend settings unreadable, using defaults",
            {{"frontend", frontend.key}, {"problem", in_words(settings.error())}});
  return {};
}

BackendSettings settings_of(const Backend& backend) {
  auto settings = parse_backend_settings(backend.settings_json);
  if (settings) return std::move(*settings);
  log::warn("backend settings unreadable, using defaults",
            {{"backend", log::redact_url(backend.host)}, {"problem", in_words(settings.error())}});
  return {};
}

bool same_placement(const Meeting& left, const Meeting& right) {
  return left.phase == right.phase && left.epoch == right.epoch &&
         left.backend_id == right.backend_id && left.internal_id == right.internal_id;
}

std::vector<std::string> scoped_ids_of(const std::vector<const MeetingEntry*>& entries) {
  std::vector<std::string> scoped_ids;
  scoped_ids.reserve(entries.size());
  for (const auto* entry : entries) scoped_ids.push_back(entry->meeting.scoped_id);
  return scoped_ids;
}

// Only where it points to `entry`: another row may have taken the key over.
template <class Index, class Entry>
void forget(Index& index, std::string_view key, const Entry* entry) {
  const auto found = index.find(key);
  if (found != index.end() && found->second == entry) index.erase(found);
}

}  // namespace

// -- frontends and backends ------------------------------------------------------------------

void View::store(Frontend frontend) {
  auto& entry = frontends_[frontend.id];
  const bool is_new = !entry;
  if (is_new) entry = std::make_unique<FrontendEntry>();
  if (is_new || entry->frontend.settings_json != frontend.settings_json) {
    entry->settings = settings_of(frontend);
  }
  if (!is_new) forget(frontends_by_key_, entry->frontend.key, entry.get());
  entry->frontend = std::move(frontend);
  frontends_by_key_[entry->frontend.key] = entry.get();
}

void View::store(Backend backend) {
  auto& entry = backends_[backend.id];
  const bool is_new = !entry;
  if (is_new) entry = std::make_unique<BackendEntry>();
  if (is_new || entry->backend.settings_json != backend.settings_json) {
    entry->settings = settings_of(backend);
  }
  const bool moves = is_new || entry->backend.host != backend.host;
  if (!is_new && moves) std::erase(backends_by_host_, entry.get());
  entry->backend = std::move(backend);
  if (moves) {
    const auto* added = static_cast<const BackendEntry*>(entry.get());
    backends_by_host_.insert(std::ranges::lower_bound(backends_by_host_, added, by_host), added);
  }
}

void View::put(Frontend frontend) {
  ++version_;
  store(std::move(frontend));
}

void View::put(Backend backend) {
  ++version_;
  store(std::move(backend));
}

void View::erase_frontend(std::string_view id) {
  auto orphans = scoped_ids_of(meetings_of_frontend(id));
  const auto found = frontends_.find(id);
  if (found == frontends_.end() && orphans.empty()) return;
  ++version_;
  if (found != frontends_.end()) {
    forget(frontends_by_key_, found->second->frontend.key, found->second.get());
    frontends_.erase(found);
  }
  remove_meetings(std::move(orphans));
}

void View::erase_backend(std::string_view id) {
  auto orphans = scoped_ids_of(meetings_of_backend(id));
  const auto found = backends_.find(id);
  if (found == backends_.end() && orphans.empty()) return;
  ++version_;
  if (found != backends_.end()) {
    std::erase(backends_by_host_, found->second.get());
    backends_.erase(found);
  }
  remove_meetings(std::move(orphans));
}

// -- meetings --------------------------------------------------------------------------------

void View::link(HeldMeeting& held) {
  const Meeting& meeting = held.meeting;
  if (!meeting.internal_id.empty()) meetings_by_internal_id_[meeting.internal_id] = &held;
  meetings_by_frontend_[meeting.frontend_id].insert(&held);
  auto& shares = shares_by_backend_[meeting.backend_id];
  held.share = shares.size();
  shares.push_back({&held, meeting.reserved_at,
                    std::max<std::int64_t>(meeting.counts.participants, 0), meeting.expected_size});
}

void View::unlink(const HeldMeeting& held) {
  const Meeting& meeting = held.meeting;
  forget(meetings_by_internal_id_, meeting.internal_id, static_cast<const MeetingEntry*>(&held));
  const auto siblings = meetings_by_frontend_.find(meeting.frontend_id);
  siblings->second.erase(&held);
  if (siblings->second.empty()) meetings_by_frontend_.erase(siblings);
  const auto found = shares_by_backend_.find(meeting.backend_id);
  auto& shares = found->second;
  shares.back().held->share = held.share;
  shares[held.share] = shares.back();
  shares.pop_back();
  if (shares.empty()) shares_by_backend_.erase(found);
}

// Stamps with the present version: the caller has raised it.
void View::store(Meeting meeting) {
  auto& held = meetings_[meeting.scoped_id];
  const bool is_new = !held;
  if (is_new) held = std::make_unique<HeldMeeting>();
  if (is_new || !same_placement(held->meeting, meeting)) held->changed_at_version = version_;
  if (!is_new) unlink(*held);
  held->meeting = std::move(meeting);
  link(*held);
}

void View::put(Meeting meeting) {
  const auto* present = this->meeting(meeting.scoped_id);
  if (present && present->meeting.epoch > meeting.epoch) return;
  ++version_;
  std::string scoped_id = meeting.scoped_id;
  store(std::move(meeting));
  notify({std::move(scoped_id)});
}

void View::remove_meeting(std::string_view scoped_id) {
  const auto found = meetings_.find(scoped_id);
  if (found == meetings_.end()) return;
  if (remembers_erasures_) erasures_[found->first] = version_;
  unlink(*found->second);
  meetings_.erase(found);
}

void View::remove_meetings(std::vector<std::string> scoped_ids) {
  for (const auto& scoped_id : scoped_ids) remove_meeting(scoped_id);
  notify(scoped_ids);
}

void View::erase_meeting(std::string_view scoped_id, std::int64_t epoch) {
  const auto* present = meeting(scoped_id);
  if (!present || present->meeting.epoch > epoch) return;
  ++version_;
  remove_meetings({std::string(scoped_id)});
}

void View::load(std::vector<Frontend> frontends, std::vector<Backend> backends,
                std::vector<Meeting> meetings) {
  ++version_;
  View fresh;
  fresh.version_ = version_;
  for (auto& frontend : frontends) fresh.store(std::move(frontend));
  for (auto& backend : backends) fresh.store(std::move(backend));
  fresh.meetings_.reserve(meetings.size());
  for (auto& meeting : meetings) fresh.store(std::move(meeting));

  std::vector<std::string> touched;
  touched.reserve(fresh.meetings_.size());
  for (auto& [scoped_id, held] : fresh.meetings_) {
    const auto* before = meeting(scoped_id);
    if (before && same_placement(before->meeting, held->meeting)) {
      held->changed_at_version = before->changed_at_version;
    }
    touched.push_back(scoped_id);
  }
  for (const auto& [scoped_id, held] : meetings_) {
    if (!fresh.meeting(scoped_id)) touched.push_back(scoped_id);
  }
  fresh.remembers_erasures_ = remembers_erasures_;
  fresh.observer_ = std::move(observer_);
  *this = std::move(fresh);
  notify(touched);
}

void View::forget_erasures(std::uint64_t up_to_version) {
  std::erase_if(erasures_, [&](const auto& erasure) { return erasure.second <= up_to_version; });
}

bool View::erased_since(std::string_view scoped_id, std::uint64_t version) const {
  const auto found = erasures_.find(scoped_id);
  return found != erasures_.end() && found->second > version;
}

// -- observing -------------------------------------------------------------------------------

void View::on_meeting_changed(std::function<void(std::string_view)> observer) {
  observer_ = std::move(observer);
}

void View::notify(const std::vector<std::string>& scoped_ids) {
  const auto observer = observer_;  // it may replace itself
  if (!observer) return;
  for (const auto& scoped_id : scoped_ids) observer(scoped_id);
}

}  // namespace b3::view
