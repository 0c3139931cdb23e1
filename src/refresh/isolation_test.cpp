// Who is cut off from the nodes gives none of them up.
#include <doctest/doctest.h>

#include "refresh/rig_test.h"

namespace b3::refresh {
namespace {

using http::ClientFailure;
using test::Rig;

TEST_CASE_FIXTURE(Rig, "an instance that reaches no node at all gives none up") {
  create("math", "a", "math-1");
  create("art", "b", "art-1");
  pass(seconds{20});
  for (auto& [id, node] : network.nodes) node.failure = ClientFailure::connect;
  pass(seconds{600});
  for (const auto* id : {"a", "b"}) CHECK(is_health(Health::avoided, id));
  CHECK(row("math"));
  CHECK(row("art"));

  // One of them really is dead, as is seen when the other is back.
  network.nodes["b"].failure.reset();
  const auto back = time.now();
  REQUIRE(pass_until([&] { return is_health(Health::given_up); }));
  CHECK(time.now() - back < seconds{15});
  CHECK_FALSE(row("math"));
  CHECK(is_health(Health::usable, "b"));
  CHECK(row("art"));
}

TEST_CASE_FIXTURE(Rig, "the last node is never given up but by the operator") {
  executor.run_blocking([](store::Store& store) { store.delete_backend("b", true); });
  view.erase_backend("b");
  create("math", "a", "math-1");
  network.nodes["a"].failure = ClientFailure::connect;
  pass(seconds{600});
  CHECK(is_health(Health::avoided));
  CHECK(row("math"));
  force(Health::given_up);
  pass(seconds{1});
  CHECK(is_health(Health::given_up));
  CHECK_FALSE(row("math"));
}

TEST_CASE_FIXTURE(Rig, "who polls one node only asks another before giving it up, and just then") {
  pass(seconds{20});
  leases.lost.insert("refresh/b");
  pass(seconds{20});  // what b said before is old now
  const auto polls = network.nodes["b"].polls;
  network.nodes["a"].failure = ClientFailure::connect;
  pass(seconds{80});
  CHECK(network.nodes["b"].polls == polls);
  REQUIRE(pass_until([&] { return is_health(Health::given_up); }));
  CHECK(network.nodes["b"].polls == polls + 1);
}

TEST_CASE_FIXTURE(Rig, "while those that were asked do not answer either, nothing is given up") {
  create("math", "a", "math-1");
  pass(seconds{20});
  leases.lost.insert("refresh/b");
  network.nodes["a"].failure = ClientFailure::connect;
  auto& other = network.nodes["b"];
  SUBCASE("no connection") {
    other.failure = ClientFailure::connect;
  }
  SUBCASE("silence") {
    other.failure = ClientFailure::timeout;
  }
  SUBCASE("error pages of something in between") {
    other.status = 502;
  }
  pass(seconds{300});
  CHECK(is_health(Health::avoided));
  CHECK(row("math"));
  CHECK(is_health(Health::usable, "b"));  // that is for its own poll to say
  other.failure.reset();
  other.status = 200;
  CHECK(pass_until([&] { return is_health(Health::given_up); }));
}

TEST_CASE_FIXTURE(Rig, "what others call avoided is not asked") {
  pass(seconds{20});
  leases.lost.insert("refresh/b");
  auto other = seen("b");
  other.health = Health::avoided;
  view.put(other);
  const auto polls = network.nodes["b"].polls;
  network.nodes["a"].failure = ClientFailure::connect;
  pass(seconds{300});
  CHECK(is_health(Health::avoided));
  CHECK(network.nodes["b"].polls == polls);
}

TEST_CASE_FIXTURE(Rig, "a node that refuses our secret is reached all the same") {
  network.nodes["b"].refuses_secret = true;
  network.nodes["a"].failure = ClientFailure::connect;
  CHECK(pass_until([&] { return is_health(Health::given_up); }));
  CHECK(seen("b").health == Health::avoided);
}

// The probe takes three seconds, and meanwhile the operator speaks.
TEST_CASE_FIXTURE(Rig, "what the operator says while another node is asked counts") {
  pass(seconds{20});
  leases.lost.insert("refresh/b");
  auto& other = network.nodes["b"];
  other.takes = seconds{3};
  const auto polls = other.polls;
  network.nodes["a"].failure = ClientFailure::connect;
  for (int i = 0; i < 1'000 && other.polls == polls; ++i) pass(milliseconds{100});
  REQUIRE(other.polls == polls + 1);
  CHECK(is_health(Health::avoided));
  SUBCASE("usable") {
    force(Health::usable);
    pass(seconds{4});
    CHECK(stored().health == Health::avoided);
  }
  SUBCASE("nothing") {
    pass(seconds{4});
    CHECK(stored().health == Health::given_up);
  }
  SUBCASE("delete it") {
    executor.run_blocking([](store::Store& store) { store.delete_backend("a", true); });
    view.erase_backend("a");
    pass(seconds{4});
    CHECK(view.backend("a") == nullptr);
  }
}

}  // namespace
}  // namespace b3::refresh
