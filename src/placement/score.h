// Keeps scores finite, so that they order totally and can be written as JSON. Pure; private to
// this room.
#pragma once

#include <cmath>
#include <limits>

namespace b3::placement {

// A factor that is not above 0 (or not a number) is no penalty at all.
inline double usable_factor(double load_factor) {
  return load_factor > 0 ? load_factor : 1.0;
}

// Infinity and NaN become the worst score there is.
inline double bounded(double score) {
  return std::isfinite(score) ? score : std::numeric_limits<double>::max();
}

}  // namespace b3::placement
