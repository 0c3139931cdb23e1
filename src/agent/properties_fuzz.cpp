// Properties of a confused operator: always parse, and references always end.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/properties.h"

using namespace b3;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto properties = agent::parse_properties(text);
  for (const auto& [key, value] : properties) {
    if (key.size() + value.size() > 2 * size) std::abort();
    agent::resolve(properties, key);
  }
  const auto identity = agent::read_identity(text, "");
  if (identity && (identity->host.empty() || identity->secret.empty())) std::abort();
  return 0;
}
