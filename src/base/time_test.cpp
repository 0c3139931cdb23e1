#include "base/time.h"

#include <doctest/doctest.h>

using namespace b3;

TEST_CASE("wall time is written as RFC 3339 in UTC with milliseconds") {
  CHECK(to_rfc3339(from_unix_milliseconds(0)) == "1970-01-01T00:00:00.000Z");
  CHECK(to_rfc3339(from_unix_milliseconds(1'795'298'633'120)) == "2026-11-21T22:03:53.120Z");
  CHECK(to_rfc3339(from_unix_milliseconds(1'709'164'800'007)) == "2024-02-29T00:00:00.007Z");
  CHECK(to_rfc3339(from_unix_milliseconds(-1)) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("unix milliseconds go there and back") {
  for (const std::int64_t value : {-86'400'001LL, 0LL, 1LL, 1'795'298'633'120LL})
    CHECK(to_unix_milliseconds(from_unix_milliseconds(value)) == value);
}

TEST_CASE("the steady clock does not run backwards and the wall clock is after this was written") {
  const Now first = read_clocks();
  const Now second = read_clocks();
  CHECK(second.steady >= first.steady);
  CHECK(first.wall > from_unix_milliseconds(1'700'000'000'000));
}
