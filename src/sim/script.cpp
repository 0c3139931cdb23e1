#include "sim/script.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace b3::sim {

std::size_t due_steps(const Script& script, milliseconds elapsed, double& carry) {
  constexpr double milliseconds_per_minute = 60'000;
  const double due =
      carry + script.people_per_minute * double(elapsed.count()) / milliseconds_per_minute;
  const double whole = std::floor(due);
  carry = due - whole;
  return std::size_t(whole);
}

bool script_step(NodeState& node, const Script& script, std::mt19937_64& random, const Now& now) {
  const auto& meetings = node.meetings();
  if (meetings.empty()) return false;
  const auto place = std::next(meetings.begin(), std::ptrdiff_t(random() % meetings.size()));
  const std::string meeting_id = place->first;
  const std::size_t present = place->second.attendees.size();
  const bool full = present >= std::max<std::size_t>(script.max_people, 1);
  const bool comes = present <= 1 || (!full && random() % 5 < 3);
  PeopleChange change;
  if (comes && !full) change.join = 1;
  if (!comes) change.leave = 1;
  change.moderators = present == 0 ? 1 : 0;
  const std::size_t after = present + change.join - change.leave;
  change.voice = after * 2 / 3;
  change.video = after / 3;
  return node.change_people(meeting_id, change, now);
}

}  // namespace b3::sim
