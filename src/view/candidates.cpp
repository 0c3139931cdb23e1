// What placement sees of the view.
#include <algorithm>
#include <chrono>

#include "view/groups.h"
#include "view/view.h"

namespace b3::view {

namespace {

// Expectations fade over minutes, and a placement walks through all backends: what their meetings
// count for is summed up once in this time.
constexpr SteadyTime::duration sum_holds = std::chrono::seconds{1};

// How many people more than are there this meeting counts for, at this time.
double expected_more(const Expectation& each, SteadyTime at) {
  const auto age = std::chrono::duration_cast<milliseconds>(at - each.born);
  return placement::expected_load_of(each.present, each.expected_size, age) - double(each.present);
}

}  // namespace

// Forgets expectations that have faded.
void View::sum_up(BackendMeetings& backend, SteadyTime now) {
  double sum = 0;
  for (std::size_t at = 0; at < backend.expected.size();) {
    const auto& each = backend.expected[at];
    const double more = expected_more(each, now);
    if (more > 0) {
      sum += more;
      ++at;
    } else {
      stop_expecting(*each.meeting);
    }
  }
  backend.expected_more = sum;
  backend.summed_at = now;
}

double View::expected_load(BackendMeetings& backend, SteadyTime now) {
  const auto age = now - backend.summed_at;
  if (age < SteadyTime::duration{0} || age >= sum_holds) sum_up(backend, now);
  return double(backend.attendees) + backend.expected_more;
}

void View::expect(MeetingEntry& entry) {
  auto& backend = *entry.backend_;
  entry.in_expected_ = std::uint32_t(backend.expected.size());
  const auto& added = backend.expected.emplace_back(Expectation{
      entry.born(), std::int32_t(entry.present()), std::max(entry.expected_size_, 0), &entry});
  backend.expected_more += expected_more(added, backend.summed_at);
}

void View::stop_expecting(MeetingEntry& entry) {
  if (entry.in_expected_ == MeetingEntry::nowhere) return;
  auto& backend = *entry.backend_;
  backend.expected_more -= expected_more(backend.expected[entry.in_expected_], backend.summed_at);
  remove_from(backend.expected, entry.in_expected_,
              [](Expectation& each) -> auto& { return each.meeting->in_expected_; });
  entry.in_expected_ = MeetingEntry::nowhere;
  if (backend.expected.empty()) backend.expected_more = 0;
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
