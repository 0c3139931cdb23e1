// The writing half of View: frontends and backends, and everything at once.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
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

std::vector<std::string> scoped_ids_of(const std::vector<const MeetingEntry*>& entries) {
  std::vector<std::string> scoped_ids;
  scoped_ids.reserve(entries.size());
  for (const auto* entry : entries) scoped_ids.emplace_back(entry->scoped_id());
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

void View::store(Backend backend, SteadyTime now) {
  auto& entry = backends_[backend.id];
  const bool is_new = !entry;
  if (is_new) entry = std::make_unique<BackendEntry>();
  if (is_new || entry->backend.settings_json != backend.settings_json) {
    entry->settings = settings_of(backend);
  }
  // The store hears of heartbeats some seconds later than the instance that the agent calls.
  if (!is_new && !backend.agent_heartbeat) {
    backend.agent_heartbeat = entry->backend.agent_heartbeat;
    backend.agent_report = entry->backend.agent_report;
  }
  if (is_new || entry->backend.agent_heartbeat != backend.agent_heartbeat) {
    entry->heartbeat_seen = now;
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
  store(std::move(backend), clock_().steady);
}

void View::drop_frontend(std::string_view id) {
  const auto found = frontends_.find(id);
  if (found == frontends_.end()) return;
  forget(frontends_by_key_, found->second->frontend.key, found->second.get());
  frontends_.erase(found);
}

void View::drop_backend(std::string_view id) {
  const auto found = backends_.find(id);
  if (found == backends_.end()) return;
  std::erase(backends_by_host_, found->second.get());
  backends_.erase(found);
}

void View::erase_frontend(std::string_view id) {
  auto orphans = scoped_ids_of(meetings_of_frontend(id));
  if (!frontends_.contains(id) && orphans.empty()) return;
  ++version_;
  drop_frontend(id);
  remove_meetings(std::move(orphans));
}

void View::erase_backend(std::string_view id) {
  auto orphans = scoped_ids_of(meetings_of_backend(id));
  if (!backends_.contains(id) && orphans.empty()) return;
  ++version_;
  drop_backend(id);
  remove_meetings(std::move(orphans));
}

// -- everything at once ----------------------------------------------------------------------

namespace {

// The keys of `index` that `rows` do not have.
template <class Index, class Rows, class Key>
std::vector<std::string> missing_in(const Rows& rows, const Index& index, Key key) {
  std::unordered_set<std::string_view> kept;
  kept.reserve(rows.size());
  for (const auto& row : rows) kept.insert(row.*key);
  std::vector<std::string> missing;
  for (const auto& [id, entry] : index) {
    if (!kept.contains(id)) missing.push_back(id);
  }
  return missing;
}

}  // namespace

void View::load(std::vector<Frontend> frontends, std::vector<Backend> backends,
                std::vector<Meeting> meetings) {
  ++version_;
  const auto now = clock_();
  for (const auto& id : missing_in(frontends, frontends_, &Frontend::id)) drop_frontend(id);
  for (const auto& id : missing_in(backends, backends_, &Backend::id)) drop_backend(id);
  for (auto& frontend : frontends) store(std::move(frontend));
  for (auto& backend : backends) store(std::move(backend), now.steady);

  std::vector<std::string> touched;
  touched.reserve(meetings.size());
  std::unordered_set<std::string_view> kept;
  for (const auto& meeting : meetings) {
    touched.push_back(meeting.scoped_id);
    if (meeting_count() > 0) kept.insert(meeting.scoped_id);
  }
  const auto before = scoped_ids_of(this->meetings());
  for (const auto& scoped_id : before) {
    if (kept.contains(scoped_id)) continue;
    remove_meeting(scoped_id);
    touched.push_back(scoped_id);
  }
  by_scoped_id_.reserve(meetings.size());
  by_internal_id_.reserve(meetings.size());
  for (const auto& meeting : meetings) store(meeting, now, true);
  notify(touched);
}

}  // namespace b3::view
