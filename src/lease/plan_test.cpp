#include "lease/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

namespace b3::lease {
namespace {

constexpr SteadyTime start{seconds{1'000}};
SteadyTime at(double later) {
  return start +
         std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(later));
}

std::vector<std::string> names(int count) {
  std::vector<std::string> list;
  for (int number = 0; number < count; ++number) list.push_back("n" + std::to_string(number));
  return list;
}

std::set<std::string> claimed(const Plan& plan) {
  std::set<std::string> list;
  for (const auto& claim : plan.claims) list.insert(claim.name);
  return list;
}

const Rules we{"we"};

TEST_CASE("an instance that is alone claims everything") {
  const auto plan = decide({}, {{{"we", 1}}, {}}, names(5), start, we);
  CHECK(plan.live_instances == 1);
  CHECK(claimed(plan).size() == 5);
  for (const auto& claim : plan.claims) CHECK(claim.expected_holder.empty());
  CHECK(plan.give_up.empty());
  CHECK(plan.dead.empty());
  CHECK_FALSE(plan.next_deadline);
  CHECK(decide({}, {{{"we", 1}}, {}}, {}, start, we).claims.empty());
}

TEST_CASE("an instance claims its share, rounded up, of what nobody living holds") {
  const store::Membership membership{{{"they", 1}, {"we", 1}}, {{"n0", "they"}, {"n1", "we"}}};
  const auto plan = decide({}, membership, names(7), start, we);
  CHECK(plan.live_instances == 2);
  CHECK(plan.held == std::vector<std::string>{"n1"});
  CHECK(plan.claims.size() == 3);  // four in all
  CHECK_FALSE(claimed(plan).contains("n0"));
  CHECK_FALSE(claimed(plan).contains("n1"));
}

TEST_CASE("what is held by someone who has no row is claimed from him") {
  const auto plan = decide({}, {{{"we", 1}}, {{"n0", "gone"}}}, names(1), start, we);
  REQUIRE(plan.claims.size() == 1);
  CHECK(plan.claims[0].expected_holder == "gone");
}

TEST_CASE("whoever beats lives, whoever stands still for long enough is dead") {
  const std::vector<store::LeaseRow> leases{{"n0", "they"}};
  auto plan = decide({}, {{{"they", 7}, {"we", 1}}, leases}, names(1), at(0), we);
  CHECK(plan.live_instances == 2);
  CHECK(plan.next_deadline == at(6));
  plan = decide(plan.seen, {{{"they", 8}, {"we", 2}}, leases}, names(1), at(2), we);
  CHECK(plan.next_deadline == at(8));
  for (const double time : {4.0, 6.0, 7.999}) {
    plan = decide(plan.seen, {{{"they", 8}, {"we", 3}}, leases}, names(1), at(time), we);
  }
  CHECK(plan.live_instances == 2);
  CHECK(plan.claims.empty());
  CHECK(plan.dead.empty());
  plan = decide(plan.seen, {{{"they", 8}, {"we", 4}}, leases}, names(1), at(8), we);
  CHECK(plan.live_instances == 1);
  REQUIRE(plan.claims.size() == 1);
  CHECK(plan.claims[0].expected_holder == "they");
  REQUIRE(plan.dead.size() == 1);
  CHECK(plan.dead[0].id == "they");
  CHECK(plan.dead[0].beat == 8);
  CHECK_FALSE(plan.next_deadline);
  // It has beaten again: alive at once.
  plan = decide(plan.seen, {{{"they", 9}, {"we", 5}}, leases}, names(1), at(9), we);
  CHECK(plan.live_instances == 2);
  CHECK(plan.dead.empty());
  // Started anew, its count begins at one again.
  for (const double time : {11.0, 13.0, 14.9, 16.0}) {
    const std::int64_t beat = time < 14 ? 9 : 1;
    plan = decide(plan.seen, {{{"they", beat}, {"we", 6}}, leases}, names(1), at(time), we);
    CHECK(plan.live_instances == 2);
  }
}

TEST_CASE("who looked away for long makes nobody dead who may have been kept from beating, too") {
  const store::Membership membership{{{"they", 7}, {"we", 1}}, {{"n0", "they"}}};
  auto plan = decide({}, membership, names(1), at(0), we);
  plan = decide(plan.seen, membership, names(1), at(60), we);  // the database was away
  CHECK(plan.live_instances == 2);
  CHECK(plan.claims.empty());
  for (const double time : {62.0, 64.0, 66.0}) {
    plan = decide(plan.seen, membership, names(1), at(time), we);
  }
  CHECK(plan.dead.size() == 1);
}

TEST_CASE("our own beat standing still makes nobody dead") {
  auto plan = decide({}, {{{"we", 1}}, {}}, names(2), at(0), we);
  for (const double time : {2.0, 4.0, 6.0, 8.0}) {
    plan = decide(plan.seen, {{{"we", 1}}, {}}, names(2), at(time), we);
  }
  CHECK(plan.live_instances == 1);
  CHECK(plan.dead.empty());
}

TEST_CASE("what is beyond the share is given up a few at a time, until it fits") {
  store::Membership membership{{{"they", 1}, {"we", 1}}, {}};
  for (const auto& name : names(101)) membership.leases.push_back({name, "we"});
  int rounds = 0;
  for (;; ++rounds) {
    REQUIRE(rounds < 40);
    const auto plan = decide({}, membership, names(101), start, we);
    CHECK(plan.claims.empty());
    CHECK(plan.held.size() + plan.give_up.size() == membership.leases.size());
    if (plan.give_up.empty()) break;
    CHECK(plan.give_up.size() <= 13);
    const std::set<std::string> gone(plan.give_up.begin(), plan.give_up.end());
    std::erase_if(membership.leases, [&](const auto& row) { return gone.contains(row.name); });
  }
  CHECK(membership.leases.size() == 51);
  CHECK(rounds > 2);
  CHECK(rounds < 20);
}

TEST_CASE("work that is not wanted any more is given up, and others' is left alone") {
  const store::Membership membership{{{"we", 1}}, {{"old", "we"}, {"n0", "we"}, {"theirs", "x"}}};
  const auto plan = decide({}, membership, names(1), start, we);
  CHECK(plan.give_up == std::vector<std::string>{"old"});
  CHECK(plan.held == std::vector<std::string>{"n0"});
  CHECK(plan.claims.empty());
}

TEST_CASE("instances that start together mostly want different names first") {
  const store::Membership membership{{{"a", 1}, {"b", 1}}, {}};
  const auto a = claimed(decide({}, membership, names(40), start, Rules{"a"}));
  const auto b = claimed(decide({}, membership, names(40), start, Rules{"b"}));
  CHECK(a.size() == 20);
  CHECK(b.size() == 20);
  CHECK(a != b);
}

// Everybody beats in turn on one shared table.
TEST_CASE("whoever comes and goes, everything is held by one living instance and fairly") {
  store::Membership table;
  std::map<std::string, State> states;
  const auto wanted = names(23);
  const auto round = [&](double time, const std::set<std::string>& alive) {
    for (const auto& id : alive) {
      const auto row = std::ranges::find(table.instances, id, &store::InstanceBeat::id);
      if (row == table.instances.end())
        table.instances.push_back({id, 1});
      else
        ++row->beat;
      const auto plan = decide(states[id], table, wanted, at(time), Rules{id});
      states[id] = plan.seen;
      for (const auto& claim : plan.claims) {
        const auto lease = std::ranges::find(table.leases, claim.name, &store::LeaseRow::name);
        if (lease == table.leases.end())
          table.leases.push_back({claim.name, id});
        else if (lease->holder == claim.expected_holder)
          lease->holder = id;
      }
      for (const auto& name : plan.give_up) {
        std::erase_if(table.leases, [&](const auto& each) { return each.name == name; });
      }
      for (const auto& dead : plan.dead) {
        std::erase_if(table.instances, [&](const auto& each) { return each.id == dead.id; });
        std::erase_if(table.leases, [&](const auto& each) { return each.holder == dead.id; });
      }
    }
  };
  const auto held_by = [&](const std::string& id) {
    return std::ranges::count(table.leases, id, &store::LeaseRow::holder);
  };
  double time = 0;
  const auto rounds = [&](int count, const std::set<std::string>& alive) {
    for (int number = 0; number < count; ++number) round(time += 2, alive);
  };
  rounds(1, {"a"});
  CHECK(held_by("a") == 23);
  rounds(15, {"a", "b", "c"});
  for (const auto* id : {"a", "b", "c"}) {
    CHECK(held_by(id) >= 7);
    CHECK(held_by(id) <= 8);
  }
  CHECK(table.leases.size() == 23);
  rounds(5, {"a", "c"});  // b is killed
  CHECK(held_by("b") == 0);
  CHECK(table.leases.size() == 23);
  CHECK(table.instances.size() == 2);
  rounds(15, {"b", "c", "d"});
  CHECK(held_by("a") == 0);
  CHECK(table.leases.size() == 23);
  for (const auto* id : {"b", "c", "d"}) CHECK(held_by(id) <= 8);
}

TEST_CASE("pauses vary by a tenth at most, repeatably") {
  std::set<milliseconds> seen;
  for (std::uint64_t count = 0; count < 200; ++count) {
    const auto pause = jittered(seconds{2}, "we", count);
    CHECK(pause >= milliseconds{1'800});
    CHECK(pause <= milliseconds{2'200});
    CHECK(pause == jittered(seconds{2}, "we", count));
    seen.insert(pause);
  }
  CHECK(seen.size() > 50);
}

}  // namespace
}  // namespace b3::lease
