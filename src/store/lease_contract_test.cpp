// The Store's contract: who is there and who does which periodic work, on either database.
#include <doctest/doctest.h>

#include <algorithm>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

using Names = std::vector<std::string>;

std::string holder_of(const Membership& membership, std::string_view name) {
  const auto found = std::ranges::find(membership.leases, name, &LeaseRow::name);
  return found == membership.leases.end() ? "" : found->holder;
}

B3_DATABASE_TEST("each beat adds one and tells who is there") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  auto seen = store->beat("b", "host b", at(1));
  REQUIRE(seen.instances.size() == 1);
  CHECK(seen.instances[0].id == "b");
  CHECK(seen.instances[0].beat == 1);
  CHECK(seen.leases.empty());
  database.open()->beat("a", "host a", at(2));
  seen = store->beat("b", "host b", at(3));
  REQUIRE(seen.instances.size() == 2);
  CHECK(seen.instances[0].id == "a");
  CHECK(seen.instances[0].beat == 1);
  CHECK(seen.instances[1].beat == 2);
}

B3_DATABASE_TEST("a lease is claimed from whom it was seen with, and from nobody else") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  CHECK(store->claim_leases("a", {{"z", ""}, {"x", ""}, {"y", "who?"}}) == Names{"x", "z"});
  CHECK(store->claim_leases("a", {{"z", ""}, {"x", ""}}) == Names{"x", "z"});  // again
  CHECK(store->claim_leases("b", {{"x", ""}, {"z", "c"}, {"w", ""}}) == Names{"w"});
  CHECK(store->claim_leases("b", {{"x", "a"}}) == Names{"w", "x"});
  CHECK(store->claim_leases("a", {}) == Names{"z"});

  store->release_leases("a", {"x", "z", "none"});  // x is b's
  store->release_leases("a", {});
  const auto seen = store->beat("a", "host", at(1));
  CHECK(holder_of(seen, "x") == "b");
  CHECK(holder_of(seen, "z").empty());
}

B3_DATABASE_TEST("an instance found dead is removed with its leases, unless it has beaten since") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  store->beat("dead", "host", at(1));
  store->claim_leases("dead", {{"x", ""}, {"y", ""}});
  store->beat("dead", "host", at(2));
  CHECK_FALSE(store->remove_instance("dead", 1));
  CHECK(store->beat("a", "host", at(3)).leases.size() == 2);
  CHECK(store->remove_instance("dead", 2));
  const auto seen = store->beat("a", "host", at(4));
  CHECK(seen.instances.size() == 1);
  CHECK(seen.leases.empty());
  CHECK(store->remove_instance("dead", 2));  // again

  store->claim_leases("a", {{"x", ""}});
  CHECK(store->remove_instance("a", std::nullopt));
  CHECK(store->beat("b", "host", at(5)).leases.empty());
}

B3_DATABASE_TEST("of many who claim the same leases each goes to exactly one") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  std::vector<LeaseClaim> claims;
  for (int index = 0; index < 30; ++index) claims.push_back({"n" + std::to_string(index), ""});
  store->claim_leases("dead", {claims.begin(), claims.begin() + 15});
  for (int index = 0; index < 15; ++index) claims[std::size_t(index)].expected_holder = "dead";
  std::vector<Names> held(8);
  run_together(8, [&](int number) {
    auto mine = claims;
    if (number % 2 == 1) std::ranges::reverse(mine);
    held[std::size_t(number)] = database.open()->claim_leases("i" + std::to_string(number), mine);
  });
  std::size_t total = 0;
  for (const auto& names : held) total += names.size();
  CHECK(total == 30);
}

}  // namespace
}  // namespace b3::store::testing
