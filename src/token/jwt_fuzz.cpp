// Hostile tokens as they come, and hostile payloads under a good signature.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "token/jwt.h"

using namespace b3;
using namespace b3::token;

namespace {

constexpr std::string_view secret = "fuzzing secret";
constexpr WallTime now{milliseconds{1'795'298'633'120}};

void expect(bool holds) {
  if (!holds) std::abort();
}

std::string sign(std::string_view header, std::string_view payload) {
  const std::string text = base64url_encode(header) + '.' + base64url_encode(payload);
  return text + '.' + base64url_encode(hmac(HashAlgorithm::sha384, secret, text));
}

void check_claims(const Claims& claims) {
  expect(!claims.expires_at || *claims.expires_at > now);
  expect(!claims.not_before || *claims.not_before <= now);
  const auto again = verify(issue(claims, secret), secret, now);
  // The token made here may be longer than the one read, because of escapes.
  expect(again ? again->scopes == claims.scopes && again->subject == claims.subject
               : again.error() == JwtError::malformed && issue(claims, secret).size() > 8'192);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (const auto claims = verify(bytes, secret, now)) check_claims(*claims);
  expect(!verify(bytes, "", now));

  if (const auto claims = verify(sign(R"({"alg":"HS384"})", bytes), secret, now))
    check_claims(*claims);
  if (verify(sign(bytes, "{}"), secret, now)) expect(bytes.contains("alg") || bytes.contains('\\'));
  return 0;
}
