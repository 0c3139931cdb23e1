#include "bbb/checksum.h"

#include <doctest/doctest.h>

using namespace b3;
using namespace b3::bbb;

namespace {

// The example of BBB's API documentation.
constexpr std::string_view documented_query =
    "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444";
constexpr std::string_view documented_secret = "639259d4-9dd8-4b25-bf01-95f9567eaf4b";
constexpr std::string_view documented_checksum = "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17";

constexpr HashAlgorithm all_algorithms[] = {HashAlgorithm::sha1, HashAlgorithm::sha256,
                                            HashAlgorithm::sha384, HashAlgorithm::sha512};

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

ChecksumError error_of(const auto& result) {
  REQUIRE_FALSE(result);
  return result.error();
}

}  // namespace

TEST_CASE("the documented example signs as documented") {
  CHECK(sign(HashAlgorithm::sha1, "create", documented_query, documented_secret) ==
        documented_checksum);
  CHECK(signed_query(HashAlgorithm::sha1, "create", documented_query, documented_secret) ==
        std::string(documented_query) + "&checksum=" + std::string(documented_checksum));
  CHECK(verify("create", {std::string(documented_query), std::string(documented_checksum)},
               documented_secret));
}

TEST_CASE("the checksum is cut out and nothing else changes") {
  struct Row {
    std::string_view query, rest, checksum;
  };
  for (const Row& row :
       {Row{"a=1&checksum=x&b=2", "a=1&b=2", "x"}, Row{"checksum=x&a=1", "a=1", "x"},
        Row{"a=1&checksum=x", "a=1", "x"}, Row{"checksum=x", "", "x"},
        Row{"a=%7e&checksum=x&&b=+", "a=%7e&&b=+", "x"}, Row{"&checksum=x&", "&", "x"},
        Row{"checksum", "", ""}, Row{"a&checksum=", "a", ""},
        Row{"a=1&check%73um=%61", "a=1", "%61"}, Row{"xchecksum=1&checksum=x", "xchecksum=1", "x"},
        Row{"a=checksum=y&checksum=x=z", "a=checksum=y", "x=z"},
        Row{"%zz=1&checksum=x", "%zz=1", "x"}}) {
    CAPTURE(row.query);
    const auto split = split_checksum(row.query);
    REQUIRE(split);
    CHECK(split->rest == row.rest);
    CHECK(split->checksum == row.checksum);
  }
}

TEST_CASE("no checksum, and more than one, are told apart") {
  for (const auto query : {"", "a=1", "Checksum=x", "checksum%20=x", "checksumx=1", "a=checksum"})
    CHECK(error_of(split_checksum(query)) == ChecksumError::missing);
  for (const auto query :
       {"checksum=x&checksum=x", "checksum=x&a=1&check%73um=y", "checksum&checksum"})
    CHECK(error_of(split_checksum(query)) == ChecksumError::repeated);
}

TEST_CASE("every algorithm verifies in either case and with an empty query") {
  for (const HashAlgorithm algorithm : all_algorithms) {
    for (const std::string_view query : {"", "a=1&b=%20"}) {
      const auto split = split_checksum(signed_query(algorithm, "getMeetings", query, "s3cret"));
      REQUIRE(split);
      CHECK(algorithm_of(split->checksum) == algorithm);
      CHECK(verify("getMeetings", *split, "s3cret"));
      CHECK(verify("getMeetings", {split->rest, upper(split->checksum)}, "s3cret"));
    }
  }
}

TEST_CASE("anything else in the signed text is a mismatch") {
  const auto split = *split_checksum(signed_query(HashAlgorithm::sha256, "end", "a=1", "s3cret"));
  CHECK(error_of(verify("create", split, "s3cret")) == ChecksumError::mismatch);
  CHECK(error_of(verify("end", split, "s3cret2")) == ChecksumError::mismatch);
  CHECK(error_of(verify("end", {"a=2", split.checksum}, "s3cret")) == ChecksumError::mismatch);
  std::string flipped = split.checksum;
  flipped.back() = flipped.back() == '0' ? '1' : '0';
  CHECK(error_of(verify("end", {"a=1", flipped}, "s3cret")) == ChecksumError::mismatch);
}

TEST_CASE("an empty secret verifies nothing") {
  const auto split = *split_checksum(signed_query(HashAlgorithm::sha256, "end", "a=1", ""));
  CHECK(error_of(verify("end", split, "")) == ChecksumError::no_secret);
  CHECK(error_of(verify_form("end", signed_query(HashAlgorithm::sha1, "end", "", ""), "")) ==
        ChecksumError::no_secret);
}

TEST_CASE("only hex digits of a known length are a checksum") {
  for (const std::size_t length : {0, 1, 39, 41, 63, 65, 127, 129})
    CHECK_FALSE(algorithm_of(std::string(length, 'a')));
  CHECK_FALSE(algorithm_of(std::string(39, 'a') + "g"));
  CHECK_FALSE(algorithm_of(std::string(39, 'a') + " "));
  CHECK(error_of(verify("end", {"", ""}, "s")) == ChecksumError::malformed);
  CHECK(error_of(verify("end", {"", std::string(32, 'a')}, "s")) == ChecksumError::malformed);
}

TEST_CASE("form bodies verify as sent, in any order") {
  const std::string body = signed_query(HashAlgorithm::sha256, "create", "z=1&a=x%20y", "s");
  CHECK(verify_form("create", body, "s"));
  CHECK(error_of(verify_form("join", body, "s")) == ChecksumError::mismatch);
  CHECK(error_of(verify_form("create", "a=1", "s")) == ChecksumError::missing);
}

TEST_CASE("form bodies verify over BBB's rebuilt form") {
  const auto body_with = [](std::string_view signed_text) {
    return "z=1&checksum=" + sign(HashAlgorithm::sha1, "create", signed_text, "s") + "&a=x%20y~*";
  };
  CHECK(verify_form("create", body_with("a=x+y~%2A&z=1"), "s"));
  CHECK(verify_form("create", body_with("a=x+y%7E*&z=1"), "s"));  // java.net.URLEncoder's
  CHECK(error_of(verify_form("create", body_with("z=1&a=x+y~%2A"), "s")) ==
        ChecksumError::mismatch);
  CHECK(error_of(verify_form("create", body_with("a=x+y~%2A"), "s")) == ChecksumError::mismatch);
}

TEST_CASE("rebuilding leaves names as they are, as BBB does") {
  const std::string checksum = sign(HashAlgorithm::sha1, "create", "a:b=%3A&c=", "s");
  CHECK(verify_form("create", "c=&a%3Ab=:&checksum=" + checksum, "s"));
}
