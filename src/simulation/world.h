// A simulated world: one thread, one clock that stands still while anything can run, one source of
// chance, and a memory of what happened.
//
// Event loops take part by register_loop(); everything else that happens is an event given to
// after(). Events run between the loops' work, never inside it, so an event may destroy a loop.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/timer.h"
#include "simulation/random.h"

namespace b3::simulation {

// What is known of a run that broke a promise.
struct Violation {
  std::string promise;
  std::vector<std::string> events;  // the last ones, oldest first
};

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Random random;
  VirtualTime time;

  // The wall clock of somebody whose clock is wrong by `offset`.
  Now now(milliseconds offset = {}) const;
  milliseconds elapsed() const;

  // Binds the loop to this world's time. Before the loop has its first Timer.
  void register_loop(Loop& loop);
  void unregister_loop(Loop& loop);

  // Events of a loop go with it when it is abandoned; others happen in any case.
  void after(milliseconds delay, std::function<void()> event, const Loop* owner = nullptr);

  // Runs what can run, then lets the time move on to the next event. False: the run is over
  // because nothing is left or a promise is broken.
  bool step();
  void run_for(milliseconds duration);

  void note(std::string event);
  // The first one counts.
  void violated(std::string promise);
  const std::optional<Violation>& violation() const { return violation_; }
  // Of everything noted so far.
  std::uint64_t hash() const { return hash_; }
  std::uint64_t steps() const { return steps_; }
  bool verbose = false;  // note() prints as well

 private:
  void run_loops();

  std::vector<Loop*> loops_;
  std::deque<std::string> events_;
  std::optional<Violation> violation_;
  std::uint64_t hash_ = 14695981039346656037ULL;
  std::uint64_t steps_ = 0;
};

}  // namespace b3::simulation
