// The reading half of View.
#include <algorithm>

#include "view/order.h"
#include "view/view.h"

namespace b3::view {
namespace {

template <class Index>
auto find_in(const Index& index, std::string_view key) -> decltype(&*index.begin()->second) {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : &*found->second;
}

}  // namespace

const FrontendEntry* View::frontend_by_key(std::string_view key) const {
  return find_in(frontends_by_key_, key);
}
const FrontendEntry* View::frontend(std::string_view id) const {
  return find_in(frontends_, id);
}
const BackendEntry* View::backend(std::string_view id) const {
  return find_in(backends_, id);
}
const BackendEntry* View::backend_by_host(std::string_view host) const {
  const auto host_of = [](const BackendEntry* entry) -> std::string_view {
    return entry->backend.host;
  };
  const auto found = std::ranges::lower_bound(backends_by_host_, host, {}, host_of);
  return found != backends_by_host_.end() && host_of(*found) == host ? *found : nullptr;
}
const MeetingEntry* View::meeting(std::string_view scoped_id) const {
  return find_in(meetings_, scoped_id);
}
const MeetingEntry* View::meeting_by_internal_id(std::string_view internal_id) const {
  return find_in(meetings_by_internal_id_, internal_id);
}

std::vector<const FrontendEntry*> View::frontends() const {
  std::vector<const FrontendEntry*> listed;
  listed.reserve(frontends_.size());
  for (const auto& [id, entry] : frontends_) listed.push_back(entry.get());
  std::ranges::sort(listed, by_key);
  return listed;
}

std::vector<const BackendEntry*> View::backends() const {
  return backends_by_host_;
}

std::vector<const MeetingEntry*> View::meetings() const {
  std::vector<const MeetingEntry*> listed;
  listed.reserve(meetings_.size());
  for (const auto& [scoped_id, held] : meetings_) listed.push_back(held.get());
  std::ranges::sort(listed, by_scoped_id);
  return listed;
}

std::vector<const MeetingEntry*> View::meetings_of_frontend(std::string_view id) const {
  const auto found = meetings_by_frontend_.find(id);
  if (found == meetings_by_frontend_.end()) return {};
  std::vector<const MeetingEntry*> listed(found->second.begin(), found->second.end());
  std::ranges::sort(listed, by_scoped_id);
  return listed;
}

std::vector<const MeetingEntry*> View::meetings_of_backend(std::string_view id) const {
  const auto found = shares_by_backend_.find(id);
  if (found == shares_by_backend_.end()) return {};
  std::vector<const MeetingEntry*> listed;
  listed.reserve(found->second.size());
  for (const auto& share : found->second) listed.push_back(share.held);
  std::ranges::sort(listed, by_scoped_id);
  return listed;
}

placement::Candidate View::make_candidate(const BackendEntry& entry, WallTime now) const {
  const Backend& backend = entry.backend;
  placement::Candidate candidate;
  candidate.backend_id = backend.id;
  candidate.host = backend.host;
  candidate.admin_state = backend.admin_state;
  candidate.node_state = backend.node_state;
  candidate.last_error = backend.last_error;
  candidate.agent_heartbeat = backend.agent_heartbeat;
  candidate.synced = backend.synced_at.has_value();
  candidate.tags = entry.settings.tags;
  candidate.max_meetings = entry.settings.max_meetings;
  candidate.max_attendees = entry.settings.max_attendees;
  candidate.load_factor = backend.load_factor;
  const auto shares = shares_by_backend_.find(backend.id);
  if (shares == shares_by_backend_.end()) return candidate;
  candidate.meetings = std::int64_t(shares->second.size());
  for (const auto& share : shares->second) {
    candidate.attendees += share.attendees;
    candidate.expected_load +=
        placement::expected_load_of(share.attendees, share.expected_size, now - share.reserved_at);
  }
  return candidate;
}

std::vector<placement::Candidate> View::candidates(WallTime now) const {
  std::vector<placement::Candidate> all;
  all.reserve(backends_by_host_.size());
  for (const auto* entry : backends_by_host_) all.push_back(make_candidate(*entry, now));
  return all;
}

std::optional<placement::Candidate> View::candidate(std::string_view backend_id,
                                                    WallTime now) const {
  const auto* entry = backend(backend_id);
  if (!entry) return std::nullopt;
  return make_candidate(*entry, now);
}

}  // namespace b3::view
