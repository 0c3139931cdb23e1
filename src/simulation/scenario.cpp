#include "simulation/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "simulation/reading.h"

namespace b3::simulation {
namespace {

// A node is given up after 90 s.
constexpr seconds shortest_trouble{110};
constexpr seconds longest_trouble{220};
constexpr seconds healed_traffic{20};
// More than a reservation's timeout, a few polls, and a node's way back from being given up.
constexpr seconds longest_quiet_time{130};
// A few polls: what has found together stays together.
constexpr seconds still_together{16};

using Doubt =
    std::optional<std::string>;  // why the cluster has not found together; nullopt: it has

Doubt doubt_of_meetings(Cluster& cluster) {
  std::set<std::pair<std::string, std::string>> rows;  // scoped id, backend id
  for (const auto& row : cluster.database.direct().list_meetings()) {
    rows.emplace(row.scoped_id, row.backend_id);
    if (row.phase != MeetingPhase::bound) return "a reservation is left over: " + row.scoped_id;
    auto* node = cluster.nodes.by_backend(row.backend_id);
    const auto* live = node->live(row.scoped_id, cluster.world);
    if (live == nullptr || live->internal_id != row.internal_id) {
      return fmt::format("the row of {} names a run that {} has not", row.scoped_id, node->name);
    }
  }
  for (auto& node : cluster.nodes.all()) {
    for (const auto& [id, meeting] : node->state.meetings()) {
      if (meeting.forcibly_ended || rows.contains({id, node->backend_id})) continue;
      return fmt::format("{} holds {}, which has no row there", node->name, id);
    }
  }
  return std::nullopt;
}

Doubt doubt_of_leases(Cluster& cluster) {
  for (auto& node : cluster.nodes.all()) {
    const auto name = lease::refresh_of(node->backend_id);
    const auto holders = std::ranges::count_if(
        cluster.seats, [&](const auto& seat) { return seat->instance->holds_lease(name); });
    if (holders != 1) return fmt::format("{} instances hold {}", holders, name);
  }
  return std::nullopt;
}

Doubt doubt_of_instances(Cluster& cluster) {
  for (auto& seat : cluster.seats) {
    if (!seat->instance) return "an instance is dead";
    const auto found = differences(seat->instance->view(), cluster.database.direct());
    if (!found.empty()) return fmt::format("i{}: {}", seat->place.number, found.front());
    if (seat->instance->open_requests() > 0) return "a request hangs";
  }
  return std::nullopt;
}

Doubt doubt_of_backends(Cluster& cluster) {
  for (const auto& backend : cluster.database.direct().list_backends()) {
    if (backend.node_state == NodeState::ready && backend.health == Health::usable) continue;
    return fmt::format("{} is {}, {}: {}", backend.id, to_string(backend.node_state),
                       to_string(backend.health), backend.last_error);
  }
  return std::nullopt;
}

Doubt doubt_of(Cluster& cluster) {
  for (const auto doubt_of_part :
       {doubt_of_backends, doubt_of_meetings, doubt_of_leases, doubt_of_instances}) {
    if (auto doubt = doubt_of_part(cluster)) return doubt;
  }
  return std::nullopt;
}

}  // namespace

void check_converged(Cluster& cluster) {
  constexpr seconds between_looks{4};
  auto& world = cluster.world;
  auto doubt = doubt_of(cluster);
  for (auto waited = between_looks; doubt && waited < longest_quiet_time; waited += between_looks) {
    world.run_for(between_looks);
    if (world.violation()) return;
    doubt = doubt_of(cluster);
  }
  if (doubt) return world.violated("not converged: " + *doubt);
  world.run_for(still_together);
  if (world.violation()) return;
  if ((doubt = doubt_of(cluster))) world.violated("converged, and no longer: " + *doubt);
}

RunResult run(const RunOptions& options) {
  Cluster cluster{options.seed};
  auto& world = cluster.world;
  world.verbose = options.verbose;
  cluster.network.lies = options.network_lies;
  Traffic traffic{cluster};
  Trouble trouble{cluster};
  traffic.start();
  trouble.start();
  world.run_for(
      world.random.between(milliseconds{shortest_trouble}, milliseconds{longest_trouble}));
  trouble.heal();
  world.run_for(healed_traffic);
  traffic.stop();
  if (!world.violation()) check_converged(cluster);
  RunResult result{world.violation(), world.hash(),        world.steps(),
                   traffic.creates(), traffic.redirects(), cluster.checks.commits(),
                   world.elapsed()};
  // What is cut off now tells traffic, which must still be there.
  for (auto& seat : cluster.seats) seat->instance.reset();
  return result;
}

}  // namespace b3::simulation
