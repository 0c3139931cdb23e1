#include "bbb/meeting_id.h"

#include <doctest/doctest.h>

using namespace b3::bbb;
using namespace std::string_view_literals;

namespace {

std::string_view complaint(std::string_view key, std::string_view id) {
  const auto problem = check_meeting_id(key, id);
  if (!problem) return {};
  CHECK(problem->message_key == "validationError");
  return problem->message;
}

std::string repeat(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

constexpr std::string_view length_complaint = "Meeting ID must be between 2 and 256 characters";

}  // namespace

TEST_CASE("unscope undoes scope for every id") {
  for (const auto key : {"moodle", "a", "A-b_c.1"})
    for (const auto id : {"math", "a~b", "~", "~~x~", "key~other", " spaced ", "\xE2\x82\xAC"}) {
      const std::string scoped = scope(key, id);
      const auto parts = unscope(scoped);
      REQUIRE(parts);
      CHECK(parts->frontend_key == key);
      CHECK(parts->meeting_id == id);
    }
}

TEST_CASE("tenants with similar keys and ids do not meet") {
  CHECK(scope("a", "b~c") != scope("a.b", "c"));
  CHECK(scope("ab", "c") != scope("a", "bc"));
}

TEST_CASE("ids no frontend made are not unscoped") {
  for (const auto id :
       {"", "math", "~math", "key~", "two words~math", "k\xC3\xA9y~math", "a/b~c", "..~x"}) {
    CAPTURE(id);
    CHECK_FALSE(unscope(id));
  }
  CHECK_FALSE(unscope(std::string(65, 'k') + "~math"));
}

TEST_CASE("ordinary ids are fine") {
  for (const auto id : {"ab", "abc123", "f7f3-a b", "a~b", "<script>", "\xF0\x9F\x98\x80\xC3\xBC"})
    CHECK(complaint("moodle", id).empty());
}

TEST_CASE("the complaints are BBB's") {
  CHECK(complaint("moodle", "") == "You must provide a meeting ID");
  CHECK(complaint("moodle", "a") == length_complaint);
  CHECK(complaint("moodle", "\xF0\x9F\x98\x80") == length_complaint);
  CHECK(complaint("moodle", "a,b") == "Meeting ID cannot contain ','");
}

TEST_CASE("the scoped id must fit a node's limit, counted in characters") {
  const std::string key = "moodle";  // with the separator 7 characters
  CHECK(complaint(key, std::string(249, 'x')).empty());
  CHECK(complaint(key, std::string(250, 'x')) == length_complaint);
  CHECK(complaint(key, repeat("\xE2\x82\xAC", 249)).empty());
  CHECK(complaint(key, repeat("\xE2\x82\xAC", 250)) == length_complaint);
  CHECK(complaint(key, std::string(257, 'x')) == length_complaint);
}

TEST_CASE("control characters and broken text are refused") {
  for (const auto id : {"a\0b"sv, "ab\n"sv, "\tab"sv,
                        "a\x7F"
                        "b"sv,
                        "a\xC2\x85"
                        "b"sv,
                        "ab\xFF"sv, "ab\xC3"sv,
                        "a\xEF\xBF\xBF"
                        "b"sv,
                        "a\xED\xA0\x80"
                        "b"sv}) {
    const auto message = complaint("moodle", id);
    CHECK(message.contains("control characters"));
  }
}

TEST_CASE("ids are trimmed as BBB trims them") {
  CHECK(trim_meeting_id("  math room\t\r\n") == "math room");
  CHECK(trim_meeting_id("math") == "math");
  CHECK(trim_meeting_id(" \n ").empty());
  CHECK(trim_meeting_id("\xC2\xA0math") == "\xC2\xA0math");
}

TEST_CASE("code points are counted, not bytes") {
  CHECK(count_code_points("") == 0);
  CHECK(count_code_points("abc") == 3);
  CHECK(count_code_points("\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80") == 3);
}
