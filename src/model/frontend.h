// A frontend: one tenant application with its own key and secret.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/backend.h"

namespace b3 {

struct FrontendSettings {
  std::vector<std::string> required_tags;  // a backend must carry all of them
};
// Validates the keys this system reads (required_tags now; default_presentation {url, force},
// create_default_params, create_override_params and attendees_limit are checked for shape and
// kept).
std::expected<FrontendSettings, FieldErrors> parse_frontend_settings(std::string_view json);

// Letters, digits, '-', '_' and '.', 1 to 64 of them; not only dots. The scope separator of
// meeting ids ('~') can so never be part of a key.
bool is_valid_frontend_key(std::string_view key);

struct Frontend {
  std::string id;  // UUID
  std::string key;
  std::string secret;  // never empty
  bool active = true;
  std::string settings_json = "{}";
  std::optional<std::string> account_ref;
  WallTime created_at{};
  WallTime updated_at{};
};

}  // namespace b3
