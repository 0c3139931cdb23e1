#include "node/breaker.h"

namespace b3::node {

Breaker::Admission Breaker::admit(SteadyTime now) {
  if (!open_) return Admission::passed;
  if (is_open(now)) return Admission::refused;
  trying_ = true;
  return Admission::trial;
}

bool Breaker::note_failure(Admission admission, SteadyTime now) {
  if (open_) {
    // What was under way when the breaker opened says nothing new.
    if (admission != Admission::trial) return false;
    trying_ = false;
    until_ = now + breaker_pause;
    return false;
  }
  if (++failures_ < breaker_failures) return false;
  open_ = true;
  until_ = now + breaker_pause;
  return true;
}

void Breaker::note_nothing(Admission admission) {
  if (admission == Admission::trial) trying_ = false;
}

}  // namespace b3::node
