#include "model/frontend.h"

#include <algorithm>

#include "model/settings_document.h"

namespace b3 {

namespace {

constexpr std::size_t max_key_length = 64;

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

std::expected<FrontendSettings, FieldErrors> parse_frontend_settings(std::string_view json) {
  SettingsDocument document{json};
  FrontendSettings settings;
  settings.required_tags = document.read_tags("required_tags");
  document.read_count("attendees_limit");
  document.check_text_map("create_default_params");
  document.check_text_map("create_override_params");
  if (auto presentation = document.read_object("default_presentation")) {
    presentation->read_text("url");
    presentation->check_boolean("force");
    document.take_errors_of(*presentation);
  }
  if (!document.errors().empty()) return std::unexpected(document.errors());
  return settings;
}

bool is_valid_frontend_key(std::string_view key) {
  return !key.empty() && key.size() <= max_key_length &&
         std::ranges::all_of(key, is_key_character) &&
         key.find_first_not_of('.') != std::string_view::npos;
}

}  // namespace b3
