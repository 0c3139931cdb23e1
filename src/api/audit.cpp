#include "api/audit.h"

#include <algorithm>
#include <array>

#include "api/json.h"

namespace b3::api {
namespace {

constexpr std::string_view hidden = "***";

bool names_a_secret(std::string_view name) {
  std::string lower{name};
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
  constexpr std::array<std::string_view, 4> words{"secret", "password", "token", "passwd"};
  return lower.ends_with("pw") ||
         std::ranges::any_of(words, [&](std::string_view word) { return lower.contains(word); });
}

json::value cleaned(std::string_view name, const json::value& value) {
  if (value.is_object()) return without_secrets(value.get_object());
  if (value.is_array()) {
    json::array list;
    for (const auto& element : value.get_array()) list.push_back(cleaned(name, element));
    return list;
  }
  if (names_a_secret(name) && !value.is_null()) return json::string(hidden);
  return value;
}

json::object shown(const Frontend& frontend) {
  return {{"id", frontend.id},
          {"active", frontend.active},
          {"bbb", {{"key", frontend.key}, {"secret", hidden}}},
          {"settings", without_secrets(stored_document(frontend.settings_json))},
          {"account_ref", text_or_null(frontend.account_ref.value_or(""))}};
}

json::object shown(const Backend& backend) {
  json::object object{{"id", backend.id},
                      {"admin_state", to_string(backend.admin_state)},
                      {"forced_health", nullptr},
                      {"load_factor", backend.load_factor},
                      {"bbb", {{"host", backend.host}, {"secret", hidden}}},
                      {"settings", without_secrets(stored_document(backend.settings_json))},
                      {"agent_ref", text_or_null(backend.agent_ref.value_or(""))}};
  if (backend.forced_health) object["forced_health"] = to_string(*backend.forced_health);
  return object;
}

template <class Thing>
store::AuditRecord change_of(const Author& author, std::string kind, const Thing* before,
                             const Thing* after, const std::string& name) {
  std::optional<json::object> was;
  std::optional<json::object> is;
  if (before) was = shown(*before);
  if (after) is = shown(*after);
  if (before && after && before->secret != after->secret) (*is)["secret_changed"] = true;
  std::string action = !before ? "create" : !after ? "delete" : "update";
  Subject object{std::move(kind), after ? after->id : before->id, name};
  return record_of(author, std::move(action), std::move(object), was, is);
}

}  // namespace

json::object without_secrets(const json::object& document) {
  json::object clean;
  for (const auto& member : document) clean[member.key()] = cleaned(member.key(), member.value());
  return clean;
}

Author author_of(const Exchange& exchange) {
  return {exchange.caller.subject, exchange.caller.token_id, exchange.request.id,
          exchange.now.wall};
}

store::AuditRecord record_of(const Author& author, std::string action, Subject object,
                             const std::optional<json::object>& before,
                             const std::optional<json::object>& after) {
  store::AuditRecord record;
  record.at = author.at;
  record.subject = author.subject;
  record.token_id = author.token_id;
  record.request_id = author.request_id;
  record.action = std::move(action);
  record.kind = std::move(object.kind);
  record.object_id = std::move(object.id);
  record.object_name = std::move(object.name);
  if (before) record.before_json = json::serialize(*before);
  if (after) record.after_json = json::serialize(*after);
  return record;
}

store::AuditRecord record_of(const Author& author, const Frontend* before, const Frontend* after) {
  return change_of(author, "frontend", before, after, after ? after->key : before->key);
}

store::AuditRecord record_of(const Author& author, const Backend* before, const Backend* after) {
  return change_of(author, "backend", before, after, after ? after->host : before->host);
}

store::AuditRecord record_of_end(const Author& author, const Meeting& meeting) {
  const json::object was{{"id", meeting.scoped_id},
                         {"meeting_id", meeting.meeting_id},
                         {"internal_id", text_or_null(meeting.internal_id)},
                         {"frontend_id", meeting.frontend_id},
                         {"backend_id", meeting.backend_id},
                         {"epoch", meeting.epoch}};
  return record_of(author, "delete", {"meeting", meeting.scoped_id, meeting.name}, was, {});
}

json::object to_json(const store::AuditRecord& record) {
  const auto document = [](const std::string& text) -> json::value {
    if (text.empty()) return nullptr;
    return stored_document(text);
  };
  return {{"number", record.number},
          {"at", to_rfc3339(record.at)},
          {"subject", record.subject},
          {"token_id", text_or_null(record.token_id)},
          {"request_id", record.request_id},
          {"action", record.action},
          {"kind", record.kind},
          {"object_id", record.object_id},
          {"object_name", record.object_name},
          {"before", document(record.before_json)},
          {"after", document(record.after_json)}};
}

}  // namespace b3::api
