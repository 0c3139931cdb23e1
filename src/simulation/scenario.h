// One run: a cluster, its tenants, and everything that goes wrong, all decided by a seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "simulation/cluster.h"
#include "simulation/traffic.h"

namespace b3::simulation {

struct RunOptions {
  std::uint64_t seed = 1;
  bool verbose = false;
  bool network_lies = false;  // for the test of the checks
};

struct RunResult {
  std::optional<Violation> violation;
  std::uint64_t hash = 0;  // of all that happened
  std::uint64_t steps = 0;
  std::uint64_t creates = 0;
  std::uint64_t redirects = 0;
  std::uint64_t commits = 0;
  milliseconds simulated{0};
};

RunResult run(const RunOptions& options);

// Breaks things at random moments until it is told to stop.
class Trouble {
 public:
  explicit Trouble(Cluster& cluster);
  void start();
  // Everything works again, the dead live, and nothing new breaks.
  void heal();

 private:
  using Kind = void (Trouble::*)();

  void strike();
  void node_unreachable();
  void node_slow();
  void node_lossy();
  void node_error_pages();
  void node_restarts();
  void instance_dies();
  void database_cut();
  void database_loses_commits();
  void database_slow();
  void feed_cut();
  void feed_gap();
  void partition();
  void isolation();
  void clock_step();
  void operator_changes();

  Node& some_node();
  Seat& any_seat();
  milliseconds up_to(seconds longest);
  // Undoes something later, unless everything was healed before.
  void later(milliseconds delay, std::function<void()> undo);
  void revive(Seat& seat);

  Cluster& cluster_;
  World& world_;
  std::vector<Kind> kinds_;
  bool healed_ = false;
};

// After everything was healed and the tenants are silent: the cluster must find together again, and
// stay so. Lets the time pass that it needs.
void check_converged(Cluster& cluster);

}  // namespace b3::simulation
