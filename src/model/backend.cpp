#include "model/backend.h"

#include "model/enum_text.h"
#include "model/settings_document.h"

namespace b3 {

namespace {

constexpr EnumText<AdminState, 4> admin_states{{
    {AdminState::init, "init"},
    {AdminState::ready, "ready"},
    {AdminState::stopped, "stopped"},
    {AdminState::decommissioned, "decommissioned"},
}};
constexpr EnumText<NodeState, 5> node_states{{
    {NodeState::init, "init"},
    {NodeState::ready, "ready"},
    {NodeState::error, "error"},
    {NodeState::stopped, "stopped"},
    {NodeState::decommissioned, "decommissioned"},
}};
constexpr EnumText<Health, 3> healths{{
    {Health::usable, "usable"},
    {Health::avoided, "avoided"},
    {Health::given_up, "given_up"},
}};

}  // namespace

std::string_view to_string(AdminState state) {
  return text_of(admin_states, state);
}
std::string_view to_string(NodeState state) {
  return text_of(node_states, state);
}

std::string_view to_string(Health health) {
  return text_of(healths, health);
}

std::optional<AdminState> parse_admin_state(std::string_view text) {
  return value_of(admin_states, text);
}

std::optional<NodeState> parse_node_state(std::string_view text) {
  return value_of(node_states, text);
}

std::optional<Health> parse_health(std::string_view text) {
  return value_of(healths, text);
}

std::expected<BackendSettings, FieldErrors> parse_backend_settings(std::string_view json) {
  SettingsDocument document{json};
  BackendSettings settings;
  settings.tags = document.read_tags("tags");
  settings.max_meetings = document.read_count("max_meetings");
  settings.max_attendees = document.read_count("max_attendees");
  if (const auto name = document.read_text("checksum")) {
    if (const auto algorithm = parse_hash_algorithm(*name)) {
      settings.checksum = *algorithm;
    } else {
      document.reject("checksum", "must be one of sha1, sha256, sha384 and sha512");
    }
  }
  if (!document.errors().empty()) return std::unexpected(document.errors());
  return settings;
}

}  // namespace b3
