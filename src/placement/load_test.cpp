#include <doctest/doctest.h>

#include <limits>

#include "placement/placement.h"

namespace b3::placement {
namespace {

using std::chrono::minutes;

TEST_CASE("the expectation holds for 10 minutes and is gone after 30") {
  CHECK(expected_load_of(0, 20, minutes{0}) == 20);
  CHECK(expected_load_of(0, 20, minutes{10}) == 20);
  CHECK(expected_load_of(0, 20, minutes{15}) == 15);
  CHECK(expected_load_of(0, 20, minutes{20}) == 10);
  CHECK(expected_load_of(0, 20, minutes{30}) == 0);
  CHECK(expected_load_of(0, 20, minutes{31}) == 0);
  CHECK(expected_load_of(0, 20, milliseconds::max()) == 0);
}

TEST_CASE("the fade has no step at its ends") {
  const double full = expected_load_of(0, 1'000, minutes{10} + milliseconds{1});
  const double gone = expected_load_of(0, 1'000, minutes{30} - milliseconds{1});
  CHECK(full < 1'000);
  CHECK(full > 999.99);
  CHECK(gone > 0);
  CHECK(gone < 0.01);
}

TEST_CASE("attendees count where they are more than the expectation") {
  CHECK(expected_load_of(3, 20, minutes{0}) == 20);
  CHECK(expected_load_of(50, 20, minutes{0}) == 50);
  CHECK(expected_load_of(12, 20, minutes{20}) == 12);
  CHECK(expected_load_of(8, 20, minutes{20}) == 10);
  CHECK(expected_load_of(3, 20, minutes{40}) == 3);
}

TEST_CASE("a negative age is a new meeting: the clock went back") {
  CHECK(expected_load_of(0, 20, minutes{-5}) == 20);
  CHECK(expected_load_of(0, 20, milliseconds::min()) == 20);
}

TEST_CASE("negative counts are none") {
  CHECK(expected_load_of(-5, 0, minutes{0}) == 0);
  CHECK(expected_load_of(-5, -20, minutes{0}) == 0);
  CHECK(expected_load_of(std::numeric_limits<std::int64_t>::min(), 3, minutes{0}) == 3);
}

TEST_CASE("the load of a meeting never grows while nobody comes") {
  double before = expected_load_of(2, 17, minutes{0});
  for (auto age = milliseconds{0}; age < minutes{35}; age += milliseconds{1'777}) {
    const double load = expected_load_of(2, 17, age);
    CHECK(load <= before);
    before = load;
  }
  CHECK(before == 2);
}

TEST_CASE("the tenant's hint decides the expected size") {
  CHECK(expected_size_from("40", std::nullopt) == 40);
  CHECK(expected_size_from("1", "10") == 1);
  CHECK(expected_size_from("100000", std::nullopt) == 100'000);
}

TEST_CASE("a hint that is none falls through") {
  for (const auto* hint : {"", "0", "-5", "100001", "9999999999999999999999", "12.5", "+3", " 7",
                           "7 ", "many", "1e3", "0x10"}) {
    CAPTURE(hint);
    CHECK(expected_size_from(hint, std::nullopt) == 15);
    CHECK(expected_size_from(hint, "6") == 6);
  }
}

TEST_CASE("maxParticipants lowers the expectation, never raises it") {
  CHECK(expected_size_from(std::nullopt, "1") == 1);
  CHECK(expected_size_from(std::nullopt, "14") == 14);
  for (const auto* limit : {"15", "500", "0", "-1", "", "ten"}) {
    CAPTURE(limit);
    CHECK(expected_size_from(std::nullopt, limit) == 15);
  }
  CHECK(expected_size_from(std::nullopt, std::nullopt) == 15);
}

}  // namespace
}  // namespace b3::placement
