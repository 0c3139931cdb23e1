// Polls that say little, or nothing, of their node.
#include <doctest/doctest.h>

#include "refresh/rig_test.h"

namespace b3::refresh {
namespace {

using test::Rig;

TEST_CASE_FIXTURE(Rig, "an instance out of descriptors holds nothing against the nodes") {
  create("math", "a", "math-1");
  pass(seconds{20});
  REQUIRE(is_health(Health::usable));
  auto& node = network.nodes["a"];
  node.failure = http::ClientFailure::local;
  const auto polls = node.polls;
  pass(seconds{1'000});
  CHECK(node.polls > polls + 10);
  CHECK(is_health(Health::usable));
  CHECK(seen().node_state == NodeState::ready);
  CHECK(row("math"));
  node.failure.reset();
  pass(seconds{20});
  CHECK(is_health(Health::usable));
}

TEST_CASE_FIXTURE(Rig, "a node whose name servers do not answer is avoided and never given up") {
  create("math", "a", "math-1");
  pass(seconds{20});
  network.nodes["a"].failure = http::ClientFailure::look_up;
  CHECK(pass_until([&] { return is_health(Health::avoided); }));
  pass(seconds{1'000});
  CHECK(is_health(Health::avoided));
  CHECK(row("math"));
  network.nodes["a"].failure.reset();
  CHECK(pass_until([&] { return is_health(Health::usable); }));
}

}  // namespace
}  // namespace b3::refresh
