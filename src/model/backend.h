// A backend: one BBB node as the cluster knows it.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/time.h"

namespace b3 {

// What the operator wants of a backend.
enum class AdminState { init, ready, stopped, decommissioned };
// What was last seen of it.
enum class NodeState { init, ready, error, stopped, decommissioned };

// How far a node is trusted with meetings; see docs/decisions/0006-clustered.md.
enum class Health {
  usable,
  avoided,   // no new meetings; those it has stay
  given_up,  // its meetings are detached, their ids may go elsewhere
};

std::string_view to_string(AdminState state);
std::string_view to_string(NodeState state);
std::string_view to_string(Health health);
std::optional<AdminState> parse_admin_state(std::string_view text);
std::optional<NodeState> parse_node_state(std::string_view text);
std::optional<Health> parse_health(std::string_view text);

// Field path -> what is wrong with it, in words for people.
using FieldErrors = std::map<std::string, std::string>;

// The settings document of a backend, as far as this system reads it. Keys it does not know are
// kept in Backend::settings_json.
struct BackendSettings {
  std::vector<std::string> tags;
  std::optional<std::int64_t> max_meetings;        // placement stops at this many meetings
  std::optional<std::int64_t> max_attendees;       // ... or at this much expected load (attendees)
  HashAlgorithm checksum = HashAlgorithm::sha256;  // towards this node
};
std::expected<BackendSettings, FieldErrors> parse_backend_settings(std::string_view json);

struct Backend {
  std::string id;      // UUID
  std::string host;    // API base URL, ends with '/': https://node.example.org/bigbluebutton/api/
  std::string secret;  // never logged, never sent to a tenant
  std::string settings_json = "{}";
  double load_factor = 1.0;  // > 0; a penalty: 2.0 counts every attendee twice
  AdminState admin_state = AdminState::init;
  std::optional<Health> forced_health;  // the operator's word; goes before `health`

  // Observed; written by refresh and agents only, never by an administrative change.
  NodeState node_state = NodeState::init;
  std::string last_error;          // empty when the last contact succeeded
  Health health = Health::usable;  // what the evidence says
  std::string health_reason;       // for people; empty while usable
  std::int64_t latency_microseconds = 0;
  std::int64_t meetings_count = 0;
  std::int64_t attendees_count = 0;
  std::optional<WallTime> agent_heartbeat;  // absent for a node without an agent
  std::optional<WallTime> synced_at;        // last successful refresh
  std::optional<std::string> agent_ref;     // subject of the node token that owns it
  std::string agent_report;  // JSON object, the last host figures of its agent; "" without

  WallTime created_at{};
  WallTime updated_at{};

  Health effective_health() const { return forced_health.value_or(health); }
};

}  // namespace b3
