#include "daemon/metrics_traffic.h"

namespace b3::daemon {
namespace {

void collect_placements(metrics::Families& families, const view::View& view,
                        const gateway::GatewayStatistics& statistics) {
  auto placements = families.counter("b3scale_placements_total",
                                     "New meetings this instance has placed on a backend.");
  for (const auto* entry : view.backends()) {
    const auto found = statistics.placements.find(entry->backend.id);
    const auto count = found == statistics.placements.end() ? 0 : found->second;
    placements.add(double(count), {{"backend", entry->backend.host}});
  }
  families
      .counter("b3scale_placements_failed_total", "New meetings for which there was no backend.")
      .add(double(statistics.unplaceable));
  families
      .counter("b3scale_placements_moved_total",
               "Reservations that went on to another backend, because one could not be asked.")
      .add(double(statistics.moves));
  auto rejections = families.counter("b3scale_placement_rejections_total",
                                     "Backends that were left out of placements, by reason.");
  statistics.rejections.for_each([&](placement::Rejection reason, std::uint64_t count) {
    rejections.add(double(count), {{"reason", placement::to_string(reason)}});
  });
  auto attempts = families.counter("b3scale_create_attempts_total",
                                   "Creates relayed for new meetings, by what the node did.");
  statistics.attempts.for_each([&](gateway::CreateOutcome outcome, std::uint64_t count) {
    attempts.add(double(count), {{"outcome", gateway::to_string(outcome)}});
  });
}

}  // namespace

void collect_gateway(metrics::Families& families, const view::View& view,
                     const gateway::GatewayStatistics& statistics) {
  auto requests = families.counter("b3scale_requests_total", "BBB calls of applications.");
  auto durations = families.histogram("b3scale_request_duration_seconds",
                                      "How long BBB calls of applications took.");
  for (std::size_t at = 0; at < statistics.calls.size(); ++at) {
    const auto& call = statistics.calls[at];
    const auto name = gateway::to_string(gateway::CallKind(at));
    call.results.for_each([&](gateway::CallResult result, std::uint64_t count) {
      requests.add(double(count), {{"call", name}, {"result", gateway::to_string(result)}});
    });
    durations.add(call.duration, {{"call", name}});
  }
  collect_placements(families, view, statistics);
}

void collect_nodes(metrics::Families& families, const view::View& view,
                   const node::NodeStatistics& statistics) {
  auto by_call = families.histogram("b3scale_node_call_duration_seconds",
                                    "How long calls to nodes took, failed ones too.");
  auto failures = families.counter("b3scale_node_call_failures_total",
                                   "Calls to nodes that failed, by call and reason.");
  for (std::size_t at = 0; at < statistics.by_call.size(); ++at) {
    const auto& call = statistics.by_call[at];
    const auto name = node::to_string(node::CallLabel(at));
    by_call.add(call.duration, {{"call", name}});
    call.failures.for_each([&](node::FailureLabel reason, std::uint64_t count) {
      failures.add(double(count), {{"call", name}, {"reason", node::to_string(reason)}});
    });
  }
  auto by_backend = families.histogram("b3scale_backend_call_duration_seconds",
                                       "How long calls to a backend took, failed ones too.");
  auto backend_failures = families.counter("b3scale_backend_call_failures_total",
                                           "Calls to a backend that failed, by reason.");
  for (const auto* entry : view.backends()) {
    const auto found = statistics.by_backend.find(entry->backend.id);
    const auto calls =
        found == statistics.by_backend.end() ? node::NodeCallStatistics{} : found->second;
    by_backend.add(calls.duration, {{"backend", entry->backend.host}});
    calls.failures.for_each([&](node::FailureLabel reason, std::uint64_t count) {
      backend_failures.add(double(count),
                           {{"backend", entry->backend.host}, {"reason", node::to_string(reason)}});
    });
  }
}

void collect_rest(metrics::Families& families, const RestStatistics& statistics) {
  auto requests =
      families.counter("b3scale_api_requests_total", "Requests of the REST API by route.");
  auto durations = families.histogram("b3scale_api_request_duration_seconds",
                                      "How long requests of the REST API took.");
  statistics.for_each([&](std::string_view method, std::string_view route, const auto& entry) {
    entry.statuses.for_each([&](StatusClass status, std::uint64_t count) {
      requests.add(double(count),
                   {{"method", method}, {"route", route}, {"status", to_string(status)}});
    });
    durations.add(entry.duration, {{"method", method}, {"route", route}});
  });
}

}  // namespace b3::daemon
