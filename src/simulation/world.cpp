#include "simulation/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace b3::simulation {
namespace {

constexpr SteadyTime start{std::chrono::hours{1'000}};
// Long ago, so that nothing the database stamps with the real time is ever old enough to prune.
constexpr WallTime wall_start{milliseconds{1'600'000'000'000}};
constexpr std::size_t remembered_events = 60;

struct Event final : VirtualTime::Waiter {
  explicit Event(std::function<void()> what_) : what(std::move(what_)) {}
  void complete() override { what(); }
  std::function<void()> what;
};

}  // namespace

World::World(std::uint64_t seed) : random(seed), time(start) {}

World::~World() = default;

Now World::now(milliseconds offset) const {
  return {wall_start + elapsed() + offset, time.now()};
}

milliseconds World::elapsed() const {
  return std::chrono::duration_cast<milliseconds>(time.now() - start);
}

void World::register_loop(Loop& loop) {
  set_virtual_time(loop, time);
  loops_.push_back(&loop);
}

void World::unregister_loop(Loop& loop) {
  std::erase(loops_, &loop);
}

void World::after(milliseconds delay, std::function<void()> event, const Loop* owner) {
  const void* whose = this;
  if (owner != nullptr) whose = static_cast<const boost::asio::execution_context*>(owner);
  time.add(time.now() + delay, whose, std::make_unique<Event>(std::move(event)));
}

void World::run_loops() {
  for (bool ran = true; ran;) {
    ran = false;
    for (auto* loop : loops_) {
      loop->restart();
      if (loop->poll() > 0) ran = true;
    }
  }
}

bool World::step() {
  run_loops();
  if (violation_) return false;
  ++steps_;
  return time.advance();
}

void World::run_for(milliseconds duration) {
  const auto end = time.now() + duration;
  bool over = false;
  after(duration, [&over] { over = true; });
  while (!over && time.now() <= end && step()) {
  }
}

void World::note(std::string event) {
  auto line = fmt::format("{:>8.3f}  {}", double(elapsed().count()) / 1'000, event);
  for (const char c : line) {
    hash_ = (hash_ ^ std::uint8_t(c)) * 1099511628211ULL;
  }
  if (verbose) fmt::print("{}\n", line);
  events_.push_back(std::move(line));
  if (events_.size() > remembered_events) events_.pop_front();
}

void World::violated(std::string promise) {
  if (violation_) return;
  note("BROKEN: " + promise);
  violation_ = Violation{std::move(promise), {events_.begin(), events_.end()}};
}

}  // namespace b3::simulation
