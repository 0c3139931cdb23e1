// Places where a test can make the process die, as a power failure would.
//
// In builds with the CMake option B3_FAULT_POINTS, B3SCALE_TEST_FAULT_POINT="create/before-bind"
// kills the process (SIGKILL) when it first comes to that point, "create/before-bind:3" the third
// time. In other builds a point is nothing at all. Any thread may come to one.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace b3 {

// All of them. tests/system/test_cluster_kill.py reads this table and dies at each.
inline constexpr std::array<std::string_view, 13> fault_points{
    "create/before-reserve",  // nothing has happened yet
    "create/after-reserve",   // the reservation is committed, no node knows
    "create/before-node-call",
    "create/after-node-call",  // the node has the meeting
    "create/before-bind",
    "create/after-bind",       // bound, the tenant has no answer
    "refresh/before-record",   // the node was asked
    "refresh/after-record",    // what it said is committed
    "refresh/before-release",  // of a reservation that came to nothing
    "give-up/before",
    "give-up/after",            // the meetings of a node are detached
    "migration/before-commit",  // inside the transaction
    "migration/after",
};

// A name that is not in the table does not compile.
class FaultPoint {
 public:
  consteval FaultPoint(const char* name) : name_(name) {
    if (std::ranges::find(fault_points, name_) == fault_points.end()) throw "no such fault point";
  }
  std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

#ifdef B3_FAULT_POINTS
void fault_point(FaultPoint point);
#else
inline void fault_point(FaultPoint) {}
#endif

}  // namespace b3
