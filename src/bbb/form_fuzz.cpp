// Form bodies and the text encodings below them: what is signed as BBB would sign it verifies,
// and every encoding is undone by its decoding.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/encoding.h"
#include "bbb/checksum.h"
#include "bbb/query.h"

using namespace b3;
using namespace b3::bbb;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_form(std::string_view body) {
  (void)verify_form("create", body, "secret");
  expect(!verify_form("create", body, ""));
  const auto parameters = parse_parameters(body);
  if (!parameters || parameters->empty()) return;
  // A body signed over its own bytes must pass unless it brings a checksum along.
  const std::string encoded = parameters->encode();
  expect(bool(
      verify_form("create", signed_query(HashAlgorithm::sha384, "create", encoded, "s"), "s")));
  expect(!verify_form("create", signed_query(HashAlgorithm::sha384, "create", encoded, "s"), "t"));
}

void check_encodings(std::string_view bytes) {
  expect(form_decode(form_encode(bytes)) == bytes);
  expect(base64url_decode(base64url_encode(bytes)) == bytes);
  if (const auto decoded = base64url_decode(bytes)) expect(base64url_encode(*decoded) == bytes);
  if (const auto decoded = form_decode(bytes))
    expect(form_decode(form_encode(*decoded)) == decoded);
  expect(html_escape(bytes).find_first_of("<>\"'") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  check_form(bytes);
  check_encodings(bytes);
  return 0;
}
