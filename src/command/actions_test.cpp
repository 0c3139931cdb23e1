#include "command/actions.h"

#include <doctest/doctest.h>

namespace b3::command {

TEST_CASE("one meeting that could not be ended makes the command fail, and is named") {
  const auto mixed = verdict_of({{"a~1", ""}, {"a~2", "connection refused"}});
  CHECK(mixed.kind == Verdict::Kind::failed);
  CHECK(mixed.result_json == R"({"meetings":[{"id":"a~1","status":"ended"},)"
                             R"({"id":"a~2","status":"error","error":"connection refused"}]})");
  CHECK(verdict_of({{"a~1", ""}}).kind == Verdict::Kind::success);
  CHECK(verdict_of({}).kind == Verdict::Kind::success);
}

TEST_CASE("a drain stops what takes meetings, and does not bring back what is to go") {
  CHECK(drained_state(AdminState::ready) == AdminState::stopped);
  CHECK(drained_state(AdminState::init) == AdminState::stopped);
  CHECK(!drained_state(AdminState::stopped));
  CHECK(!drained_state(AdminState::decommissioned));
}

TEST_CASE("only the actions that exist are actions") {
  for (const auto name : actions) CHECK(is_action(name));
  CHECK(!is_action(""));
  CHECK(!is_action("end_all_meeting"));
}

}  // namespace b3::command
