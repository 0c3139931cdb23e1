#include "base/encoding.h"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <span>

#include "base/utf8.h"

using namespace b3;
using namespace std::string_view_literals;

TEST_CASE("hash algorithms are named as in settings") {
  for (const auto name : {"sha1", "sha256", "sha384", "sha512"}) {
    const auto algorithm = parse_hash_algorithm(name);
    REQUIRE(algorithm);
    CHECK(to_string(*algorithm) == name);
  }
  for (const auto name : {"", "SHA1", "sha-1", "md5", "sha2560"})
    CHECK_FALSE(parse_hash_algorithm(name));
}

TEST_CASE("digests match FIPS 180-4 examples") {
  CHECK(digest_hex(HashAlgorithm::sha1, "abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(digest_hex(HashAlgorithm::sha1, {}) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(digest_hex(HashAlgorithm::sha256, "abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest_hex(HashAlgorithm::sha384, "abc") ==
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
        "8086072ba1e7cc2358baeca134c825a7");
  CHECK(digest_hex(HashAlgorithm::sha512, "abc") ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST_CASE("a digest of pieces is that of the whole") {
  const Digest whole = digest(HashAlgorithm::sha384, {"abc"});
  CHECK(whole.bytes().size() == 48);
  CHECK(digest(HashAlgorithm::sha384, {"a", "", "bc", {}}).bytes() == whole.bytes());
  CHECK(to_hex(whole.bytes()) == digest_hex(HashAlgorithm::sha384, "abc"));
  CHECK(digest(HashAlgorithm::sha1, {}).bytes() == digest(HashAlgorithm::sha1, {""}).bytes());
}

TEST_CASE("hexadecimal digits are appended in lower case and read in either") {
  for (std::size_t size = 0; size < 40; ++size) {
    std::string text = std::string(size, 'x');
    append_hex(text, std::string(size, '\xA0'));
    std::string expected = std::string(size, 'x');
    for (std::size_t i = 0; i < size; ++i) expected += "a0";
    CHECK(text == expected);
  }
  std::array<char, 2> bytes{};
  CHECK(decode_hex("0aF9", bytes));
  CHECK(std::string_view(bytes.data(), 2) == "\x0A\xF9");
  for (const char* wrong :
       {"", "0aF", "0aF90", "0aF9aa", "0aFg", "g000", "0x00", " 000", "\xFFg00"}) {
    CAPTURE(wrong);
    CHECK_FALSE(decode_hex(wrong, bytes));
  }
  CHECK(decode_hex("", std::span<char>{}));
}

TEST_CASE("HMAC matches RFC 4231 test case 2") {
  const auto key = "Jefe"sv;
  const auto data = "what do ya want for nothing?"sv;
  CHECK(to_hex(hmac(HashAlgorithm::sha256, key, data)) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(to_hex(hmac(HashAlgorithm::sha384, key, data)) ==
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
        "8e2240ca5e69e2c78b3239ecfab21649");
  CHECK(to_hex(hmac(HashAlgorithm::sha256, {}, {})) ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("base64url matches RFC 4648 section 10 without padding") {
  const std::pair<std::string_view, std::string_view> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF", "-_8"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64url_encode(bytes) == text);
    CHECK(base64url_decode(text) == std::string(bytes));
  }
}

TEST_CASE("base64url refuses everything that is not its one spelling") {
  for (const auto text : {"Zg=="sv, "Zh"sv, "Zm9"sv, "Z"sv, "Zm9vY"sv, "Zm9 v"sv, "Zm9v\n"sv,
                          "+_8"sv, "-/8"sv, "Zm9v\0"sv, "Zm\xC3\xA9"sv}) {
    CAPTURE(text);
    CHECK_FALSE(base64url_decode(text));
  }
}

TEST_CASE("form encoding leaves RFC 3986 unreserved characters alone") {
  CHECK(form_encode("AZaz09-._~") == "AZaz09-._~");
  CHECK(form_encode("a b&c=d+e/\xC3\xBC*!'()") == "a+b%26c%3Dd%2Be%2F%C3%BC%2A%21%27%28%29");
  CHECK(form_encode("\0\n"sv) == "%00%0A");
}

TEST_CASE("form decoding is strict about escapes only") {
  CHECK(form_decode("a+b%20c%2b%2B") == "a b c++");
  CHECK(form_decode("%C3%BC") == "\xC3\xBC");
  CHECK(form_decode("") == "");
  CHECK(form_decode("a=b;c") == "a=b;c");
  for (const auto text : {"%", "%4", "%zz", "a%2", "%%41", "%4g", "%-1", "% 1", "%+1"}) {
    CAPTURE(text);
    CHECK_FALSE(form_decode(text));
  }
}

TEST_CASE("every byte survives encoding and decoding") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  CHECK(form_decode(form_encode(all)) == all);
  CHECK(base64url_decode(base64url_encode(all)) == all);
}

TEST_CASE("UTF-8 is checked as RFC 3629 says") {
  for (const auto good : {""sv, "plain"sv, "\xC3\xBC"sv, "\xE2\x82\xAC"sv, "\xF0\x9F\x98\x80"sv,
                          "\xF4\x8F\xBF\xBF"sv, "\xED\x9F\xBF"sv, "\0"sv})
    CHECK(is_valid_utf8(good));
  for (const auto bad : {"\x80"sv, "\xC3"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x80\x80"sv,
                         "\xED\xA0\x80"sv, "\xF0\x80\x80\x80"sv, "\xF4\x90\x80\x80"sv, "\xFF"sv,
                         "\xE2\x82"sv, "a\xE2\x82z"sv, "\xF8\x88\x80\x80\x80"sv}) {
    CAPTURE(to_hex(bad));
    CHECK_FALSE(is_valid_utf8(bad));
  }
}

TEST_CASE("text that XML cannot hold is replaced character by character") {
  CHECK(to_xml_text("a\x01"
                    "b\xFF"
                    "c\td") ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD"
        "c\td");
  CHECK(to_xml_text("\xEF\xBF\xBE") == "\xEF\xBF\xBD");
  CHECK(to_xml_text("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("comparison in constant time still compares") {
  CHECK(equal_constant_time("", ""));
  CHECK(equal_constant_time("abc", "abc"));
  CHECK_FALSE(equal_constant_time("abc", "abd"));
  CHECK_FALSE(equal_constant_time("abc", "ab"));
  CHECK_FALSE(equal_constant_time("a\0b"sv, "a\0c"sv));
}

TEST_CASE("random values have their form and do not repeat") {
  CHECK(random_hex(16).size() == 32);
  CHECK(random_hex(0).empty());
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string uuid = random_uuid();
    CHECK(is_uuid(uuid));
    CHECK(uuid[14] == '4');
    CHECK("89ab"sv.contains(uuid[19]));
    seen.insert(uuid);
  }
  CHECK(seen.size() == 200);
}

TEST_CASE("random values of every size are of that size, and none repeats") {
  std::set<std::string> seen;
  for (int round = 0; round < 200; ++round) {
    for (const std::size_t size : {8u, 16u, 33u, 256u, 257u, 5'000u}) {
      const auto value = random_hex(size);
      CHECK(value.size() == 2 * size);
      CHECK(seen.insert(value.substr(0, 16)).second);
      CHECK(value.find("00000000000000000000") == std::string::npos);
    }
  }
}

TEST_CASE("UUIDs are recognised by their form") {
  CHECK(is_uuid("123e4567-e89b-12d3-a456-426614174000"));
  CHECK(is_uuid("123E4567-E89B-12D3-A456-426614174000"));
  for (const auto text :
       {"", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400",
        "123e4567-e89b-12d3-a456-42661417400g", "123e4567-e89b-12d3-a456_426614174000",
        "{23e4567-e89b-12d3-a456-426614174000}"})
    CHECK_FALSE(is_uuid(text));
}

TEST_CASE("HTML is escaped for text and for quoted attributes") {
  CHECK(html_escape("<a href=\"x\">'&'</a>") ==
        "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  CHECK(html_escape("&amp;") == "&amp;amp;");
}
