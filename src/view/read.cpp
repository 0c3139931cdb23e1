// The reading half of View.
#include <algorithm>

#include "view/groups.h"
#include "view/order.h"
#include "view/view.h"

namespace b3::view {
namespace {

template <class Index>
auto find_in(const Index& index, std::string_view key) -> decltype(&*index.begin()->second) {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : &*found->second;
}

template <class Groups>
std::vector<const MeetingEntry*> listed_in(const Groups& groups, std::string_view id) {
  const auto found = groups.find(id);
  if (found == groups.end()) return {};
  const auto& meetings = found->second->meetings;
  std::vector<const MeetingEntry*> listed(meetings.begin(), meetings.end());
  std::ranges::sort(listed, by_scoped_id);
  return listed;
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
  return by_scoped_id_.find(scoped_id);
}
const MeetingEntry* View::meeting_by_internal_id(std::string_view internal_id) const {
  return by_internal_id_.find(internal_id);
}
std::uint64_t View::meetings_changed_at(std::string_view frontend_id) const {
  const auto found = meetings_by_frontend_.find(frontend_id);
  return found == meetings_by_frontend_.end() ? 0 : found->second->changed_at_version;
}

bool View::lacks_documents(std::string_view frontend_id) const {
  const auto found = meetings_by_frontend_.find(frontend_id);
  return found != meetings_by_frontend_.end() && found->second->without_document > 0;
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
  listed.reserve(meeting_count());
  by_scoped_id_.for_each([&](const MeetingEntry& entry) { listed.push_back(&entry); });
  std::ranges::sort(listed, by_scoped_id);
  return listed;
}

std::vector<const MeetingEntry*> View::meetings_of_frontend(std::string_view id) const {
  return listed_in(meetings_by_frontend_, id);
}

std::vector<const MeetingEntry*> View::meetings_of_backend(std::string_view id) const {
  return listed_in(meetings_by_backend_, id);
}

}  // namespace b3::view
