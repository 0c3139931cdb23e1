#include "ctl/render_lists.h"

#include <fmt/format.h>

#include <vector>

#include "base/json.h"
#include "ctl/fields.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

Cell state_cell(const json::value& command) {
  const auto state = field_text(command, "state");
  const Tint tint = state == "success" ? Tint::good : state == "error" ? Tint::bad : Tint::warn;
  return {state, tint};
}

// By its host, by its id where that is gone.
std::string backend_of(const json::value& command) {
  const auto host = field_text(command, "backend_host");
  return host == "-" ? field_text(command, "backend_id") : std::string(short_host(host));
}

// "meetings_left: 3" of {"meetings_left": 3}.
std::string pairs_of(const json::value& value, std::string_view path) {
  const auto* field = find_field(value, path);
  const auto* object = field ? field->if_object() : nullptr;
  if (!object || object->empty()) return "-";
  std::string text;
  for (const auto& member : *object) {
    if (member.value().is_structured()) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", std::string_view(member.key()),
                        field_text(member.value(), ""));
  }
  return text.empty() ? "-" : text;
}

// How far it is, or how it ended.
std::string outcome_of(const json::value& command) {
  const auto state = field_text(command, "state");
  const bool has_ended = state == "success" || state == "error";
  if (const auto& meetings = field_elements(command, "result.meetings");
      has_ended && !meetings.empty()) {
    std::size_t failed = 0;
    for (const auto& meeting : meetings) failed += find_field(meeting, "error") ? 1 : 0;
    return failed == 0 ? fmt::format("{} meetings ended", meetings.size())
                       : fmt::format("{} of {} meetings failed", failed, meetings.size());
  }
  const auto result = pairs_of(command, "result");
  return result == "-" ? pairs_of(command, "progress") : result;
}

std::string value_text(const json::value* value) {
  if (!value) return "-";
  return value->is_structured() ? to_json_text(*value) : field_text(*value, "");
}

// "admin_state: ready -> stopped", of nested objects "bbb.key: a -> b"; nothing for what stayed.
void add_changes(const json::object& before, const json::object& after, const std::string& prefix,
                 std::vector<std::string>& changes) {
  const auto add = [&](std::string_view name, const json::value* from, const json::value* to) {
    changes.push_back(
        fmt::format("{}{}: {} -> {}", prefix, name, value_text(from), value_text(to)));
  };
  for (const auto& member : after) {
    const auto* old = before.if_contains(member.key());
    if (member.key() == "updated_at" || (old && *old == member.value())) continue;
    if (member.key() == "secret_changed") {
      changes.emplace_back("secret");
    } else if (old && old->is_object() && member.value().is_object()) {
      add_changes(old->get_object(), member.value().get_object(),
                  prefix + std::string(member.key()) + ".", changes);
    } else {
      add(member.key(), old, &member.value());
    }
  }
  for (const auto& member : before) {
    if (!after.contains(member.key())) add(member.key(), &member.value(), nullptr);
  }
}

// What one change did; for what came or went nothing.
std::string changes_of(const json::value& record) {
  const auto* before = find_field(record, "before");
  const auto* after = find_field(record, "after");
  if (!before || !after || !before->is_object() || !after->is_object()) return {};
  std::vector<std::string> changes;
  add_changes(before->get_object(), after->get_object(), "", changes);
  return fmt::format("{}", fmt::join(changes, ", "));
}

}  // namespace

std::string render_commands(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "There are no commands.\n";
  Table table{.headings = {"ACTION", "BACKEND", "STATE", "PROGRESS", "BY", "SINCE", "ID"},
              .rows = {}};
  for (const auto& command : elements_of(list)) {
    table.rows.push_back({{field_text(command, "action")},
                          {backend_of(command)},
                          state_cell(command),
                          {outcome_of(command)},
                          {field_text(command, "requested_by")},
                          {age_text(command, "created_at", style)},
                          {field_text(command, "id"), Tint::faint}});
  }
  return render(table, style.colour);
}

std::string render_command(const json::value& command, const Style& style) {
  Table details;
  details.rows = {{{"Command"}, {field_text(command, "action")}},
                  {{"Backend"}, {backend_of(command)}},
                  {{"State"}, state_cell(command)},
                  {{"Progress"}, {pairs_of(command, "progress")}},
                  {{"Result"}, {outcome_of(command)}},
                  {{"Requested by"}, {field_text(command, "requested_by")}},
                  {{"Requested"}, {age_text(command, "created_at", style)}},
                  {{"Begun"}, {age_text(command, "started_at", style)}},
                  {{"Finished"}, {age_text(command, "finished_at", style)}},
                  {{"ID"}, {field_text(command, "id")}}};
  auto text = render(details, style.colour);
  if (!field_elements(command, "result.meetings").empty()) {
    text += "\n" + render_ended(command, style);
  }
  return text;
}

std::string render_ended(const json::value& command, const Style& style) {
  Table table{.headings = {"MEETING", "RESULT", "WHY"}, .rows = {}};
  for (const auto& meeting : field_elements(command, "result.meetings")) {
    const bool failed = find_field(meeting, "error") != nullptr;
    const auto status = field_text(meeting, "status");
    table.rows.push_back({{field_text(meeting, "id")},
                          {status, failed              ? Tint::bad
                                   : status == "ended" ? Tint::good
                                                       : Tint::warn},
                          {failed ? field_text(meeting, "error") : ""}});
  }
  return render(table, style.colour);
}

std::string render_audit(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "Nothing is recorded.\n";
  Table table{.headings = {"AT", "WHO", "ACTION", "KIND", "OBJECT", "CHANGES"}, .rows = {}};
  for (const auto& record : elements_of(list)) {
    auto name = field_text(record, "object_name");
    if (name == "-") name = field_text(record, "object_id");
    table.rows.push_back({{field_text(record, "at")},
                          {field_text(record, "subject")},
                          {field_text(record, "action")},
                          {field_text(record, "kind")},
                          {std::string(short_host(name))},
                          {changes_of(record)}});
  }
  return render(table, style.colour);
}

std::string render_tokens(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "No token is revoked.\n";
  Table table{.headings = {"ID", "REVOKED", "BY", "EXPIRES"}, .rows = {}};
  for (const auto& token : elements_of(list)) {
    table.rows.push_back({{field_text(token, "id")},
                          {age_text(token, "revoked_at", style)},
                          {field_text(token, "revoked_by")},
                          {field_text(token, "expires_at")}});
  }
  return render(table, style.colour);
}

std::string render_recordings(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "There are no recordings.\n";
  Table table{.headings = {"ID", "MEETING", "NAME", "FRONTEND", "STATE", "VISIBILITY", "STARTED"},
              .rows = {}};
  for (const auto& recording : elements_of(list)) {
    table.rows.push_back({{field_text(recording, "id")},
                          {field_text(recording, "meeting_id")},
                          {field_text(recording, "name")},
                          {field_text(recording, "frontend_key")},
                          {field_text(recording, "state")},
                          {field_text(recording, "visibility")},
                          {field_text(recording, "started_at")}});
  }
  return render(table, style.colour);
}

}  // namespace b3::ctl
