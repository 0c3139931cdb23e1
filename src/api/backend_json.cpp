#include "api/backend_json.h"

#include <cmath>

#include "api/json.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/url.h"

namespace b3::api {
namespace {

constexpr double default_load_factor = 1.0;
constexpr double max_load_factor = 1000.0;
constexpr double least_load_factor_of_node = 0.1;
constexpr double most_load_factor_of_node = 10.0;

// Fields that GET shows and a client may send back unchanged are overlooked.
void refuse_unknown_fields(Fields& fields) {
  fields.refuse_others(schema("BackendInput"));
}

std::optional<std::string> read_host(Fields& bbb) {
  const auto text = bbb.filled_text("host");
  if (!text) return {};
  auto host = normalize_backend_host(*text);
  if (!host) {
    bbb.refuse("host", host.error());
    return {};
  }
  return std::move(*host);
}

std::optional<double> read_load_factor(Fields& fields) {
  constexpr std::string_view name = "load_factor";
  if (fields.is_null(name)) return default_load_factor;
  const auto factor = fields.number(name);
  if (factor && !(*factor > 0 && *factor <= max_load_factor)) {
    fields.refuse(name, "must be greater than 0 and at most 1000");
    return {};
  }
  return factor;
}

std::optional<AdminState> read_admin_state(Fields& fields) {
  constexpr std::string_view name = "admin_state";
  const auto text = fields.text(name);
  if (!text) return {};
  const auto state = parse_admin_state(*text);
  if (!state) fields.refuse(name, "must be init, ready, stopped or decommissioned");
  return state;
}

// Null takes the operator's word back.
std::optional<std::optional<Health>> read_forced_health(Fields& fields) {
  constexpr std::string_view name = "forced_health";
  if (fields.is_null(name)) return std::optional<Health>{};
  const auto text = fields.text(name);
  if (!text) return {};
  const auto health = parse_health(*text);
  if (!health) {
    fields.refuse(name, "must be usable, avoided, given_up or null");
    return {};
  }
  return health;
}

// Outer nullopt: not given. Inner nullopt: nobody's.
std::optional<std::optional<std::string>> read_agent_ref(Fields& fields) {
  constexpr std::string_view name = "agent_ref";
  if (!fields.has(name)) return {};
  if (fields.is_null(name)) return std::optional<std::string>{};
  auto text = fields.filled_text(name);
  if (!text) return {};
  return std::optional(std::move(text));
}

json::value health_json(const Backend& backend) {
  json::object health{{"state", to_string(backend.effective_health())},
                      {"reason", text_or_null(backend.health_reason)},
                      {"forced", nullptr}};
  if (backend.forced_health) health["forced"] = to_string(*backend.forced_health);
  return health;
}

void check_settings(std::string_view merged, FieldErrors& errors) {
  if (const auto settings = parse_backend_settings(merged); !settings) {
    add_settings_errors(settings.error(), errors);
  }
}

}  // namespace

json::object to_json(const Backend& backend, const placement::Candidate& candidate, WallTime now) {
  const auto rejected = placement::reject(candidate, placement::Demand{}, now);
  // An agent tells of people at once; otherwise what was counted last by the poll holds.
  const bool has_agent = backend.agent_heartbeat || backend.agent_ref;
  const auto attendees = has_agent ? candidate.attendees : backend.attendees_count;
  json::object object{{"id", backend.id},
                      {"node_state", to_string(backend.node_state)},
                      {"admin_state", to_string(backend.admin_state)},
                      {"health", health_json(backend)},
                      {"agent_heartbeat", time_or_null(backend.agent_heartbeat)},
                      {"agent_ref", text_or_null(backend.agent_ref.value_or(""))},
                      {"report", nullptr},
                      {"last_error", text_or_null(backend.last_error)},
                      {"latency", backend.latency_microseconds * 1000},
                      {"latency_ms", double(backend.latency_microseconds) / 1000.0},
                      {"meetings_count", backend.meetings_count},
                      {"attendees_count", attendees},
                      {"load_factor", backend.load_factor},
                      {"bbb", {{"host", backend.host}, {"secret", backend.secret}}},
                      {"settings", stored_document(backend.settings_json)},
                      {"created_at", to_rfc3339(backend.created_at)},
                      {"updated_at", to_rfc3339(backend.updated_at)},
                      {"synced_at", time_or_null(backend.synced_at)},
                      {"eligible", !rejected},
                      {"ineligible_reason", nullptr},
                      {"ineligible_detail", nullptr},
                      {"expected_load", candidate.expected_load}};
  if (!backend.agent_report.empty()) object["report"] = stored_document(backend.agent_report);
  if (rejected) {
    object["ineligible_reason"] = placement::to_string(rejected->reason);
    object["ineligible_detail"] = rejected->detail;
  }
  return object;
}

std::expected<Backend, Problem> new_backend(const json::object& body, WallTime now) {
  FieldErrors errors;
  Fields fields{body, "", errors};
  refuse_unknown_fields(fields);
  if (fields.has("forced_health")) fields.refuse("forced_health", "is not for a new backend");

  Backend backend;
  backend.id = random_uuid();
  backend.created_at = backend.updated_at = now;
  if (const auto* object = fields.object("bbb")) {
    Fields bbb{*object, "bbb.", errors};
    bbb.refuse_others(schema("BackendInputBbb"));
    bbb.require("host");
    bbb.require("secret");
    backend.host = read_host(bbb).value_or("");
    backend.secret = bbb.filled_text("secret").value_or("");
  } else if (!fields.has("bbb")) {
    errors.emplace("bbb.host", "is required");
    errors.emplace("bbb.secret", "is required");
  }
  backend.load_factor = read_load_factor(fields).value_or(default_load_factor);
  backend.admin_state = read_admin_state(fields).value_or(AdminState::init);
  backend.agent_ref = read_agent_ref(fields).value_or(std::nullopt);
  if (backend.admin_state == AdminState::decommissioned) {
    fields.refuse("admin_state", "must not be decommissioned on a new backend");
  }
  if (const auto* given = fields.document("settings")) {
    json::object settings;
    merge_object(settings, *given);
    backend.settings_json = json::serialize(settings);
    check_settings(backend.settings_json, errors);
  }
  if (!errors.empty()) return refuse_fields(std::move(errors));
  return backend;
}

std::expected<store::BackendPatch, Problem> backend_patch(const json::object& body) {
  FieldErrors errors;
  Fields fields{body, "", errors};
  refuse_unknown_fields(fields);

  store::BackendPatch patch;
  if (const auto* object = fields.object("bbb")) {
    Fields bbb{*object, "bbb.", errors};
    bbb.refuse_others(schema("BackendInputBbb"));
    patch.host = read_host(bbb);
    patch.secret = bbb.filled_text("secret");
  }
  patch.load_factor = read_load_factor(fields);
  patch.admin_state = read_admin_state(fields);
  patch.forced_health = read_forced_health(fields);
  patch.agent_ref = read_agent_ref(fields);
  if (const auto* given = fields.document("settings")) {
    patch.settings_merge_json = json::serialize(*given);
  }
  if (!errors.empty()) return refuse_fields(std::move(errors));
  return patch;
}

std::optional<Problem> forbids_node(const json::object& body) {
  for (const auto& member : body) {
    if (member.key() == "bbb" || member.key() == "load_factor") continue;
    return refuse(403, "forbidden",
                  "a node may set bbb.host, bbb.secret and load_factor of its backend only")
        .error();
  }
  const auto factor = find_number(body, "load_factor");
  if (factor && !(*factor >= least_load_factor_of_node && *factor <= most_load_factor_of_node)) {
    return refuse_fields({{"load_factor", "must be from 0.1 to 10"}}).error();
  }
  return {};
}

FieldErrors check_merged_settings(const Backend& stored, const store::BackendPatch& patch) {
  FieldErrors errors;
  if (!patch.settings_merge_json) return errors;
  json::object merged = stored_document(stored.settings_json);
  merge_object(merged, json::parse(*patch.settings_merge_json).get_object());
  check_settings(json::serialize(merged), errors);
  return errors;
}

}  // namespace b3::api
