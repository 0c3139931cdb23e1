// Keeps calls away from a node that calls do not get through to. Pure: the time is passed in.
//
// Closed until enough calls in a row failed to reach the node; then open: calls are refused for a
// while. After that one call tries, the others are still refused: its success closes the breaker,
// its failure opens it again.
#pragma once

#include "base/time.h"

namespace b3::node {

inline constexpr int breaker_failures = 3;
inline constexpr milliseconds breaker_pause{2'000};

class Breaker {
 public:
  enum class Admission { passed, trial, refused };

  // To be asked before a call; whoever is admitted reports the outcome.
  Admission admit(SteadyTime now);
  // A call reached the node.
  void note_success() { *this = {}; }
  // A call did not. True when that opened a breaker that was closed.
  bool note_failure(Admission admission, SteadyTime now);
  // A call ended without an outcome.
  void note_nothing(Admission admission);

  // Would admit() refuse?
  bool is_open(SteadyTime now) const { return open_ && (trying_ || now < until_); }
  // As good as new?
  bool is_blank() const { return !open_ && failures_ == 0; }

 private:
  int failures_ = 0;  // in a row
  bool open_ = false;
  bool trying_ = false;
  SteadyTime until_{};
};

}  // namespace b3::node
