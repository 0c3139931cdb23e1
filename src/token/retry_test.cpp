#include "token/retry.h"

#include <doctest/doctest.h>

#include <vector>

#include "base/encoding.h"

using namespace b3;
using namespace b3::token;

namespace {

const std::string key = retry_key("the daemon's secret");
constexpr WallTime now{milliseconds{1'795'298'633'120}};
constexpr milliseconds lifetime{600'000};

RetryJoin join_seen(WallTime first_seen) {
  return {"0b1c-frontend", "fullName=Eve+M&meetingID=math&password=x", first_seen, 4};
}

std::string sealed_payload(std::string_view payload) {
  const std::string text = base64url_encode(payload);
  return text + '.' + base64url_encode(hmac(HashAlgorithm::sha256, key, text));
}

RetryError error_of(std::string_view token, std::string_view with_key = key) {
  const auto join = open(token, with_key, now, lifetime);
  REQUIRE_FALSE(join);
  return join.error();
}

}  // namespace

TEST_CASE("a sealed join opens unchanged") {
  const auto join = open(seal(join_seen(now), key), key, now, lifetime);
  REQUIRE(join);
  CHECK(join->frontend_id == "0b1c-frontend");
  CHECK(join->query == "fullName=Eve+M&meetingID=math&password=x");
  CHECK(join->first_seen == now);
  CHECK(join->attempt == 4);
}

TEST_CASE("a query may hold anything, a frontend id no line break") {
  RetryJoin join = join_seen(now);
  for (const std::string& query :
       {std::string(), std::string("\n\n1\n"), std::string("\0\xFF", 2)}) {
    join.query = query;
    CHECK(open(seal(join, key), key, now, lifetime)->query == query);
  }
  join.frontend_id = "a\n99";
  CHECK_THROWS_AS(seal(join, key), std::invalid_argument);
}

TEST_CASE("tokens are safe in a URL and do not depend on chance") {
  const std::string token = seal(join_seen(now), key);
  CHECK(form_encode(token) == token);
  CHECK(seal(join_seen(now), key) == token);
}

TEST_CASE("age decides, to the millisecond") {
  CHECK(open(seal(join_seen(now - lifetime), key), key, now, lifetime));
  CHECK(error_of(seal(join_seen(now - lifetime - milliseconds{1}), key)) == RetryError::expired);
  CHECK(open(seal(join_seen(now + milliseconds{60'000}), key), key, now, lifetime));
  CHECK(error_of(seal(join_seen(now + milliseconds{60'001}), key)) == RetryError::expired);
}

TEST_CASE("no changed byte passes") {
  const std::string token = seal(join_seen(now), key);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK_FALSE(open(changed, key, now, lifetime));
  }
  CHECK_FALSE(open(token.substr(0, token.size() - 1), key, now, lifetime));
  CHECK(error_of(token, retry_key("another secret")) == RetryError::bad_signature);
}

TEST_CASE("keys differ from the secret and by secret, and are needed") {
  CHECK(key.size() == 32);
  CHECK(key != retry_key("the daemon's secret "));
  CHECK(to_hex(key) ==
        to_hex(hmac(HashAlgorithm::sha256, "the daemon's secret", "b3scale retry v1")));
  CHECK_THROWS_AS(seal(join_seen(now), ""), std::invalid_argument);
  CHECK(error_of(sealed_payload("1\nf\n0\n0\n"), "") == RetryError::bad_signature);
}

TEST_CASE("what is not a token is malformed") {
  for (const std::string& token : {std::string(), std::string("a"), std::string("a.b=c"),
                                   std::string("AAAA.+"), std::string(100'000, 'A') + ".AAAA"})
    CHECK(error_of(token) == RetryError::malformed);
  CHECK(error_of(".") == RetryError::bad_signature);
  CHECK(error_of(seal(join_seen(now), key) + ".AAAA") == RetryError::malformed);
}

TEST_CASE("a signed payload of another form is malformed") {
  const std::string time = std::to_string(to_unix_milliseconds(now));
  CHECK(open(sealed_payload("1\nf\n" + time + "\n0\nq"), key, now, lifetime)->query == "q");
  for (const std::string& payload : std::vector<std::string>{
           "", "2\nf\n" + time + "\n0\nq", "1\nf\n" + time + "\n0", "1\nf\n\n0\nq",
           "1\nf\n-1\n0\nq", "1\nf\n" + time + "\n-1\nq", "1\nf\n" + time + "\n99999999999\nq",
           "1\nf\n9223372036854775807\n0\nq", "1\nf\n" + time + "x\n0\nq", "1\nf\n +1\n0\nq"}) {
    CAPTURE(payload);
    CHECK(error_of(sealed_payload(payload)) == RetryError::malformed);
  }
}
