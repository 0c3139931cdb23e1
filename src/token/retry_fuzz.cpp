// Hostile retry tokens as they come, hostile payloads under a good signature, and sealed joins.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "token/retry.h"

using namespace b3;
using namespace b3::token;

namespace {

constexpr std::string_view key = "fuzzing key";
constexpr WallTime now{milliseconds{1'795'298'633'120}};
constexpr milliseconds lifetime{600'000};

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_opened(const std::expected<RetryJoin, RetryError>& join) {
  if (!join) return;
  expect(join->attempt >= 0 && !join->frontend_id.contains('\n'));
  expect(now - join->first_seen <= lifetime);
  const auto again = open(seal(*join, key), key, now, lifetime);
  expect(again && again->query == join->query && again->frontend_id == join->frontend_id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  check_opened(open(bytes, key, now, lifetime));
  expect(!open(bytes, "", now, lifetime));

  const std::string payload = base64url_encode(bytes);
  check_opened(open(payload + '.' + base64url_encode(hmac(HashAlgorithm::sha256, key, payload)),
                    key, now, lifetime));

  if (size > 40'000) return 0;
  const std::string sealed = seal({"frontend", std::string(bytes), now, 3}, key);
  const auto opened = open(sealed, key, now, lifetime);
  expect(opened && opened->query == bytes && opened->attempt == 3);
  expect(!open(sealed, "another key", now, lifetime));
  return 0;
}
