// Two clocks, never mixed: wall time is what people and the database see; steady time is what
// deadlines, ages and health are computed from, so that a clock step changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace b3 {

using std::chrono::milliseconds;
using std::chrono::seconds;

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Both clocks read at one moment. Rules take it as a parameter instead of reading clocks.
struct Now {
  WallTime wall;
  SteadyTime steady;
};

Now read_clocks();

inline std::int64_t to_unix_milliseconds(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime from_unix_milliseconds(std::int64_t value) {
  return WallTime{milliseconds{value}};
}

// "2026-11-21T22:03:53.120Z" (RFC 3339, UTC, milliseconds).
std::string to_rfc3339(WallTime time);

}  // namespace b3
