#include <doctest/doctest.h>

#include "config/config.h"

namespace b3::config {
namespace {

std::string value(std::string_view line) {
  const auto environment = parse_env_file("A=" + std::string(line) + "\n", "f");
  INFO(line);
  REQUIRE(environment);
  REQUIRE(environment->contains("A"));
  return environment->at("A");
}

std::string error(std::string_view text) {
  const auto environment = parse_env_file(text, "/etc/b3");
  INFO(text);
  REQUIRE_FALSE(environment);
  return environment.error();
}

TEST_CASE("names and values, blank lines, comments, export") {
  const auto environment = parse_env_file(
      "# a comment\n"
      "\n"
      "  \t\n"
      "ONE=1\n"
      "export TWO=2\n"
      "\texport \t THREE=3\n"
      "export=4\n"
      "exporter=5\n"
      "_six_6=6",
      "f");
  REQUIRE(environment);
  CHECK(*environment == Environment{{"ONE", "1"},
                                    {"TWO", "2"},
                                    {"THREE", "3"},
                                    {"export", "4"},
                                    {"exporter", "5"},
                                    {"_six_6", "6"}});
}

TEST_CASE("an empty file is an empty environment") {
  CHECK(parse_env_file("", "f") == Environment{});
  CHECK(parse_env_file("\n\n#x", "f") == Environment{});
  CHECK(parse_env_file("\xEF\xBB\xBF", "f") == Environment{});
}

TEST_CASE("of the same name twice the later one wins") {
  CHECK(parse_env_file("A=1\nA=2\n", "f")->at("A") == "2");
  CHECK(parse_env_file("A=1\nA=\n", "f")->at("A").empty());
}

TEST_CASE("bare values") {
  CHECK(value("") == "");
  CHECK(value("  x y  ") == "x y");
  CHECK(value("host=/run dbname=b3") == "host=/run dbname=b3");
  CHECK(value("x # note") == "x");
  CHECK(value("x\t#note") == "x");
  CHECK(value(" # note") == "");
  CHECK(value("#secret") == "#secret");
  CHECK(value("a#b") == "a#b");
  CHECK(value("it's") == "it's");
  CHECK(value("a\\n$HOME\"") == "a\\n$HOME\"");
}

TEST_CASE("single quotes are literal") {
  CHECK(value("''") == "");
  CHECK(value("'a b # c'") == "a b # c");
  CHECK(value("'$HOME \\n \"x\"'") == "$HOME \\n \"x\"");
  CHECK(value("' x ' # note") == " x ");
}

TEST_CASE("double quotes know four escapes") {
  CHECK(value(R"("")") == "");
  CHECK(value(R"("a \"b\" \\ \$x $y")") == R"(a "b" \ $x $y)");
  CHECK(value(R"("two\nlines")") == "two\nlines");
  CHECK(value(R"("\t\d")") == R"(\t\d)");
  CHECK(value(R"("a # b"  # note)") == "a # b");
  CHECK(value(R"("\\")") == R"(\)");
}

TEST_CASE("line ends of other systems and a byte order mark do no harm") {
  const auto environment = parse_env_file(
      "\xEF\xBB\xBF"
      "A=1\r\nB='2'\r\n\r\nC=\"3\"\r\n",
      "f");
  REQUIRE(environment);
  CHECK(*environment == Environment{{"A", "1"}, {"B", "2"}, {"C", "3"}});
}

TEST_CASE("errors name the file and the line") {
  CHECK(error("A=1\n\nnonsense\n").starts_with("/etc/b3:3: "));
  CHECK(error("A=1\nB='x\n").starts_with("/etc/b3:2: B: the closing quote"));
  CHECK(error("=x").starts_with("/etc/b3:1: "));
}

TEST_CASE("what is not NAME=value is refused") {
  for (const auto* text : {"A", "1A=x", "A B=x", "A =x", "a-b=x", "export A", "export",
                           "\xC3\xA4=x", "A='x", "A=\"x", "A=\"x\\\"", "A=\"x\\", "A='", "A=\"",
                           "A='x'y", "A=\"x\"y", "A='x'#y", "A=\"x\" y", "A='x' 'y'"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_env_file(text, "f"));
  }
  CHECK_FALSE(parse_env_file(std::string_view("A=x\0y", 5), "f"));
  CHECK_FALSE(parse_env_file(std::string_view("A='\0'", 5), "f"));
}

TEST_CASE("an error quotes nothing of the line but a well-formed name") {
  CHECK_FALSE(error("B3SCALE_API_JWT_SECRET='hunter2").contains("hunter2"));
  CHECK_FALSE(error("hunter2").contains("hunter2"));
  CHECK_FALSE(error("SECRET hunter2=x").contains("hunter2"));
  CHECK_FALSE(error("A=\"hunter2\"3").contains("hunter2"));
}

}  // namespace
}  // namespace b3::config
