// What placement sees of the view.
#include <chrono>

#include "view/groups.h"
#include "view/view.h"

namespace b3::view {

// Sums up what the backend's meetings count for, and forgets expectations that have faded.
double View::expected_load(BackendMeetings& backend, SteadyTime now) {
  double load = double(backend.attendees);
  for (std::size_t at = 0; at < backend.expected.size();) {
    const auto& each = backend.expected[at];
    const auto age = std::chrono::duration_cast<milliseconds>(now - each.born);
    const double present = double(each.present);
    const double counts = placement::expected_load_of(each.present, each.expected_size, age);
    if (counts > present) {
      load += counts - present;
      ++at;
    } else {
      stop_expecting(*each.meeting);
    }
  }
  return load;
}

void View::stop_expecting(MeetingEntry& entry) {
  if (entry.in_expected_ == MeetingEntry::nowhere) return;
  remove_from(entry.backend_->expected, entry.in_expected_,
              [](Expectation& each) -> auto& { return each.meeting->in_expected_; });
  entry.in_expected_ = MeetingEntry::nowhere;
}

placement::Candidate View::make_candidate(const BackendEntry& entry, SteadyTime now) const {
  const Backend& backend = entry.backend;
  placement::Candidate candidate;
  candidate.backend_id = backend.id;
  candidate.host = backend.host;
  candidate.admin_state = backend.admin_state;
  candidate.node_state = backend.node_state;
  candidate.health = backend.effective_health();
  candidate.last_error = backend.last_error;
  candidate.agent_silence = entry.agent_silence(now);
  candidate.synced = backend.synced_at.has_value();
  candidate.tags = entry.settings.tags;
  candidate.max_meetings = entry.settings.max_meetings;
  candidate.max_attendees = entry.settings.max_attendees;
  candidate.load_factor = backend.load_factor;
  const auto meetings = meetings_by_backend_.find(backend.id);
  if (meetings == meetings_by_backend_.end()) return candidate;
  candidate.meetings = std::ssize(meetings->second->meetings);
  candidate.attendees = meetings->second->attendees;
  candidate.expected_load = expected_load(*meetings->second, now);
  return candidate;
}

std::vector<placement::Candidate> View::candidates(Now now) const {
  std::vector<placement::Candidate> all;
  all.reserve(backends_by_host_.size());
  for (const auto* entry : backends_by_host_) all.push_back(make_candidate(*entry, now.steady));
  return all;
}

std::optional<placement::Candidate> View::candidate(std::string_view backend_id, Now now) const {
  const auto* entry = backend(backend_id);
  if (!entry) return std::nullopt;
  return make_candidate(*entry, now.steady);
}

}  // namespace b3::view
