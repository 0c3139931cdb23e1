#include "node/breaker.h"

#include <doctest/doctest.h>

namespace b3::node {
namespace {

using Admission = Breaker::Admission;

const SteadyTime start{std::chrono::hours{1}};

Breaker opened(SteadyTime at = start) {
  Breaker breaker;
  CHECK_FALSE(breaker.note_failure(breaker.admit(at), at));
  CHECK_FALSE(breaker.note_failure(breaker.admit(at), at));
  CHECK(breaker.note_failure(breaker.admit(at), at));
  return breaker;
}

TEST_CASE("a breaker opens after three failures in a row, and tells once") {
  auto breaker = opened();
  CHECK(breaker.is_open(start));
  CHECK_FALSE(breaker.note_failure(Admission::passed, start));
}

TEST_CASE("a call that gets through starts the count again") {
  Breaker breaker;
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(breaker.note_failure(breaker.admit(start), start));
    CHECK_FALSE(breaker.note_failure(breaker.admit(start), start));
    breaker.note_success();
    CHECK(breaker.is_blank());
  }
  CHECK(breaker.admit(start) == Admission::passed);
}

TEST_CASE("an open breaker refuses every call for two seconds, then lets one try") {
  auto breaker = opened();
  CHECK(breaker.admit(start) == Admission::refused);
  CHECK(breaker.admit(start + milliseconds{1'999}) == Admission::refused);
  const auto later = start + breaker_pause;
  CHECK_FALSE(breaker.is_open(later));
  CHECK(breaker.admit(later) == Admission::trial);
  CHECK(breaker.is_open(later));
  CHECK(breaker.admit(later) == Admission::refused);
  CHECK(breaker.admit(later + std::chrono::hours{1}) == Admission::refused);
}

TEST_CASE("the trial decides") {
  auto breaker = opened();
  const auto later = start + breaker_pause;
  SUBCASE("success closes") {
    REQUIRE(breaker.admit(later) == Admission::trial);
    breaker.note_success();
    CHECK(breaker.is_blank());
    CHECK(breaker.admit(later) == Admission::passed);
    CHECK(breaker.admit(later) == Admission::passed);
  }
  SUBCASE("failure opens for another two seconds, quietly") {
    REQUIRE(breaker.admit(later) == Admission::trial);
    const auto failed = later + seconds{5};
    CHECK_FALSE(breaker.note_failure(Admission::trial, failed));
    CHECK(breaker.admit(failed + milliseconds{1'999}) == Admission::refused);
    CHECK(breaker.admit(failed + breaker_pause) == Admission::trial);
  }
  SUBCASE("none, and the next one tries") {
    REQUIRE(breaker.admit(later) == Admission::trial);
    breaker.note_nothing(Admission::trial);
    CHECK(breaker.admit(later) == Admission::trial);
  }
}

TEST_CASE("calls from before it opened neither prolong nor end the pause by failing") {
  auto breaker = opened();
  const auto later = start + milliseconds{1'500};
  CHECK_FALSE(breaker.note_failure(Admission::passed, later));
  breaker.note_nothing(Admission::passed);
  REQUIRE(breaker.admit(start + breaker_pause) == Admission::trial);
  CHECK_FALSE(breaker.note_failure(Admission::passed, start + breaker_pause));
  CHECK(breaker.admit(start + breaker_pause) == Admission::refused);  // the trial is still on
}

TEST_CASE("whatever gets through closes an open breaker, a poll too") {
  auto breaker = opened();
  breaker.note_success();
  CHECK(breaker.admit(start) == Admission::passed);
  CHECK_FALSE(breaker.note_failure(Admission::passed, start));
}

}  // namespace
}  // namespace b3::node
