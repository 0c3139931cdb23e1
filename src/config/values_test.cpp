#include "config/values.h"

#include <doctest/doctest.h>

#include <set>

namespace b3::config {
namespace {

using std::chrono::milliseconds;

TEST_CASE("durations: number and unit, a bare number is seconds") {
  CHECK(parse_duration("5s") == milliseconds{5'000});
  CHECK(parse_duration("250ms") == milliseconds{250});
  CHECK(parse_duration("2m") == milliseconds{120'000});
  CHECK(parse_duration("1h") == milliseconds{3'600'000});
  CHECK(parse_duration("7") == milliseconds{7'000});
  CHECK(parse_duration("0") == milliseconds{0});
}

TEST_CASE("durations: everything else is refused") {
  for (const auto* text :
       {"", "s", "-1s", "+1s", " 5s", "5s ", "5 s", "1.5s", "5S", "5sec", "5ss", "1h30m", "0x5s",
        "five", "99999999999999999999s", "9223372036854775807s", "9223372036854775807h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
  CHECK(parse_duration("9223372036854775807ms") == milliseconds{9223372036854775807});
}

TEST_CASE("booleans in any letter case") {
  for (const auto* text : {"yes", "1", "true", "on", "YES", "True", "oN"}) {
    CAPTURE(text);
    CHECK(parse_boolean(text) == true);
  }
  for (const auto* text : {"no", "0", "false", "off", "NO", "False", "oFf"}) {
    CAPTURE(text);
    CHECK(parse_boolean(text) == false);
  }
  for (const auto* text : {"", "y", "n", "2", "-1", "truee", "yes ", "01"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_boolean(text));
  }
}

TEST_CASE("log levels by name and by number mean the same") {
  const std::vector<std::pair<const char*, const char*>> pairs{
      {"panic", "5"}, {"fatal", "4"}, {"error", "3"}, {"warn", "2"},
      {"info", "1"},  {"debug", "0"}, {"trace", "-1"}};
  for (const auto& [name, number] : pairs) {
    CAPTURE(name);
    REQUIRE(parse_log_level(name));
    CHECK(parse_log_level(name) == parse_log_level(number));
    CHECK(std::to_string(int(*parse_log_level(name))) == number);
  }
  CHECK(parse_log_level("WARN") == log::Level::warn);
  for (const auto* text : {"", "6", "-2", "warning", "1.0", "info "}) {
    CAPTURE(text);
    CHECK_FALSE(parse_log_level(text));
  }
}

TEST_CASE("numbers must be whole values and finite") {
  CHECK(parse_integer("-3") == -3);
  CHECK_FALSE(parse_integer("3.0"));
  CHECK_FALSE(parse_integer("9223372036854775808"));
  CHECK(parse_number("2.5") == 2.5);
  CHECK(parse_number("1e3") == 1000);
  for (const auto* text : {"", "nan", "inf", "-inf", "1e999", "1,5", "2.5x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number(text));
  }
}

TEST_CASE("listen addresses") {
  for (const auto* text : {"127.0.0.1:42353", ":42353", "localhost:80", "[::1]:8080", "[::]:0",
                           "b3.example-host.org:65535"}) {
    CAPTURE(text);
    CHECK(is_listen_address(text));
  }
  for (const auto* text : {"", "42353", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:80x", "::1:80", "[::1:80", "::1]:80", "[]:80",
                           "[nonsense]:80", "http://a:80", "a b:80", "*:80"}) {
    CAPTURE(text);
    CHECK_FALSE(is_listen_address(text));
  }
}

TEST_CASE("database URLs") {
  for (const auto* text : {"postgres://u:p@h:5432/d", "postgresql://h/d", "host=/run dbname=b3",
                           " sslmode = require host=h", "sqlite:b3.db",
                           "sqlite::memory:", "sqlite:///var/lib/b3scale/b3.db"}) {
    CAPTURE(text);
    CHECK(is_database_url(text));
  }
  for (const auto* text : {"", "sqlite:", "mysql://h/d", "mysql://h/d?a=b", "b3.db", "=x",
                           "/var/lib/b3.db", "Postgres"}) {
    CAPTURE(text);
    CHECK_FALSE(is_database_url(text));
  }
}

TEST_CASE("the table is sound: unique names, and every default is itself allowed") {
  std::set<std::string_view> names;
  for (const auto& variable : variables()) {
    CAPTURE(variable.name);
    CHECK(names.insert(variable.name).second);
    CHECK_FALSE(variable.programs.empty());
    CHECK(variable.help.ends_with("."));
    CHECK_FALSE(describe_allowed(variable).empty());
    if (!variable.default_value.empty())
      CHECK_FALSE(problem_with(variable, variable.default_value));
    if (variable.name.starts_with("B3SCALE_LOG_LEVEL")) {
      for (const auto choice : split(variable.choices, "|")) CHECK(parse_log_level(choice));
    }
  }
}

TEST_CASE("the ends of a range are allowed, what lies beyond is not") {
  for (const auto& variable : variables()) {
    const auto ends = split(variable.choices, "..");
    if (ends.size() != 2) continue;
    CAPTURE(variable.name);
    CHECK_FALSE(problem_with(variable, ends[0]));
    CHECK_FALSE(problem_with(variable, ends[1]));
    CHECK(problem_with(variable, "-1"));
    CHECK(problem_with(variable, "99999999"));
  }
}

TEST_CASE("a problem names the variable, the value and what is allowed") {
  const auto problem = problem_with(*find_variable("B3SCALE_DB_POOL_SIZE"), "0");
  REQUIRE(problem);
  CHECK(*problem ==
        "B3SCALE_DB_POOL_SIZE: \"0\" is not allowed; it must be a whole number from 1 to 1000");
}

TEST_CASE("a quoted value is one printable line of bounded length") {
  const auto problem =
      problem_with(*find_variable("B3SCALE_REFRESH_INTERVAL"), "a\nb\x1b" + std::string(500, 'x'));
  REQUIRE(problem);
  CHECK(problem->contains("\"a?b?xxx"));
  CHECK(problem->contains("...\""));
  CHECK(problem->size() < 300);
}

TEST_CASE("a problem never shows what may be a password") {
  const auto database = problem_with(*find_variable("B3SCALE_DB_URL"), "mysql://u:hunter2@h/d");
  const auto url = problem_with(*find_variable("B3SCALE_PUBLIC_URL"), "https://u:hunter2@h/");
  REQUIRE(database);
  REQUIRE(url);
  CHECK_FALSE(database->contains("hunter2"));
  CHECK_FALSE(url->contains("hunter2"));
  CHECK(database->starts_with("B3SCALE_DB_URL: the value given (not shown)"));
}

}  // namespace
}  // namespace b3::config
