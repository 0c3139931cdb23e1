#include "health/health.h"

#include <doctest/doctest.h>

#include <vector>

namespace b3::health {
namespace {

const SteadyTime start{std::chrono::hours{7}};
const Contact answered{ContactKind::answered, {}, {}};
const Contact slow{ContactKind::slow, "slow", "answered after 6.2 s"};
const Contact silent{ContactKind::silent, "no answer in time", "10 s"};
const Contact refused{ContactKind::refused, "no connection", "connection refused"};
const Contact unwilling{ContactKind::unwilling, "it refuses our secret", {}};

// A node, its polls every 5 s, and what is thought of it.
struct Node {
  Standing standing;
  Record record;
  Thresholds thresholds;
  Circumstances circumstances;
  SteadyTime now = start;

  Health see(const Contact& contact, seconds later = seconds{5}) {
    now += later;
    auto [seen, judged] = assess(record, standing, contact, circumstances, thresholds, now);
    record = seen;
    standing = judged;
    return standing.health;
  }
  Health see_often(const Contact& contact, int times) {
    for (int i = 1; i < times; ++i) see(contact);
    return see(contact);
  }
};

Node given_up() {
  Node node;
  REQUIRE(node.see_often(refused, 19) == Health::given_up);
  return node;
}

TEST_CASE("a node that answers is usable, without a reason") {
  Node node;
  CHECK(node.see_often(answered, 100) == Health::usable);
  CHECK(node.standing.reason.empty());
  CHECK(node.record == Record{});
}

TEST_CASE("any bad contact makes a node avoided, the next good one usable again") {
  const std::vector<std::pair<Contact, std::string>> cases{
      {slow, "slow: answered after 6.2 s"},
      {silent, "no answer in time: 10 s"},
      {refused, "no connection: connection refused"},
      {unwilling, "it refuses our secret"}};
  for (const auto& [contact, words] : cases) {
    CAPTURE(words);
    Node node;
    CHECK(node.see(contact) == Health::avoided);
    CHECK(node.standing.reason == words);
    CHECK(node.see(answered) == Health::usable);
    CHECK(node.standing.reason.empty());
  }
}

TEST_CASE("where more failures are allowed, only so many in a row avoid a node") {
  Node node;
  node.thresholds.avoid_after_failures = 3;
  CHECK(node.see(refused) == Health::usable);
  CHECK(node.see(silent) == Health::usable);
  CHECK(node.standing.reason.empty());
  CHECK(node.see(answered) == Health::usable);
  CHECK(node.see_often(slow, 2) == Health::usable);
  CHECK(node.see(unwilling) == Health::avoided);
  CHECK(node.see(answered) == Health::usable);
}

TEST_CASE("an avoided node stays so for a new holder with a blank record, and its reason is new") {
  Node node;
  node.thresholds.avoid_after_failures = 3;
  node.standing = {Health::avoided, "no connection: connection refused"};
  CHECK(node.see(silent) == Health::avoided);
  CHECK(node.standing.reason == "no answer in time: 10 s");
}

TEST_CASE("only 90 s of nothing but refusals give a node up") {
  Node node;
  CHECK(node.see_often(refused, 18) == Health::avoided);  // the first was 85 s ago
  CHECK(node.see(refused) == Health::given_up);
  CHECK(node.standing.reason == "no connection for 90 s: connection refused");
}

TEST_CASE("the time counts to the millisecond") {
  Node node;
  node.see_often(refused, 5);
  node.now = node.record.refused_since + milliseconds{89'999};
  CHECK(node.see(refused, seconds{0}) == Health::avoided);
  node.now += milliseconds{1};
  CHECK(node.see(refused, seconds{0}) == Health::given_up);
}

TEST_CASE("a long time alone gives nobody up: there must be contacts enough") {
  Node node;
  node.see(refused);
  node.now += std::chrono::hours{3};  // asleep, for all we know
  CHECK(node.see_often(refused, 3) == Health::avoided);
  CHECK(node.see(refused) == Health::given_up);
}

TEST_CASE("every other contact breaks the streak") {
  for (const auto& contact : {answered, slow, silent, unwilling}) {
    CAPTURE(int(contact.kind));
    Node node;
    node.see_often(refused, 18);
    node.see(contact);
    CHECK(node.see_often(refused, 18) == Health::avoided);
    CHECK(node.see(refused) == Health::given_up);
  }
}

TEST_CASE("slow, silent and unwilling nodes are avoided for ever, never given up") {
  for (const auto& contact : {slow, silent, unwilling}) {
    CAPTURE(int(contact.kind));
    Node node;
    CHECK(node.see_often(contact, 10'000) == Health::avoided);
  }
  Node mixed;
  for (int i = 0; i < 1'000; ++i) {
    mixed.see_often(refused, 17);
    REQUIRE(mixed.see(silent) == Health::avoided);
  }
}

TEST_CASE("a living agent keeps its node from being given up, until it falls silent too") {
  Node node;
  node.circumstances.may_be_given_up = false;
  CHECK(node.see_often(refused, 100) == Health::avoided);
  node.circumstances.may_be_given_up = true;
  CHECK(node.see(refused) == Health::given_up);
}

TEST_CASE("a time of 0 gives nobody up") {
  Node node;
  node.thresholds.give_up_after = milliseconds{0};
  CHECK(node.see_often(refused, 10'000) == Health::avoided);
}

TEST_CASE("thresholds of nothing still need a refusal") {
  Node node;
  node.thresholds.give_up_failures = 0;
  node.thresholds.give_up_after = milliseconds{1};
  CHECK(node.see(silent) == Health::avoided);
  CHECK(node.see(refused) == Health::avoided);
  CHECK(node.see(refused) == Health::given_up);
}

TEST_CASE("a node that was given up stays so, with its reason, while nothing answers") {
  auto node = given_up();
  const auto standing = node.standing;
  for (const auto& contact : {refused, silent, unwilling, refused}) {
    node.see_often(contact, 50);
    CHECK(node.standing == standing);
  }
}

TEST_CASE("a node that was given up is avoided first, however good its first answer") {
  auto node = given_up();
  CHECK(node.see(answered) == Health::avoided);
  CHECK(is_returning(node.standing));
  CHECK(node.see(answered) == Health::usable);
  CHECK_FALSE(is_returning(node.standing));
}

TEST_CASE("a returning node becomes usable when nothing stale is left there") {
  auto node = given_up();
  node.circumstances.nothing_stale = false;
  CHECK(node.see_often(answered, 20) == Health::avoided);
  CHECK(is_returning(node.standing));
  node.circumstances.nothing_stale = true;
  CHECK(node.see(answered) == Health::usable);
}

TEST_CASE("trouble on the way back does not make a returning node forget that it is") {
  for (const auto& contact : {slow, silent, unwilling, refused}) {
    CAPTURE(int(contact.kind));
    auto node = given_up();
    node.see(answered);
    CHECK(node.see(contact) == Health::avoided);
    CHECK(is_returning(node.standing));
    node.record = {};  // a new holder
    node.circumstances.nothing_stale = false;
    CHECK(node.see(answered) == Health::avoided);
    CHECK(is_returning(node.standing));
  }
}

TEST_CASE("a late answer of a node that was given up is a return, and not yet a good one") {
  auto node = given_up();
  CHECK(node.see_often(slow, 5) == Health::avoided);
  CHECK(is_returning(node.standing));
  CHECK(node.see(answered) == Health::usable);
}

TEST_CASE("a returning node can be given up again") {
  auto node = given_up();
  node.see(answered);
  CHECK(node.see_often(refused, 18) == Health::avoided);
  CHECK(node.see(refused) == Health::given_up);
}

TEST_CASE("stale meetings matter on returning nodes only") {
  Node node;
  node.circumstances.nothing_stale = false;
  CHECK(node.see_often(answered, 5) == Health::usable);
}

TEST_CASE("the standing is what the row says, whatever the operator said") {
  Backend backend;
  backend.health = Health::avoided;
  backend.health_reason = "slow";
  backend.forced_health = Health::usable;
  CHECK(standing_of(backend) == Standing{Health::avoided, "slow"});
  CHECK_FALSE(is_returning(standing_of(backend)));
  CHECK_FALSE(is_returning({Health::usable, ""}));
  CHECK(is_returning({Health::given_up, ""}));
}

}  // namespace
}  // namespace b3::health
