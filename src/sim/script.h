// The scripted life of the demo: people come and go in random meetings. Pure.
#pragma once

#include <cstddef>
#include <random>

#include "base/time.h"
#include "sim/node_state.h"

namespace b3::sim {

struct Script {
  double people_per_minute = 0;  // comings and goings of one whole simulator; 0: off
  std::size_t max_people = 25;   // in a meeting
};

// How many comings and goings fall into `elapsed`; the fraction left over goes into `carry`.
std::size_t due_steps(const Script& script, milliseconds elapsed, double& carry);

// One person comes to or leaves a random meeting of the node. Never empties a meeting, so that
// the script ends none. False: the node has no meeting for it.
bool script_step(NodeState& node, const Script& script, std::mt19937_64& random, const Now& now);

}  // namespace b3::sim
