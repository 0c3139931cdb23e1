#include "bbb/query.h"

#include <doctest/doctest.h>

#include <set>

using namespace b3::bbb;
using namespace std::string_view_literals;

namespace {

QueryError error_of(std::string_view raw) {
  const auto parameters = parse_parameters(raw);
  REQUIRE_FALSE(parameters);
  return parameters.error();
}

std::string numbered(int count) {
  std::string raw;
  for (int i = 0; i < count; ++i) raw += "p" + std::to_string(i) + "=&";
  return raw;
}

}  // namespace

TEST_CASE("parameters are decoded and keep their order") {
  const auto parameters =
      parse_parameters("name=Test+Meeting&meta_bbb-x=%C3%BC&welcome=a%0Ab&flag&e=");
  REQUIRE(parameters);
  CHECK(parameters->size() == 5);
  CHECK(parameters->begin()->name == "name");
  CHECK(parameters->get("name") == "Test Meeting");
  CHECK(parameters->get("meta_bbb-x") == "\xC3\xBC");
  CHECK(parameters->get("welcome") == "a\nb");
  CHECK(*parameters->find("flag") == "");
  CHECK(parameters->find("absent") == nullptr);
  CHECK(parameters->get("absent").empty());
  CHECK(parameters->encode() == "name=Test+Meeting&meta_bbb-x=%C3%BC&welcome=a%0Ab&flag=&e=");
}

TEST_CASE("empty pieces are skipped") {
  CHECK(parse_parameters("")->empty());
  CHECK(parse_parameters("&&&")->empty());
  CHECK(parse_parameters("&a=1&&b=2&")->encode() == "a=1&b=2");
}

TEST_CASE("only the first '=' separates and only '&' does") {
  CHECK(parse_parameters("a=b=c")->get("a") == "b=c");
  const auto semicolon = parse_parameters("a=1;meetingID=evil");
  CHECK(semicolon->size() == 1);
  CHECK(semicolon->encode() == "a=1%3BmeetingID%3Devil");
  CHECK(error_of("a;b=1") == QueryError::invalid_name);
  CHECK(parse_parameters("a=1%26b=2")->get("a") == "1&b=2");
}

TEST_CASE("checksum is left out however it is spelled") {
  CHECK(parse_parameters("a=1&checksum=x")->encode() == "a=1");
  CHECK(parse_parameters("check%73um=x&a=1")->encode() == "a=1");
  CHECK(error_of("checksum=x&checksum=x") == QueryError::duplicate_checksum);
  CHECK(error_of("checksum=x&a=1&%63hecksum=y") == QueryError::duplicate_checksum);
}

TEST_CASE("an encoded name is the same parameter as a plain one") {
  CHECK(parse_parameters("meeting%49D=abc")->get("meetingID") == "abc");
  CHECK(error_of("meetingID=a&meeting%49D=b") == QueryError::duplicate_parameter);
  CHECK(error_of("meetingID=a&meetingID=b") == QueryError::duplicate_parameter);
  CHECK(error_of("meetingID=a&meetingID") == QueryError::duplicate_parameter);
  CHECK(parse_parameters("meetingID=a&x=1&meetingID=%61")->encode() == "meetingID=a&x=1");
}

TEST_CASE("names a node might read differently are refused") {
  for (const auto raw : {"=x"sv, "="sv, "meetingID[]=x"sv, "meetingID%5B%5D=x"sv, "meeting+ID=x"sv,
                         "+meetingID=x"sv, "meetingID%20=x"sv, "meeting/ID=x"sv, "a%26b=1"sv,
                         "a%3Db=1"sv, "m%C3%AFd=x"sv, "a%25=1"sv}) {
    CAPTURE(raw);
    CHECK(error_of(raw) == QueryError::invalid_name);
  }
  CHECK(parse_parameters(std::string(256, 'n') + "=1"));
  CHECK(error_of(std::string(257, 'n') + "=1") == QueryError::invalid_name);
  CHECK(parse_parameters("userdata-bbb_x.y:z=1"));
}

TEST_CASE("malformed escapes are refused in names, values and the checksum") {
  for (const auto raw : {"a=%", "a=%4", "a=%zz", "%zz=1", "a=1&checksum=%", "ok=1&b=%c"})
    CHECK(error_of(raw) == QueryError::malformed_escape);
}

TEST_CASE("text that is not text is refused") {
  for (const auto raw : {"a=%FF"sv, "a=%C0%80"sv, "a=\xFF"sv, "%FF=1"sv, "meetingID%00=x"sv,
                         "meetingID%0A=x"sv, "a=b%00c"sv, "a=b\0c"sv, "%7F=1"sv, "a=%ED%A0%80"sv})
    CHECK(error_of(raw) == QueryError::invalid_text);
}

TEST_CASE("the number of parameters is bounded, repetitions included") {
  CHECK(parse_parameters(numbered(1'000))->size() == 1'000);
  CHECK(error_of(numbered(1'001)) == QueryError::too_many_parameters);
  std::string repeated;
  for (int i = 0; i < 1'001; ++i) repeated += "a=1&";
  CHECK(error_of(repeated) == QueryError::too_many_parameters);
}

TEST_CASE("set replaces in place, erase removes") {
  Parameters parameters = *parse_parameters("a=1&b=2&c=3");
  parameters.set("b", "x y&z");
  parameters.set("d", "");
  CHECK(parameters.encode() == "a=1&b=x+y%26z&c=3&d=");
  parameters.erase("a");
  parameters.erase("absent");
  CHECK(parameters.encode() == "b=x+y%26z&c=3&d=");
}

TEST_CASE("what was encoded reads back as the same parameters") {
  Parameters parameters;
  parameters.set("meetingID", "key~id with spaces & = % + \xE2\x82\xAC");
  parameters.set("empty", "");
  parameters.set("lines", "a\r\nb\tc");
  CHECK(parse_parameters(parameters.encode()) == parameters);
}

TEST_CASE("every error has its own sentence") {
  std::set<std::string_view> messages;
  for (const auto error : {QueryError::malformed_escape, QueryError::invalid_text,
                           QueryError::invalid_name, QueryError::duplicate_parameter,
                           QueryError::duplicate_checksum, QueryError::too_many_parameters})
    messages.insert(to_message(error));
  CHECK(messages.size() == 6);
}

TEST_CASE("one value can be replaced while encoding") {
  const auto parameters = b3::bbb::parse_parameters("a=1&meetingID=x&b=2");
  REQUIRE(parameters);
  CHECK(parameters->encode_with("meetingID", "k~x y") == "a=1&meetingID=k~x+y&b=2");
  CHECK(parameters->encode_with("c", "3") == "a=1&meetingID=x&b=2&c=3");
  CHECK(parameters->encode() == "a=1&meetingID=x&b=2");
}
