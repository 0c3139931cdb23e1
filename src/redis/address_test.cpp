#include "redis/address.h"

#include <doctest/doctest.h>

using namespace b3::redis;

TEST_CASE("URLs of redis") {
  CHECK(parse_address("redis://127.0.0.1:6379").value() == Address{});
  CHECK(parse_address("redis://cache").value() == Address{.host = "cache"});
  CHECK(parse_address("redis://cache/0").value() == Address{.host = "cache"});
  CHECK(parse_address("redis://[::1]:7000").value() == Address{.host = "::1", .port = 7000});
  CHECK(parse_address("redis://:p%40s+s@h:1").value() ==
        Address{.host = "h", .port = 1, .user = "", .password = "p@s+s"});
  CHECK(parse_address("redis://me:x:y@h").value() ==
        Address{.host = "h", .port = 6379, .user = "me", .password = "x:y"});
  CHECK(parse_address("redis://[::1]:7000").value().display() == "[::1]:7000");
}

TEST_CASE("URLs that are none are refused without being quoted") {
  for (const char* text : {"", "cache:6379", "http://cache", "rediss://cache", "redis://",
                           "redis://:6379", "redis://h:0", "redis://h:65536", "redis://h:6379x",
                           "redis://h:", "redis://[::1", "redis://h/zero", "redis://secret@h",
                           "redis://:@h", "redis://:%zz@h", "redis://:%00@h", "redis://a b"}) {
    CAPTURE(text);
    const auto address = parse_address(text);
    REQUIRE(!address);
    CHECK(!address.error().contains("secret"));
  }
}
