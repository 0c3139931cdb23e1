#include "token/jwt.h"

#include <doctest/doctest.h>

#include <set>

#include "base/encoding.h"

using namespace b3;
using namespace b3::token;

namespace {

constexpr std::string_view secret = "a secret for tests";
constexpr WallTime now{milliseconds{1'795'298'633'120}};

std::string make(std::string_view header, std::string_view payload,
                 HashAlgorithm algorithm = HashAlgorithm::sha384) {
  const std::string text = base64url_encode(header) + '.' + base64url_encode(payload);
  return text + '.' + base64url_encode(hmac(algorithm, secret, text));
}
std::string with_payload(std::string_view payload) {
  return make(R"({"alg":"HS384","typ":"JWT"})", payload);
}

JwtError error_of(std::string_view token) {
  const auto claims = verify(token, secret, now);
  REQUIRE_FALSE(claims);
  return claims.error();
}

}  // namespace

TEST_CASE("what is issued verifies with all its claims") {
  Claims claims;
  claims.subject = "op \"1\" \xC3\xBC";
  claims.scopes = {std::string(scope_user), std::string(scope_admin)};
  claims.id = "t-1";
  claims.issued_at = now - milliseconds{1};
  claims.not_before = now;
  claims.expires_at = now + milliseconds{1};
  const std::string token = issue(claims, secret);
  const auto read = verify(token, secret, now);
  REQUIRE(read);
  CHECK(read->subject == claims.subject);
  CHECK(read->scopes == claims.scopes);
  CHECK(read->id == claims.id);
  CHECK(read->issued_at == claims.issued_at);
  CHECK(read->not_before == claims.not_before);
  CHECK(read->expires_at == claims.expires_at);
  CHECK(read->has_scope("b3scale:admin"));
  CHECK_FALSE(read->has_scope("b3scale:node"));
  CHECK_FALSE(read->has_scope("b3scale:adm"));
  CHECK(token.starts_with("eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9."));
}

TEST_CASE("a token made elsewhere verifies") {
  // Header, payload and HMAC computed with Python's hmac module.
  const auto claims = verify(
      "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9."
      "eyJzdWIiOiJhZG1pbiIsInNjb3BlIjoiYjNzY2FsZSBiM3NjYWxlOmFkbWluIiwiaWF0IjoxNzAwMDAwMDAwfQ."
      "rHkuSVO7K-hBJE6X0vznb24suylRf2ysrqVr1zsMgk86btGBkRJQR15xY5wjJIX1",
      secret, now);
  REQUIRE(claims);
  CHECK(claims->subject == "admin");
  CHECK(claims->scopes == std::vector<std::string>{"b3scale", "b3scale:admin"});
  CHECK(claims->issued_at == from_unix_milliseconds(1'700'000'000'000));
  CHECK_FALSE(claims->expires_at);
}

TEST_CASE("nothing is signed or accepted with an empty secret") {
  CHECK_THROWS_AS(issue({}, ""), std::invalid_argument);
  const std::string text = base64url_encode(R"({"alg":"HS384"})") + '.' + base64url_encode("{}");
  const auto claims =
      verify(text + '.' + base64url_encode(hmac(HashAlgorithm::sha384, "", text)), "", now);
  REQUIRE_FALSE(claims);
  CHECK(claims.error() == JwtError::no_secret);
}

TEST_CASE("only HS384 is an algorithm") {
  for (const auto algorithm :
       {"none", "None", "HS256", "HS512", "hs384", "RS256", "ES384", "HS384 ", ""})
    CHECK(error_of(make("{\"alg\":\"" + std::string(algorithm) + "\"}", "{}")) ==
          JwtError::wrong_algorithm);
  CHECK(error_of(base64url_encode(R"({"alg":"none"})") + '.' + base64url_encode("{}") + '.') ==
        JwtError::wrong_algorithm);
  CHECK(error_of(make(R"({"alg":"HS384"})", "{}", HashAlgorithm::sha256)) ==
        JwtError::bad_signature);
}

TEST_CASE("odd headers are malformed") {
  for (const auto header :
       {"{}", "[]", "", "{\"alg\":384}", "{\"alg\":null}", "{\"ALG\":\"HS384\"}",
        R"({"alg":"HS384","crit":["exp"]})", R"({"alg":"HS384","typ":1})"})
    CHECK(error_of(make(header, "{}")) == JwtError::malformed);
  CHECK(verify(make(R"({"alg":"HS384","kid":"1"})", "{}"), secret, now));
}

TEST_CASE("every changed part breaks the signature") {
  const std::string token = with_payload(R"({"sub":"a"})");
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  const std::string other = with_payload(R"({"sub":"b"})");
  CHECK(error_of(token.substr(0, first) + other.substr(first, second - first) +
                 token.substr(second)) == JwtError::bad_signature);
  CHECK(error_of(token.substr(0, second + 1)) == JwtError::bad_signature);
  CHECK(error_of(token.substr(0, token.size() - 4)) == JwtError::bad_signature);
  std::string changed = token;
  changed[second + 1] = changed[second + 1] == 'A' ? 'B' : 'A';
  CHECK(error_of(changed) == JwtError::bad_signature);
  const auto claims = verify(token, "another secret", now);
  REQUIRE_FALSE(claims);
  CHECK(claims.error() == JwtError::bad_signature);
}

TEST_CASE("what is not three canonical parts is malformed") {
  const std::string token = with_payload("{}");
  for (const std::string& text : {std::string(), std::string("a"), std::string(".."),
                                  std::string("a.b"), token + ".x", token + "=", token + "\n",
                                  " " + token, "Bearer " + token, token.substr(0, token.find('.'))})
    CHECK(error_of(text) == JwtError::malformed);
}

TEST_CASE("size and nesting are bounded") {
  CHECK(verify(with_payload("{\"sub\":\"" + std::string(5'000, 'x') + "\"}"), secret, now));
  CHECK(error_of(with_payload("{\"sub\":\"" + std::string(9'000, 'x') + "\"}")) ==
        JwtError::malformed);
  CHECK(error_of(with_payload("{\"x\":" + std::string(1'000, '[') + std::string(1'000, ']') +
                              "}")) == JwtError::malformed);
}

TEST_CASE("times are compared without leeway") {
  CHECK(error_of(with_payload(R"({"exp":1795298633.12})")) == JwtError::expired);
  CHECK(verify(with_payload(R"({"exp":1795298633.121})"), secret, now));
  CHECK(error_of(with_payload(R"({"exp":0})")) == JwtError::expired);
  CHECK(error_of(with_payload(R"({"exp":-5})")) == JwtError::expired);
  CHECK(error_of(with_payload(R"({"nbf":1795298633.121})")) == JwtError::not_yet_valid);
  CHECK(verify(with_payload(R"({"nbf":1795298633.12})"), secret, now));
  CHECK(verify(with_payload(R"({"exp":1.8e9,"iat":9999999999})"), secret, now));
}

TEST_CASE("claims of the wrong kind are malformed") {
  for (const auto payload :
       {"[]", "1", "", "{", R"({"sub":1})", R"({"jti":[]})", R"({"scope":1})",
        R"({"scope":["a",1]})", R"({"scope":null})", R"({"exp":"1795298633"})", R"({"exp":null})",
        R"({"nbf":true})", R"({"iat":{}})", R"({"exp":1e300})", R"({"exp":1795298633120})",
        R"({"nbf":-1e18})", "{\"sub\":\"\xFF\"}"}) {
    CAPTURE(payload);
    CHECK(error_of(with_payload(payload)) == JwtError::malformed);
  }
}

TEST_CASE("scopes come as words or as a list") {
  CHECK(verify(with_payload(R"({"scope":" a  b "})"), secret, now)->scopes ==
        std::vector<std::string>{"a", "b"});
  CHECK(verify(with_payload(R"({"scope":["a","b c"]})"), secret, now)->scopes ==
        std::vector<std::string>{"a", "b", "c"});
  CHECK(verify(with_payload(R"({"scope":""})"), secret, now)->scopes.empty());
  CHECK(verify(with_payload("{}"), secret, now)->scopes.empty());
}

TEST_CASE("every error has its own sentence") {
  std::set<std::string_view> messages;
  for (const auto error : {JwtError::malformed, JwtError::wrong_algorithm, JwtError::bad_signature,
                           JwtError::expired, JwtError::not_yet_valid, JwtError::no_secret})
    messages.insert(to_message(error));
  CHECK(messages.size() == 6);
}
