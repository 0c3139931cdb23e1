#include "simulation/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "simulation/reading.h"

namespace b3::simulation {
namespace {

constexpr seconds shortest_trouble{150};
constexpr seconds longest_trouble{260};
constexpr seconds healed_traffic{20};
// More than a reservation's timeout, a few polls, and a node's way back from being given up.
constexpr seconds quiet_time{130};

void check_meetings(Cluster& cluster) {
  std::set<std::pair<std::string, std::string>> rows;  // scoped id, backend id
  for (const auto& row : cluster.database.direct().list_meetings()) {
    rows.emplace(row.scoped_id, row.backend_id);
    if (row.phase != MeetingPhase::bound) {
      cluster.world.violated("not converged: a reservation is left over: " + row.scoped_id);
      continue;
    }
    auto* node = cluster.nodes.by_backend(row.backend_id);
    const auto* live = node->live(row.scoped_id, cluster.world);
    if (live == nullptr || live->internal_id != row.internal_id) {
      cluster.world.violated(fmt::format("not converged: the row of {} names a run that {} has not",
                                         row.scoped_id, node->name));
    }
  }
  for (auto& node : cluster.nodes.all()) {
    for (const auto& [id, meeting] : node->state.meetings()) {
      if (meeting.forcibly_ended || rows.contains({id, node->backend_id})) continue;
      cluster.world.violated(
          fmt::format("not converged: {} holds {}, which has no row there", node->name, id));
    }
  }
}

void check_leases(Cluster& cluster) {
  for (auto& node : cluster.nodes.all()) {
    const auto name = lease::refresh_of(node->backend_id);
    const auto holders = std::ranges::count_if(
        cluster.seats, [&](const auto& seat) { return seat->instance->holds_lease(name); });
    if (holders == 1) continue;
    cluster.world.violated(fmt::format("not converged: {} instances hold {}", holders, name));
  }
}

}  // namespace

void check_converged(Cluster& cluster) {
  auto& store = cluster.database.direct();
  for (auto& seat : cluster.seats) {
    if (!seat->instance) {
      cluster.world.violated("not converged: an instance is dead");
      continue;
    }
    const auto found = differences(seat->instance->view(), store);
    if (!found.empty()) {
      cluster.world.violated(
          fmt::format("not converged: i{}: {}", seat->place.number, found.front()));
    }
    if (seat->instance->open_requests() > 0) {
      cluster.world.violated("not converged: a request hangs");
    }
  }
  for (const auto& backend : store.list_backends()) {
    if (backend.node_state == NodeState::ready && backend.health == Health::usable) continue;
    cluster.world.violated(fmt::format("not converged: {} is {}, {}: {}", backend.id,
                                       to_string(backend.node_state), to_string(backend.health),
                                       backend.last_error));
  }
  check_meetings(cluster);
  if (!cluster.world.violation()) check_leases(cluster);
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
  world.run_for(quiet_time);
  if (!world.violation()) check_converged(cluster);
  RunResult result{world.violation(), world.hash(),        world.steps(),
                   traffic.creates(), traffic.redirects(), cluster.checks.commits(),
                   world.elapsed()};
  // What is cut off now tells traffic, which must still be there.
  for (auto& seat : cluster.seats) seat->instance.reset();
  return result;
}

}  // namespace b3::simulation
