#include "daemon/metrics_cluster.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "daemon/metrics_host.h"
#include "daemon/rest_statistics.h"
#include "metrics/exposition.h"

namespace b3::daemon {
namespace {

const Now test_now{WallTime{milliseconds{1'795'000'000'000}}, SteadyTime{std::chrono::hours{100}}};

Backend backend_row(int number) {
  Backend backend;
  backend.id = fmt::format("backend-{}", number);
  backend.host = fmt::format("https://node{}.example.org/bigbluebutton/api/", number);
  backend.secret = "very-secret";
  backend.admin_state = AdminState::ready;
  backend.node_state = NodeState::ready;
  backend.synced_at = test_now.wall - milliseconds{2'500};
  backend.latency_microseconds = 12'500;
  return backend;
}

Frontend frontend_row(std::string key) {
  Frontend frontend;
  frontend.id = "id-of-" + key;
  frontend.key = std::move(key);
  frontend.secret = "very-secret";
  return frontend;
}

Meeting meeting_row(const std::string& key, int number, int backend) {
  Meeting meeting;
  meeting.meeting_id = fmt::format("room-{}", number);
  meeting.scoped_id = key + "~" + meeting.meeting_id;
  meeting.frontend_id = "id-of-" + key;
  meeting.backend_id = fmt::format("backend-{}", backend);
  meeting.phase = MeetingPhase::bound;
  meeting.internal_id = fmt::format("internal-{}-{}", key, number);
  meeting.epoch = 1;
  meeting.running = true;
  meeting.counts = {.participants = 5, .moderators = 2, .listeners = 3, .voices = 1, .videos = 4};
  meeting.reserved_at = test_now.wall - std::chrono::minutes{40};
  meeting.bound_at = meeting.reserved_at;
  return meeting;
}

std::string expose(const view::View& view, ClusterMetricsOptions options = {},
                   std::string_view more = "") {
  metrics::Families families;
  collect_cluster(families, view, test_now, options);
  return metrics::expose(metrics::ExpositionFormat::open_metrics, std::move(families).take(), more);
}

bool has(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

struct Cluster {
  view::View view{[] { return test_now; }};
  Cluster() {
    view.put(frontend_row("math"));
    view.put(frontend_row("arts"));
    view.put(backend_row(1));
    view.put(backend_row(2));
  }
};

TEST_CASE("nothing yet: zeros where something can come") {
  const view::View view{[] { return test_now; }};
  const auto text = expose(view);
  CHECK(has(text, "b3scale_meeting_attendees{type=\"participants\"} 0"));
  CHECK(has(text, "b3scale_meeting_durations_count 0"));
  CHECK(has(text, "b3scale_backends 0"));
  CHECK(has(text, "b3scale_reservation_oldest_age_seconds 0"));
}

TEST_CASE_FIXTURE(Cluster, "people and meetings are counted where they are") {
  view.put(meeting_row("math", 1, 1));
  view.put(meeting_row("math", 2, 2));
  auto idle = meeting_row("arts", 3, 2);
  idle.running = false;
  idle.counts = {};
  view.put(idle);
  auto reserved = meeting_row("arts", 4, 2);
  reserved.phase = MeetingPhase::reserved;
  reserved.internal_id.clear();
  reserved.running = false;
  reserved.counts = {};
  view.put(reserved);

  const auto text = expose(view);
  CHECK(has(text, "b3scale_meeting_attendees{type=\"participants\"} 10"));
  CHECK(has(text, "b3scale_meeting_attendees{type=\"moderators\"} 4"));
  CHECK(has(text, "b3scale_meeting_attendees{type=\"listeners\"} 6"));
  CHECK(has(text, "b3scale_meeting_attendees{type=\"voice\"} 2"));
  CHECK(has(text, "b3scale_meeting_attendees{type=\"video\"} 8"));
  CHECK(has(text, "b3scale_meetings{state=\"running\"} 2"));
  CHECK(has(text, "b3scale_meetings{state=\"idle\"} 1"));
  CHECK(has(text, "b3scale_meetings{state=\"reserved\"} 1"));
  CHECK(has(text, "b3scale_meeting_durations_bucket{le=\"1800.0\"} 0"));
  CHECK(has(text, "b3scale_meeting_durations_bucket{le=\"2700.0\"} 2"));
  CHECK(has(text, "b3scale_meeting_durations_sum 4800"));
  CHECK(has(text, "b3scale_frontend_attendees{frontend=\"math\"} 10"));
  CHECK(has(text, "b3scale_frontend_attendees{frontend=\"arts\"} 0"));
  CHECK(has(text, "b3scale_frontend_meetings{frontend=\"arts\"} 1"));
  const std::string second = "backend=\"https://node2.example.org/bigbluebutton/api/\"";
  CHECK(has(text, "b3scale_backend_meetings{" + second + "} 2"));
  CHECK(has(text, "b3scale_backend_attendees{" + second + "} 5"));
  CHECK(has(text, "b3scale_backend_reservations{" + second + "} 1"));
  CHECK(has(text, "b3scale_backend_refresh_age_seconds{" + second + "} 2.5"));
  CHECK(has(text, "b3scale_backend_poll_latency_seconds{" + second + "} 0.0125"));
  CHECK(text.find("room-1") == std::string::npos);
  CHECK(text.find("very-secret") == std::string::npos);
}

TEST_CASE_FIXTURE(Cluster, "why a backend gets no meetings") {
  auto stopped = backend_row(1);
  stopped.admin_state = AdminState::stopped;
  stopped.settings_json = R"({"max_meetings": 20, "max_attendees": 300})";
  view.put(stopped);
  const auto text = expose(view, {.circuit_open = [](auto id) { return id == "backend-2"; }});
  const std::string first = "backend=\"https://node1.example.org/bigbluebutton/api/\"";
  const std::string second = "backend=\"https://node2.example.org/bigbluebutton/api/\"";
  CHECK(has(text, "b3scale_backend_eligible{" + first + "} 0"));
  CHECK(has(text, "b3scale_backend_rejection{" + first + ",reason=\"admin_state\"} 1"));
  CHECK(has(text, "b3scale_backend_rejection{" + second + ",reason=\"circuit_open\"} 1"));
  CHECK(has(text, "b3scale_backend_meetings_limit{" + first + "} 20"));
  CHECK(has(text, "b3scale_backend_attendees_limit{" + first + "} 300"));
  CHECK(text.find("b3scale_backend_meetings_limit{" + second) == std::string::npos);
  CHECK(has(text, "b3scale_backend_state{" + first +
                      ",admin_state=\"stopped\",node_state=\"ready\",health=\"usable\"} 1"));
}

TEST_CASE_FIXTURE(Cluster, "the rows of meetings are shown when asked for, with odd ids too") {
  view.put(meeting_row("math", 1, 1));
  auto odd = meeting_row("math", 2, 1);
  odd.scoped_id = "math~a\"b\\c\n";
  view.put(odd);
  const auto text = expose(view, {}, text_of_each_meeting(view, test_now));
  CHECK(has(text,
            "b3scale_single_meeting_attendees{meeting=\"math~room-1\",frontend=\"math\","
            "backend=\"https://node1.example.org/bigbluebutton/api/\",type=\"video\"} 4"));
  CHECK(has(text,
            "b3scale_single_meeting_duration_seconds{meeting=\"math~a\\\"b\\\\c\\n\","
            "frontend=\"math\",backend=\"https://node1.example.org/bigbluebutton/api/\"} 2400"));
}

TEST_CASE_FIXTURE(Cluster, "what agents report") {
  auto backend = backend_row(1);
  backend.agent_heartbeat = test_now.wall;
  backend.agent_report =
      R"({"cpu_percent": 12.5, "load1": 0.5, "memory_total_bytes": 1024, "disk_used_bytes": -1,
          "load5": "high", "version": "2.0.1"})";
  view.put(backend);
  const auto text = expose(view);
  const std::string first = "backend=\"https://node1.example.org/bigbluebutton/api/\"";
  CHECK(has(text, "b3scale_backend_agent_heartbeat_age_seconds{" + first + "} 0"));
  CHECK(has(text, "b3scale_backend_host_cpu_ratio{" + first + "} 0.125"));
  CHECK(has(text, "b3scale_backend_host_load1{" + first + "} 0.5"));
  CHECK(has(text, "b3scale_backend_host_memory_bytes{" + first + "} 1024"));
  CHECK(has(text, "b3scale_backend_agent_info{" + first + ",version=\"2.0.1\"} 1"));
  CHECK(text.find("disk_used") == std::string::npos);
  CHECK(text.find("load5") == std::string::npos);
  for (const auto* report : {"nonsense", "[]", "{\"cpu_percent\": 1e400}"}) {
    backend.agent_report = report;
    view.put(backend);
    CHECK(expose(view).find("host_") == std::string::npos);
  }
}

TEST_CASE("routes of the REST API are labelled by their pattern") {
  RestStatistics statistics;
  const auto& route = api::routes()[1];
  statistics.note(&route, milliseconds{3}, 200);
  statistics.note(&route, milliseconds{3}, 404);
  statistics.note(nullptr, milliseconds{3}, 405);
  statistics.note(nullptr, milliseconds{3}, 599);
  statistics.note(nullptr, milliseconds{3}, 7);
  std::string seen;
  statistics.for_each([&](auto method, auto pattern, const auto& entry) {
    seen += fmt::format("{} {}:", method, pattern);
    entry.statuses.for_each([&](auto, auto count) { seen += fmt::format(" {}", count); });
    seen += "\n";
  });
  CHECK(seen == fmt::format("{} {}: 1 0 1 0\nother other: 1 0 1 1\n", route.method, route.pattern));
}

TEST_CASE("how long a scrape takes with 5,000 meetings (printed)") {
  view::View view{[] { return test_now; }};
  for (int i = 0; i < 20; ++i) view.put(frontend_row(fmt::format("tenant-{}", i)));
  for (int i = 0; i < 100; ++i) view.put(backend_row(i));
  for (int i = 0; i < 5'000; ++i) {
    view.put(meeting_row(fmt::format("tenant-{}", i % 20), i, i % 100));
  }
  for (const bool per_meeting : {false, true}) {
    const auto began = std::chrono::steady_clock::now();
    metrics::Families families;
    collect_cluster(families, view, test_now, {});
    const auto text = metrics::expose(metrics::ExpositionFormat::text, std::move(families).take(),
                                      per_meeting ? text_of_each_meeting(view, test_now) : "");
    const auto took = std::chrono::steady_clock::now() - began;
    std::printf("5,000 meetings on 100 backends%s: %.1f ms, %zu KB\n",
                per_meeting ? ", each meeting shown" : "",
                std::chrono::duration<double, std::milli>(took).count(), text.size() / 1'000);
    CHECK(text.find("b3scale_meetings{state=\"running\"} 5000\n") != std::string::npos);
  }
}

}  // namespace
}  // namespace b3::daemon
