// Who is cut off from the nodes gives none of them up, and leaves them to others.
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

// The other instance writes down every 30 s at least that it has reached its node.
struct WithOther : Rig {
  WithOther() {
    pass(seconds{20});
    leases.lost.insert("refresh/b");
  }
  void other_reaches_b() {
    auto other = seen("b");
    other.synced_at = clock().wall;
    view.put(other);
  }
};

TEST_CASE_FIXTURE(WithOther,
                  "before a node counts as failed, and again before it is given up, one "
                  "of another instance is asked") {
  pass(seconds{20});  // what b said before is old now
  const auto polls = network.nodes["b"].polls;
  network.nodes["a"].failure = ClientFailure::connect;
  pass(seconds{6});
  CHECK(is_health(Health::avoided));
  CHECK(network.nodes["b"].polls == polls + 1);
  pass(seconds{60});
  CHECK(network.nodes["b"].polls <= polls + 5);  // not with each poll
  REQUIRE(pass_until([&] { return is_health(Health::given_up); }));
  CHECK_FALSE(leases.back);
}

TEST_CASE_FIXTURE(WithOther,
                  "who is cut off from what others reach writes nothing against its "
                  "nodes and steps back") {
  create("math", "a", "math-1");
  for (auto& [id, node] : network.nodes) {
    node.failure = ClientFailure::connect;
    SUBCASE("silence") {
      node.failure = ClientFailure::timeout;
      node.takes = seconds{3};
    }
  }
  pass(seconds{10});
  CHECK(leases.back);
  const auto polls_of_a = network.nodes["a"].polls;
  int longest = 0;
  for (int round = 0; round < 10; ++round) {
    other_reaches_b();
    pass(seconds{30});
    longest += leases.back ? 1 : 0;
  }
  CHECK(longest == 10);
  CHECK(network.nodes["a"].polls < polls_of_a + 300 / 4);  // looks out, and polls nothing
  CHECK(is_health(Health::usable));
  CHECK(stored().node_state == NodeState::ready);
  CHECK(stored().last_error.empty());
  CHECK(row("math"));

  for (auto& [id, node] : network.nodes) node.failure.reset();
  pass(seconds{10});
  CHECK_FALSE(leases.back);
  const auto polls = network.nodes["a"].polls;
  pass(seconds{20});
  CHECK(network.nodes["a"].polls > polls);
}

TEST_CASE_FIXTURE(WithOther, "where nobody else reaches a node either, failures count") {
  for (auto& [id, node] : network.nodes) node.failure = ClientFailure::connect;
  pass(seconds{10});
  REQUIRE(leases.back);
  const auto before = time.now();
  REQUIRE(pass_until([&] { return is_health(Health::avoided); }));
  CHECK(time.now() - before > seconds{30});
  CHECK_FALSE(leases.back);
  pass(seconds{300});
  CHECK_FALSE(leases.back);  // until a node has spoken
  CHECK(is_health(Health::avoided));
}

TEST_CASE_FIXTURE(Rig, "who polls all there is writes what it sees, and then lets others try") {
  pass(seconds{20});
  leases.others = true;
  for (auto& [id, node] : network.nodes) node.failure = ClientFailure::connect;
  pass(seconds{8});
  for (const auto* id : {"a", "b"}) CHECK(is_health(Health::avoided, id));
  CHECK_FALSE(leases.back);
  pass(seconds{20});
  CHECK(leases.back);
}

TEST_CASE_FIXTURE(Rig, "where there are no other instances nobody steps back") {
  for (auto& [id, node] : network.nodes) node.failure = ClientFailure::connect;
  bool stepped_back = false;
  for (int i = 0; i < 100; ++i) {
    pass(seconds{3});
    stepped_back = stepped_back || leases.back;
  }
  CHECK_FALSE(stepped_back);
  CHECK(is_health(Health::avoided));
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
  pass(seconds{10});
  CHECK(is_health(Health::avoided));
  CHECK(network.nodes["b"].polls == polls);
}

TEST_CASE_FIXTURE(Rig, "a node that refuses our secret is reached all the same") {
  network.nodes["b"].refuses_secret = true;
  network.nodes["a"].failure = ClientFailure::connect;
  CHECK(pass_until([&] { return is_health(Health::given_up); }));
  CHECK(seen("b").health == Health::avoided);
}

// The other node hangs when it is polled. Later it answers in three seconds, and meanwhile the
// operator speaks.
TEST_CASE_FIXTURE(Rig, "what the operator says while another node is asked counts") {
  pass(seconds{20});
  auto& other = network.nodes["b"];
  other.takes = std::chrono::hours{2};
  pass(seconds{10});
  REQUIRE(network.under_way == 1);
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
