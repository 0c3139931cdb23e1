#include "api/frontend_json.h"

#include "api/json.h"
#include "base/encoding.h"

namespace b3::api {
namespace {

constexpr std::size_t secret_bytes = 20;
constexpr auto key_rule = "must be 1 to 64 letters, digits, '-', '_' and '.', and not only dots";

// Fields that GET shows and a client may send back unchanged are overlooked.
void refuse_unknown_fields(Fields& fields) {
  fields.refuse_others(schema("FrontendInput"));
}

std::optional<std::string> read_key(Fields& bbb) {
  auto key = bbb.text("key");
  if (key && !is_valid_frontend_key(*key)) {
    bbb.refuse("key", key_rule);
    return {};
  }
  return key;
}

// Outer nullopt: not given. Inner nullopt: null or "".
std::optional<std::optional<std::string>> read_account_ref(Fields& fields) {
  constexpr std::string_view name = "account_ref";
  if (!fields.has(name)) return {};
  if (fields.is_null(name)) return std::optional<std::string>{};
  auto text = fields.filled_text(name);
  if (!text) return {};
  return std::optional(std::move(text));
}

void check_settings(std::string_view merged, FieldErrors& errors) {
  if (const auto settings = parse_frontend_settings(merged); !settings) {
    add_settings_errors(settings.error(), errors);
  }
}

}  // namespace

json::object to_json(const Frontend& frontend) {
  return {{"id", frontend.id},
          {"active", frontend.active},
          {"bbb", {{"key", frontend.key}, {"secret", frontend.secret}}},
          {"settings", stored_document(frontend.settings_json)},
          {"account_ref", frontend.account_ref ? json::value(json::string(*frontend.account_ref))
                                               : json::value(nullptr)},
          {"created_at", to_rfc3339(frontend.created_at)},
          {"updated_at", to_rfc3339(frontend.updated_at)}};
}

std::expected<Frontend, Problem> new_frontend(const json::object& body, WallTime now) {
  FieldErrors errors;
  Fields fields{body, "", errors};
  refuse_unknown_fields(fields);

  Frontend frontend;
  frontend.id = random_uuid();
  frontend.created_at = frontend.updated_at = now;
  if (const auto* object = fields.object("bbb")) {
    Fields bbb{*object, "bbb.", errors};
    bbb.refuse_others(schema("FrontendInputBbb"));
    bbb.require("key");
    frontend.key = read_key(bbb).value_or("");
    frontend.secret =
        bbb.has("secret") ? bbb.filled_text("secret").value_or("") : random_hex(secret_bytes);
  } else if (!fields.has("bbb")) {
    errors.emplace("bbb.key", "is required");
  }
  frontend.active = fields.boolean("active").value_or(true);
  frontend.account_ref = read_account_ref(fields).value_or(std::nullopt);
  if (const auto* given = fields.document("settings")) {
    json::object settings;
    merge_object(settings, *given);
    frontend.settings_json = json::serialize(settings);
    check_settings(frontend.settings_json, errors);
  }
  if (!errors.empty()) return refuse_fields(std::move(errors));
  return frontend;
}

std::expected<store::FrontendPatch, Problem> frontend_patch(const json::object& body) {
  FieldErrors errors;
  Fields fields{body, "", errors};
  refuse_unknown_fields(fields);

  store::FrontendPatch patch;
  if (const auto* object = fields.object("bbb")) {
    Fields bbb{*object, "bbb.", errors};
    bbb.refuse_others(schema("FrontendInputBbb"));
    patch.key = read_key(bbb);
    patch.secret = bbb.filled_text("secret");
  }
  patch.active = fields.boolean("active");
  patch.account_ref = read_account_ref(fields);
  if (const auto* given = fields.document("settings")) {
    patch.settings_merge_json = json::serialize(*given);
  }
  if (!errors.empty()) return refuse_fields(std::move(errors));
  return patch;
}

FieldErrors check_merged_settings(const Frontend& stored, const store::FrontendPatch& patch) {
  FieldErrors errors;
  if (!patch.settings_merge_json) return errors;
  json::object merged = stored_document(stored.settings_json);
  merge_object(merged, json::parse(*patch.settings_merge_json).get_object());
  check_settings(json::serialize(merged), errors);
  return errors;
}

}  // namespace b3::api
