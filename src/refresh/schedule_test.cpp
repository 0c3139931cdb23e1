// When which node is polled.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "refresh/rig_test.h"

namespace b3::refresh {
namespace {

using test::Rig;

std::vector<std::string> names(int count) {
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i) result.push_back(fmt::format("n{:03}", i));
  return result;
}

TEST_CASE("the first polls of many nodes are spread, and none is forgotten") {
  Rig rig{names(400)};  // 5 ms for each: two seconds
  rig.pass(milliseconds{0});
  CHECK(rig.polls() < 10);
  rig.pass(milliseconds{1'000});
  CHECK(rig.polls() > 120);
  CHECK(rig.polls() < 280);
  rig.pass(milliseconds{1'300});
  for (const auto& [id, node] : rig.network.nodes) CHECK(node.polls == 1);
}

TEST_CASE("so are those of nodes that are taken over from another instance") {
  Rig rig{names(400)};
  for (const auto& [id, node] : rig.network.nodes) rig.leases.lost.insert("refresh/" + id);
  rig.pass(seconds{60});
  CHECK(rig.polls() == 0);
  rig.leases.lost.clear();
  rig.pass(milliseconds{500});
  CHECK(rig.polls() < 150);
  rig.pass(milliseconds{2'000});
  for (const auto& [id, node] : rig.network.nodes) CHECK(node.polls == 1);
}

TEST_CASE("a backend that is added is polled at once") {
  Rig rig{names(1'000)};
  rig.pass(seconds{20});
  rig.add_backend("late");
  rig.pass(milliseconds{250});
  CHECK(rig.network.nodes["late"].polls == 1);
}

TEST_CASE_FIXTURE(Rig, "the lease of a backend that is added is asked for once, and it is polled") {
  pass(seconds{20});
  CHECK(leases.asked == 0);
  leases.lost.insert("refresh/late");
  add_backend("late");
  pass(seconds{20});
  CHECK(leases.asked == 1);
  CHECK(network.nodes["late"].polls == 0);
  leases.lost.clear();
  pass(milliseconds{250});
  CHECK(network.nodes["late"].polls == 1);
  leases.lost.insert("refresh/a");
  pass(seconds{20});
  CHECK(leases.asked == 1);  // that one is not new
}

TEST_CASE("of many polls that are due at the same time 64 begin, and the others follow") {
  Rig rig{names(200)};
  rig.pass(seconds{20});
  for (auto& [id, node] : rig.network.nodes) {
    node.takes = milliseconds{300};
    node.polls = 0;
    rig.refresher->poll_now(id);
  }
  rig.pass(milliseconds{0});
  CHECK(rig.polls() == 64);
  rig.pass(milliseconds{4 * 300});
  for (const auto& [id, node] : rig.network.nodes) CHECK(node.polls >= 1);
  rig.pass(seconds{30});
  CHECK(rig.network.most_under_way == 64);
}

TEST_CASE("many nodes that do not answer delay the polls of the others by seconds at most") {
  Rig rig{names(150)};
  rig.pass(seconds{20});
  int number = 0;
  for (auto& [id, node] : rig.network.nodes) {
    const bool hangs = number++ < 140;
    node.takes = hangs ? milliseconds{10'000} : milliseconds{20};
    if (hangs) node.failure = http::ClientFailure::timeout;
    node.polls = 0;
    rig.refresher->poll_now(id);  // those that answer are last
  }
  rig.pass(milliseconds{2'600});
  CHECK(rig.network.nodes["n149"].polls == 1);
  rig.pass(seconds{60});
  for (const auto& id : {"n140", "n145", "n149"}) {
    CAPTURE(id);
    CHECK(rig.network.nodes[id].polls >= 9);  // 12 without the others
  }
}

}  // namespace
}  // namespace b3::refresh
