// Merging settings documents: JSON Merge Patch (RFC 7396). Pure.
#pragma once

#include <string>
#include <string_view>

namespace b3::store {

// The stored document with `patch` merged in. Throws std::invalid_argument when the patch is not
// a JSON object, which its maker must have checked. A stored document that is not a JSON object
// counts as {}: a patch is how it gets repaired.
std::string merge_settings(std::string_view stored, std::string_view patch);

}  // namespace b3::store
