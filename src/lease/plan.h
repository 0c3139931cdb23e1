// Who does which periodic work, decided from what an instance sees in the store. Pure.
//
// No clocks are compared: an instance is dead to another one that has watched its beat stand still
// for long enough by its own steady clock. Who looked away meanwhile - the database was away, or
// this process stood still itself - has not watched and begins again.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "store/store.h"

namespace b3::lease {

struct Rules {
  std::string instance_id;  // ours
  milliseconds dead_after{6'000};
};

// What is remembered from one beat to the next.
struct Sighting {
  std::int64_t beat = 0;
  SteadyTime since{};  // when this beat was first seen
  bool operator==(const Sighting&) const = default;
};
struct State {
  std::map<std::string, Sighting, std::less<>> others;  // by instance id
  std::optional<SteadyTime> looked_at;                  // the last time
};

struct Plan {
  State seen;
  std::size_t live_instances = 1;           // with this one
  std::vector<std::string> held;            // as the store has it now, without what is given up
  std::vector<store::LeaseClaim> claims;    // to be made before the dead are removed
  std::vector<std::string> give_up;         // what is beyond our share or not wanted any more
  std::vector<store::InstanceBeat> dead;    // to be removed, if they have not beaten since
  std::optional<SteadyTime> next_deadline;  // when the first of the others would be dead
};

// `wanted`: the names of all work there is, in any order. Everyone's share is that many, divided by
// the living, rounded up.
Plan decide(const State& seen, const store::Membership& membership,
            const std::vector<std::string>& wanted, SteadyTime now, const Rules& rules);

// The pause after beat number `count`: `interval` and up to a tenth more or less, so that instances
// that were started together do not stay together.
milliseconds jittered(milliseconds interval, const std::string& instance_id, std::uint64_t count);

}  // namespace b3::lease
