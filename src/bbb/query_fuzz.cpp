// Parsing and signing of hostile query strings: what parses re-encodes to itself, and no checksum
// gets past either function.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/encoding.h"
#include "bbb/checksum.h"
#include "bbb/query.h"

using namespace b3::bbb;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_parameters(std::string_view raw) {
  const auto parameters = parse_parameters(raw);
  if (!parameters) {
    expect(!to_message(parameters.error()).empty());
    return;
  }
  expect(parameters->find("checksum") == nullptr);
  const std::string encoded = parameters->encode();
  expect(parse_parameters(encoded) == parameters);
  expect(parse_parameters(encoded)->encode() == encoded);
  for (const Parameter& parameter : *parameters) {
    expect(b3::is_valid_utf8(parameter.name) && b3::is_valid_utf8(parameter.value));
    expect(parameters->get(parameter.name) == parameter.value);  // names are unique
  }
}

void check_checksum(std::string_view raw) {
  const auto split = split_checksum(raw);
  if (!split) {
    const auto signed_again =
        split_checksum(signed_query(b3::HashAlgorithm::sha256, "create", raw, "secret"));
    const bool was_missing = split.error() == ChecksumError::missing;
    expect(signed_again.has_value() == was_missing);
    if (was_missing) expect(signed_again->rest == raw && verify("create", *signed_again, "secret"));
    return;
  }
  const auto again = split_checksum(split->rest);
  expect(!again && again.error() == ChecksumError::missing);
  expect(!verify("create", *split, ""));
  (void)verify("create", *split, "secret");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw{reinterpret_cast<const char*>(data), size};
  check_parameters(raw);
  check_checksum(raw);
  return 0;
}
