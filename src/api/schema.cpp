#include "api/schema.h"

#include <array>
#include <initializer_list>
#include <stdexcept>

namespace b3::api {
namespace {

// What a POST asks for of the fields that a PATCH may leave out.
template <std::size_t count>
constexpr std::array<Field, count> requiring(std::array<Field, count> fields,
                                             std::initializer_list<std::string_view> names,
                                             std::string_view bbb = "") {
  for (Field& field : fields) {
    for (const auto name : names) field.required = field.required || field.name == name;
    if (field.name == "bbb") field.type = bbb;
  }
  return fields;
}

constexpr std::array problem_fields{
    Field{"error", "text", "A stable code.", "", true},
    Field{"message", "text", "A sentence for people.", "", true},
    Field{"fields", "object", "What is wrong with which field."},
    Field{"request_id", "text", "As in the log and in X-Request-ID.", "", true},
};
constexpr std::array database_fields{
    Field{"schema_version", "integer?", "", "", true},
    Field{"ok", "boolean", "", "", true},
};
constexpr std::array status_fields{
    Field{"version", "text", "", "", true},
    Field{"build", "text", "", "", true},
    Field{"api", "text", "", "", true},
    Field{"instance_id", "text", "This instance; a new one with every start.", "", true},
    Field{"instances", "[text]", "All instances that are there.", "", true},
    Field{"account_ref", "text", "The subject of the token.", "", true},
    Field{"is_admin", "boolean", "", "", true},
    Field{"database", "Database", "", "", true},
    Field{"frontends", "integer", "", "", true},
    Field{"backends", "integer", "", "", true},
    Field{"meetings", "integer", "", "", true},
};
constexpr std::array migration_fields{
    Field{"before", "integer", "", "", true},
    Field{"current", "integer", "", "", true},
};
constexpr std::array frontend_bbb_fields{
    Field{"key", "text", "1 to 64 letters, digits, '-', '_' and '.'.", "", true},
    Field{"secret", "text", "", "", true},
};
constexpr std::array frontend_fields{
    Field{"id", "text", "", "", true},           Field{"active", "boolean", "", "", true},
    Field{"bbb", "FrontendBbb", "", "", true},   Field{"settings", "object", "", "", true},
    Field{"account_ref", "text?", "", "", true}, Field{"created_at", "time", "", "", true},
    Field{"updated_at", "time", "", "", true},
};
constexpr std::array frontend_input_bbb_fields{
    Field{"key", "text"},
    Field{"secret", "text", "Random when it is not given."},
};
constexpr std::array frontend_input_fields{
    Field{"id", "text", "Overlooked."},
    Field{"active", "boolean"},
    Field{"bbb", "FrontendInputBbb"},
    Field{"settings", "object", "Merged key by key; null removes."},
    Field{"account_ref", "text?"},
    Field{"created_at", "time", "Overlooked."},
    Field{"updated_at", "time", "Overlooked."},
};
constexpr auto new_frontend_bbb_fields = requiring(frontend_input_bbb_fields, {"key"});
constexpr auto new_frontend_fields = requiring(frontend_input_fields, {"bbb"}, "NewFrontendBbb");
constexpr std::array backend_bbb_fields{
    Field{"host", "text", "", "", true},
    Field{"secret", "text", "", "", true},
};
constexpr std::array health_fields{
    Field{"state", "text", "", "usable|avoided|given_up", true},
    Field{"reason", "text?", "", "", true},
    Field{"forced", "text?", "", "usable|avoided|given_up", true},
};
constexpr std::array backend_fields{
    Field{"id", "text", "", "", true},
    Field{"node_state", "text", "", "", true},
    Field{"admin_state", "text", "", "init|ready|stopped|decommissioned", true},
    Field{"health", "Health", "", "", true},
    Field{"agent_heartbeat", "time?", "", "", true},
    Field{"agent_ref", "text?", "Subject of the node token that owns it.", "", true},
    Field{"report", "Report?", "Host figures its agent told last.", "", true},
    Field{"last_error", "text?", "", "", true},
    Field{"latency", "integer", "Nanoseconds.", "", true},
    Field{"latency_ms", "number", "", "", true},
    Field{"meetings_count", "integer", "", "", true},
    Field{"attendees_count", "integer", "", "", true},
    Field{"load_factor", "number", "", "", true},
    Field{"bbb", "BackendBbb", "", "", true},
    Field{"settings", "object", "", "", true},
    Field{"created_at", "time", "", "", true},
    Field{"updated_at", "time", "", "", true},
    Field{"synced_at", "time?", "", "", true},
    Field{"eligible", "boolean", "Could a new meeting go there now?", "", true},
    Field{"ineligible_reason", "text?", "", "", true},
    Field{"ineligible_detail", "text?", "", "", true},
    Field{"expected_load", "number", "", "", true},
};
constexpr std::array backend_input_bbb_fields{
    Field{"host", "text"},
    Field{"secret", "text"},
};
constexpr std::array backend_input_fields{
    Field{"id", "text", "Overlooked."},
    Field{"node_state", "text", "Overlooked."},
    Field{"admin_state", "text", "", "init|ready|stopped|decommissioned"},
    Field{"health", "object", "Overlooked."},
    Field{"agent_heartbeat", "time?", "Overlooked."},
    Field{"agent_ref", "text?", "For administrators."},
    Field{"report", "object?", "Overlooked."},
    Field{"last_error", "text?", "Overlooked."},
    Field{"latency", "integer", "Overlooked."},
    Field{"latency_ms", "number", "Overlooked."},
    Field{"meetings_count", "integer", "Overlooked."},
    Field{"attendees_count", "integer", "Overlooked."},
    Field{"load_factor", "number?", "Greater than 0, at most 1000; null is 1."},
    Field{"bbb", "BackendInputBbb"},
    Field{"settings", "object", "Merged key by key; null removes."},
    Field{"created_at", "time", "Overlooked."},
    Field{"updated_at", "time", "Overlooked."},
    Field{"synced_at", "time?", "Overlooked."},
    Field{"eligible", "boolean", "Overlooked."},
    Field{"ineligible_reason", "text?", "Overlooked."},
    Field{"ineligible_detail", "text?", "Overlooked."},
    Field{"expected_load", "number", "Overlooked."},
    Field{"forced_health", "text?", "In PATCH only; null: by evidence again.",
          "usable|avoided|given_up"},
};
constexpr auto new_backend_bbb_fields = requiring(backend_input_bbb_fields, {"host", "secret"});
constexpr auto new_backend_fields = requiring(backend_input_fields, {"bbb"}, "NewBackendBbb");
constexpr std::array counts_fields{
    Field{"participants", "integer", "", "", true}, Field{"moderators", "integer", "", "", true},
    Field{"listeners", "integer", "", "", true},    Field{"voices", "integer", "", "", true},
    Field{"videos", "integer", "", "", true},
};
constexpr std::array meeting_fields{
    Field{"id", "text", "The id it has on its node.", "", true},
    Field{"meeting_id", "text", "The tenant's own.", "", true},
    Field{"internal_id", "text?", "", "", true},
    Field{"frontend_id", "text", "", "", true},
    Field{"frontend_key", "text?", "", "", true},
    Field{"backend_id", "text?", "For administrators.", "", true},
    Field{"backend_host", "text?", "For administrators.", "", true},
    Field{"state", "text", "", "reserved|bound", true},
    Field{"epoch", "integer", "", "", true},
    Field{"name", "text", "", "", true},
    Field{"running", "boolean", "", "", true},
    Field{"counts", "Counts", "", "", true},
    Field{"expected_size", "integer", "", "", true},
    Field{"reserved_at", "time", "", "", true},
    Field{"bound_at", "time?", "", "", true},
    Field{"seen_at", "time?", "", "", true},
    Field{"placement", "object?", "Of one meeting, for administrators."},
};
constexpr std::array command_input_fields{
    Field{"action", "text", "", "end_all_meetings|drain|refresh", true},
    Field{"backend_id", "text", "This or backend is required."},
    Field{"backend", "text", "Its id or host, in place of backend_id."},
    Field{"parameters", "object"},
};
constexpr std::array command_fields{
    Field{"id", "text", "", "", true},
    Field{"action", "text", "", "", true},
    Field{"backend_id", "text", "", "", true},
    Field{"backend_host", "text?", "", "", true},
    Field{"state", "text", "", "requested|running|success|error", true},
    Field{"parameters", "object", "", "", true},
    Field{"progress", "object", "", "", true},
    Field{"result", "object", "", "", true},
    Field{"requested_by", "text", "", "", true},
    Field{"instance_id", "text?", "Who runs it.", "", true},
    Field{"created_at", "time", "", "", true},
    Field{"started_at", "time?", "", "", true},
    Field{"finished_at", "time?", "", "", true},
};
constexpr std::array audit_record_fields{
    Field{"number", "integer", "", "", true},   Field{"at", "time", "", "", true},
    Field{"subject", "text", "", "", true},     Field{"token_id", "text?", "", "", true},
    Field{"request_id", "text", "", "", true},  Field{"action", "text", "", "", true},
    Field{"kind", "text", "", "", true},        Field{"object_id", "text", "", "", true},
    Field{"object_name", "text", "", "", true}, Field{"before", "object?", "", "", true},
    Field{"after", "object?", "", "", true},
};
constexpr std::array revoked_token_fields{
    Field{"id", "text", "The token's jti.", "", true},
    Field{"expires_at", "time?", "", "", true},
    Field{"revoked_at", "time", "", "", true},
    Field{"revoked_by", "text", "", "", true},
};
constexpr std::array report_fields{
    Field{"cpu_percent", "number"},
    Field{"load1", "number"},
    Field{"load5", "number"},
    Field{"load15", "number"},
    Field{"memory_total_bytes", "number"},
    Field{"memory_used_bytes", "number"},
    Field{"disk_total_bytes", "number"},
    Field{"disk_used_bytes", "number"},
    Field{"network_receive_bytes_per_second", "number"},
    Field{"network_send_bytes_per_second", "number"},
    Field{"version", "text"},
};
constexpr std::array heartbeat_input_fields{
    Field{"report", "Report"},
};
constexpr std::array heartbeat_fields{
    Field{"backend_id", "text", "", "", true},
    Field{"heartbeat", "time", "", "", true},
    Field{"interval_ms", "integer", "", "", true},
};
constexpr std::array rpc_input_fields{
    Field{"action", "text", "", "", true},
    Field{"payload", "any", "An object, or a text that holds one, plain or base64.", "", true},
};
constexpr std::array rpc_answer_fields{
    Field{"status", "text", "", "ok", true},
    Field{"result", "any", "", "", true},
};
constexpr std::array recording_input_fields{
    Field{"visibility", "text", "", "unpublished|published|protected|public|public_protected",
          true},
};

constexpr std::array all_schemas{
    Schema{"Problem", problem_fields, false},
    Schema{"Database", database_fields, false},
    Schema{"Status", status_fields, false},
    Schema{"Migration", migration_fields, false},
    Schema{"FrontendBbb", frontend_bbb_fields, false},
    Schema{"Frontend", frontend_fields, false},
    Schema{"FrontendInputBbb", frontend_input_bbb_fields, false},
    Schema{"FrontendInput", frontend_input_fields, false},
    Schema{"NewFrontendBbb", new_frontend_bbb_fields, false},
    Schema{"NewFrontend", new_frontend_fields, false},
    Schema{"BackendBbb", backend_bbb_fields, false},
    Schema{"Health", health_fields, false},
    Schema{"Backend", backend_fields, false},
    Schema{"BackendInputBbb", backend_input_bbb_fields, false},
    Schema{"BackendInput", backend_input_fields, false},
    Schema{"NewBackendBbb", new_backend_bbb_fields, false},
    Schema{"NewBackend", new_backend_fields, false},
    Schema{"Counts", counts_fields, false},
    Schema{"Meeting", meeting_fields, false},
    Schema{"CommandInput", command_input_fields, false},
    Schema{"Command", command_fields, false},
    Schema{"AuditRecord", audit_record_fields, false},
    Schema{"RevokedToken", revoked_token_fields, false},
    Schema{"Report", report_fields, true},
    Schema{"HeartbeatInput", heartbeat_input_fields, false},
    Schema{"Heartbeat", heartbeat_fields, false},
    Schema{"RpcInput", rpc_input_fields, true},
    Schema{"RpcAnswer", rpc_answer_fields, false},
    Schema{"RecordingInput", recording_input_fields, false},
};

}  // namespace

std::span<const Schema> schemas() {
  return all_schemas;
}

const Schema& schema(std::string_view name) {
  for (const Schema& candidate : all_schemas) {
    if (candidate.name == name) return candidate;
  }
  throw std::out_of_range("no schema of this name");
}

}  // namespace b3::api
