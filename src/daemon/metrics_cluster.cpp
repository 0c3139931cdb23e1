#include "daemon/metrics_cluster.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "base/json.h"
#include "daemon/metrics_host.h"
#include "metrics/gauge_text.h"
#include "placement/placement.h"

namespace b3::daemon {
namespace {

using metrics::Families;

constexpr std::array duration_bounds{300.0,    900.0,    1'800.0,  2'700.0,  3'600.0,
                                     5'400.0,  7'200.0,  10'800.0, 14'400.0, 21'600.0,
                                     28'800.0, 43'200.0, 86'400.0};

constexpr std::array<std::pair<std::string_view, std::int64_t MeetingCounts::*>, 5> kinds{{
    {"participants", &MeetingCounts::participants},
    {"moderators", &MeetingCounts::moderators},
    {"listeners", &MeetingCounts::listeners},
    {"voice", &MeetingCounts::voices},
    {"video", &MeetingCounts::videos},
}};

double in_seconds(auto duration) {
  return std::max(0.0, std::chrono::duration<double>(duration).count());
}

// Of one backend, one frontend or all.
struct Sum {
  std::int64_t bound = 0;
  std::int64_t reserved = 0;
  std::int64_t attendees = 0;
};

struct Sums {
  std::unordered_map<std::string_view, Sum> by_backend;
  std::unordered_map<std::string_view, Sum> by_frontend;
  std::array<std::int64_t, kinds.size()> people{};  // by kind
  std::int64_t running = 0;
  std::int64_t idle = 0;
  std::int64_t reserved = 0;
  std::optional<SteadyTime> oldest_reservation;
  metrics::Histogram durations{duration_bounds};
};

double age_of(const view::MeetingEntry& meeting, Now now) {
  return in_seconds(now.wall - meeting.bound_at().value_or(meeting.reserved_at()));
}

void add(Sums& sums, const view::MeetingEntry& meeting, Now now) {
  auto& backend = sums.by_backend[meeting.backend_id()];
  auto& frontend = sums.by_frontend[meeting.frontend_id()];
  if (meeting.phase() == MeetingPhase::reserved) {
    ++backend.reserved;
    ++frontend.reserved;
    ++sums.reserved;
    sums.oldest_reservation =
        std::min(sums.oldest_reservation.value_or(meeting.held_since()), meeting.held_since());
    return;
  }
  const auto counts = meeting.counts();
  for (auto* each : {&backend, &frontend}) {
    ++each->bound;
    each->attendees += counts.participants;
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) sums.people[i] += counts.*kinds[i].second;
  ++(meeting.running() ? sums.running : sums.idle);
  if (meeting.running()) sums.durations.observe(age_of(meeting, now));
}

Sum sum_of(const std::unordered_map<std::string_view, Sum>& sums, std::string_view id) {
  const auto found = sums.find(id);
  return found == sums.end() ? Sum{} : found->second;
}

void collect_totals(Families& families, const view::View& view, const Sums& sums, Now now) {
  auto people = families.gauge("b3scale_meeting_attendees",
                               "People in all meetings; one person may count under several types.");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    people.add(double(sums.people[i]), {{"type", kinds[i].first}});
  }
  families
      .histogram("b3scale_meeting_durations",
                 "Age in seconds of the meetings that are running now; counts go down, too.")
      .add(sums.durations);
  auto meetings = families.gauge(
      "b3scale_meetings", "Meetings: running, idle (created, nobody there), reserved (no answer).");
  meetings.add(double(sums.running), {{"state", "running"}});
  meetings.add(double(sums.idle), {{"state", "idle"}});
  meetings.add(double(sums.reserved), {{"state", "reserved"}});
  families
      .gauge("b3scale_reservation_oldest_age_seconds",
             "Age of the oldest reservation whose node has not answered yet; 0 without one.")
      .add(sums.oldest_reservation ? in_seconds(now.steady - *sums.oldest_reservation) : 0);
  families.gauge("b3scale_backends", "Registered backends.").add(double(view.backends().size()));
  families.gauge("b3scale_frontends", "Registered frontends.").add(double(view.frontends().size()));
}

void collect_frontends(Families& families, const view::View& view, const Sums& sums) {
  auto attendees =
      families.gauge("b3scale_frontend_attendees", "People in the meetings of a frontend.");
  auto meetings = families.gauge("b3scale_frontend_meetings", "Meetings of a frontend.");
  for (const auto* entry : view.frontends()) {
    const auto sum = sum_of(sums.by_frontend, entry->frontend.id);
    attendees.add(double(sum.attendees), {{"frontend", entry->frontend.key}});
    meetings.add(double(sum.bound), {{"frontend", entry->frontend.key}});
  }
}

void collect_backend_meetings(Families& families, const view::View& view, const Sums& sums) {
  auto meetings = families.gauge("b3scale_backend_meetings", "Meetings on a backend.");
  auto attendees =
      families.gauge("b3scale_backend_attendees", "People in the meetings on a backend.");
  auto reserved = families.gauge("b3scale_backend_reservations",
                                 "Reservations of a backend that it has not answered yet.");
  for (const auto* entry : view.backends()) {
    const auto sum = sum_of(sums.by_backend, entry->backend.id);
    const metrics::Label label{"backend", entry->backend.host};
    meetings.add(double(sum.bound), {label});
    attendees.add(double(sum.attendees), {label});
    reserved.add(double(sum.reserved), {label});
  }
}

void collect_placement(Families& families, const view::View& view, Now now,
                       const ClusterMetricsOptions& options) {
  auto eligible =
      families.gauge("b3scale_backend_eligible", "1 while a backend may get new meetings.");
  auto rejection = families.gauge("b3scale_backend_rejection",
                                  "1 with the reason why a backend gets no new meetings.");
  auto load = families.gauge(
      "b3scale_backend_load",
      "People expected on a backend, times its load factor: what placement compares.");
  auto most_meetings =
      families.gauge("b3scale_backend_meetings_limit", "max_meetings, where it is set.");
  auto most_attendees =
      families.gauge("b3scale_backend_attendees_limit", "max_attendees, where it is set.");
  for (auto& candidate : view.candidates(now)) {
    candidate.circuit_open = options.circuit_open && options.circuit_open(candidate.backend_id);
    const metrics::Label label{"backend", candidate.host};
    const auto rejected = placement::reject(candidate, {}, now.wall);
    eligible.add(rejected ? 0 : 1, {label});
    if (rejected) rejection.add(1, {label, {"reason", placement::to_string(rejected->reason)}});
    load.add(candidate.expected_load * candidate.load_factor, {label});
    if (candidate.max_meetings) most_meetings.add(double(*candidate.max_meetings), {label});
    if (candidate.max_attendees) most_attendees.add(double(*candidate.max_attendees), {label});
  }
}

void collect_backend_states(Families& families, const view::View& view, Now now) {
  auto info = families.gauge("b3scale_backend_info", "1 with the id of a backend.");
  auto state = families.gauge("b3scale_backend_state",
                              "1 with the operator's, the observed state and the health that "
                              "counts.");
  auto factor = families.gauge("b3scale_backend_load_factor", "The penalty of a backend.");
  auto latency = families.gauge("b3scale_backend_poll_latency_seconds",
                                "How long a backend took to answer its last poll.");
  auto age = families.gauge("b3scale_backend_refresh_age_seconds",
                            "Time since a backend was last polled with success; as of the "
                            "database, which may be 30 s behind for other instances' backends.");
  for (const auto* entry : view.backends()) {
    const auto& backend = entry->backend;
    const metrics::Label label{"backend", backend.host};
    info.add(1, {label, {"id", backend.id}});
    state.add(1, {label,
                  {"admin_state", to_string(backend.admin_state)},
                  {"node_state", to_string(backend.node_state)},
                  {"health", to_string(backend.effective_health())}});
    factor.add(backend.load_factor, {label});
    latency.add(double(backend.latency_microseconds) / 1e6, {label});
    if (backend.synced_at) age.add(in_seconds(now.wall - *backend.synced_at), {label});
  }
}

void collect_agents(Families& families, const view::View& view, Now now) {
  auto age = families.gauge("b3scale_backend_agent_heartbeat_age_seconds",
                            "Time since the agent of a backend was last heard.");
  HostFamilies hosts{families};
  for (const auto* entry : view.backends()) {
    const auto silence = entry->agent_silence(now.steady);
    if (!silence) continue;
    age.add(in_seconds(*silence), {{"backend", entry->backend.host}});
    hosts.add(entry->backend.host, entry->backend.agent_report);
  }
}

}  // namespace

void collect_cluster(Families& families, const view::View& view, Now now,
                     const ClusterMetricsOptions& options) {
  Sums sums;
  view.visit_meetings([&](const view::MeetingEntry& meeting) { add(sums, meeting, now); });
  collect_totals(families, view, sums, now);
  collect_frontends(families, view, sums);
  collect_backend_meetings(families, view, sums);
  collect_placement(families, view, now, options);
  collect_backend_states(families, view, now);
  collect_agents(families, view, now);
}

std::string text_of_each_meeting(const view::View& view, Now now) {
  metrics::GaugeText people{"b3scale_single_meeting_attendees", "People in one meeting, by type."};
  metrics::GaugeText durations{"b3scale_single_meeting_duration_seconds",
                               "Age of one running meeting."};
  view.visit_meetings([&](const view::MeetingEntry& meeting) {
    const auto* frontend = view.frontend(meeting.frontend_id());
    const auto* backend = view.backend(meeting.backend_id());
    const bool shown =
        frontend != nullptr && backend != nullptr && meeting.phase() == MeetingPhase::bound;
    if (!shown) return;
    const auto labels = metrics::label_text({{"meeting", meeting.scoped_id()},
                                             {"frontend", frontend->frontend.key},
                                             {"backend", backend->backend.host}});
    const auto counts = meeting.counts();
    for (const auto& [kind, count] : kinds) {
      people.add(labels, {"type", kind}, double(counts.*count));
    }
    if (meeting.running()) durations.add(labels, age_of(meeting, now));
  });
  return std::move(people).take() + std::move(durations).take();
}

}  // namespace b3::daemon
