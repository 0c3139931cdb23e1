#include "ctl/render.h"

#include <fmt/format.h>

#include <sstream>

#include "base/json.h"
#include "ctl/fields.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

void write_indented(const json::value& value, std::size_t depth, std::string& out) {
  const std::string inner((depth + 1) * 2, ' ');
  const std::string outer(depth * 2, ' ');
  if (const auto* object = value.if_object(); object && !object->empty()) {
    out += '{';
    std::string_view separator = "\n";
    for (const auto& member : *object) {
      out += fmt::format("{}{}{}: ", separator, inner,
                         json::serialize(json::value(json::string(member.key()))));
      write_indented(member.value(), depth + 1, out);
      separator = ",\n";
    }
    out += "\n" + outer + "}";
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    out += '[';
    std::string_view separator = "\n";
    for (const auto& element : *array) {
      out += fmt::format("{}{}", separator, inner);
      write_indented(element, depth + 1, out);
      separator = ",\n";
    }
    out += "\n" + outer + "]";
  } else {
    out += to_json_text(value);
  }
}

Cell number(const json::value& value, std::string_view path) {
  return {field_text(value, path), Tint::plain, true};
}

Cell yes_or_no(bool yes) {
  return yes ? Cell{"yes", Tint::good} : Cell{"no", Tint::bad};
}

std::string secret_of(const json::value& value, const Style& style) {
  return style.show_secrets ? field_text(value, "bbb.secret") : std::string(hidden_secret);
}

Cell node_state(const json::value& backend) {
  const auto state = field_text(backend, "node_state");
  const Tint tint = state == "ready" ? Tint::good : state == "error" ? Tint::bad : Tint::plain;
  return {state, tint};
}

// "avoided (forced)": the operator's word, not what was seen.
Cell health(const json::value& backend) {
  auto text = field_text(backend, "health.state");
  const Tint tint = text == "usable" ? Tint::good : text == "-" ? Tint::plain : Tint::bad;
  if (find_field(backend, "health.forced")) text += " (forced)";
  return {std::move(text), tint};
}

Cell health_with_reason(const json::value& backend) {
  auto cell = health(backend);
  if (find_field(backend, "health.reason"))
    cell.text += ": " + field_text(backend, "health.reason");
  return cell;
}

// "yes", or "no: " and why not.
Cell placeable(const json::value& backend) {
  if (field_is_true(backend, "eligible")) return {"yes", Tint::good};
  auto why = field_text(backend, "ineligible_detail");
  if (why == "-") why = field_text(backend, "ineligible_reason");
  return {"no: " + why, Tint::bad};
}

std::string latency(const json::value& backend) {
  if (!find_field(backend, "latency_ms") || !find_field(backend, "synced_at")) return "-";
  return field_text(backend, "latency_ms") + " ms";
}

// Serialised JSON escapes control characters below 0x20 but not the others.
std::string printable_json(const json::value& value) {
  std::string text;
  std::istringstream lines{render_json(value)};
  for (std::string line; std::getline(lines, line);) text += "  " + printable(line) + '\n';
  return text;
}

// Label and value, one line each; the settings indented below.
std::string render_details(Table details, const json::value& resource, const Style& style) {
  std::string text = render(details, style.colour);
  if (const auto* settings = find_field(resource, "settings")) {
    text += "Settings\n" + printable_json(*settings);
  }
  return text;
}

}  // namespace

std::string render_json(const json::value& value) {
  std::string text;
  write_indented(value, 0, text);
  return text + '\n';
}

json::value hide_secrets(json::value value) {
  if (auto* array = value.if_array()) {
    for (auto& element : *array) element = hide_secrets(std::move(element));
  } else if (auto* object = value.if_object()) {
    auto* bbb = object->if_contains("bbb");
    if (bbb && bbb->is_object() && bbb->get_object().contains("secret")) {
      bbb->get_object()["secret"] = hidden_secret;
    }
  }
  return value;
}

std::string render_status(const json::value& status, std::string_view api_url) {
  const bool database_ok = field_is_true(status, "database.ok");
  Table table;
  table.rows = {
      {{"API"}, {fmt::format("{} ({})", api_url, field_text(status, "api"))}},
      {{"Version"},
       {fmt::format("{} ({})", field_text(status, "version"), field_text(status, "build"))}},
      {{"Signed in as"},
       {field_text(status, "account_ref") +
        (field_is_true(status, "is_admin") ? " (administrator)" : "")}},
      {{"Database"},
       {database_ok ? "ok, schema " + field_text(status, "database.schema_version")
                    : "does not answer"}},
      {{"Frontends"}, {field_text(status, "frontends")}},
      {{"Backends"}, {field_text(status, "backends")}},
      {{"Meetings"}, {field_text(status, "meetings")}}};
  return render(table, false);
}

std::string render_frontends(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "There are no frontends.\n";
  Table table{.headings = {"KEY", "ACTIVE", "SECRET", "ACCOUNT", "REQUIRED TAGS", "ID"},
              .rows = {}};
  for (const auto& frontend : elements_of(list)) {
    table.rows.push_back({{field_text(frontend, "bbb.key")},
                          yes_or_no(field_is_true(frontend, "active")),
                          {secret_of(frontend, style)},
                          {field_text(frontend, "account_ref")},
                          {field_list(frontend, "settings.required_tags")},
                          {field_text(frontend, "id"), Tint::faint}});
  }
  return render(table, style.colour);
}

std::string render_frontend(const json::value& frontend, const Style& style) {
  Table details;
  details.rows = {{{"Key"}, {field_text(frontend, "bbb.key")}},
                  {{"Secret"}, {secret_of(frontend, style)}},
                  {{"Active"}, yes_or_no(field_is_true(frontend, "active"))},
                  {{"Account"}, {field_text(frontend, "account_ref")}},
                  {{"ID"}, {field_text(frontend, "id")}},
                  {{"Created"}, {field_text(frontend, "created_at")}},
                  {{"Changed"}, {field_text(frontend, "updated_at")}}};
  return render_details(std::move(details), frontend, style);
}

std::string render_backends(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "There are no backends.\n";
  Table table{.headings = {"HOST", "ADMIN", "NODE", "HEALTH", "MEETINGS", "ATTENDEES", "LOAD",
                           "FACTOR", "LATENCY", "TAGS", "ELIGIBLE"},
              .rows = {}};
  if (style.show_secrets) table.headings.insert(table.headings.begin() + 1, "SECRET");
  for (const auto& backend : elements_of(list)) {
    std::vector<Cell> row{{field_text(backend, "bbb.host")},
                          {field_text(backend, "admin_state")},
                          node_state(backend),
                          health(backend),
                          number(backend, "meetings_count"),
                          number(backend, "attendees_count"),
                          number(backend, "expected_load"),
                          number(backend, "load_factor"),
                          {latency(backend), Tint::plain, true},
                          {field_list(backend, "settings.tags")},
                          placeable(backend)};
    if (style.show_secrets) row.insert(row.begin() + 1, Cell{secret_of(backend, style)});
    table.rows.push_back(std::move(row));
  }
  return render(table, style.colour);
}

std::string render_backend(const json::value& backend, const Style& style) {
  Table details;
  details.rows = {{{"Host"}, {field_text(backend, "bbb.host")}},
                  {{"Secret"}, {secret_of(backend, style)}},
                  {{"Eligible"}, placeable(backend)},
                  {{"Admin state"}, {field_text(backend, "admin_state")}},
                  {{"Node state"}, node_state(backend)},
                  {{"Health"}, health_with_reason(backend)},
                  {{"Last error"}, {field_text(backend, "last_error")}},
                  {{"Latency"}, {latency(backend)}},
                  {{"Meetings"}, {field_text(backend, "meetings_count")}},
                  {{"Attendees"}, {field_text(backend, "attendees_count")}},
                  {{"Expected load"}, {field_text(backend, "expected_load")}},
                  {{"Load factor"}, {field_text(backend, "load_factor")}},
                  {{"Last seen"}, {field_text(backend, "synced_at")}},
                  {{"Heartbeat"}, {field_text(backend, "agent_heartbeat")}},
                  {{"ID"}, {field_text(backend, "id")}},
                  {{"Created"}, {field_text(backend, "created_at")}},
                  {{"Changed"}, {field_text(backend, "updated_at")}}};
  return render_details(std::move(details), backend, style);
}

std::string render_meetings(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "There are no meetings.\n";
  Table table{.headings = {"MEETING", "STATE", "RUNNING", "PEOPLE", "NAME", "BACKEND", "SINCE"},
              .rows = {}};
  for (const auto& meeting : elements_of(list)) {
    const bool running = field_is_true(meeting, "running");
    table.rows.push_back({{field_text(meeting, "id")},
                          {field_text(meeting, "state")},
                          {running ? "yes" : "no", running ? Tint::good : Tint::plain},
                          number(meeting, "counts.participants"),
                          {field_text(meeting, "name")},
                          {field_text(meeting, "backend_host")},
                          {field_text(meeting, "reserved_at"), Tint::faint}});
  }
  return render(table, style.colour);
}

std::string render_placement(const json::value& placement, const Style& style) {
  Table facts;
  facts.rows = {{{"Decided at"}, {field_text(placement, "at")}},
                {{"Policy"}, {field_text(placement, "policy")}},
                {{"Expected size"}, {field_text(placement, "expected_size")}}};
  const auto chosen = field_text(placement, "chosen");

  Table table{.headings = {"", "HOST", "SCORE", "WHY"}, .rows = {}};
  for (const auto& ranked : field_elements(placement, "ranked")) {
    const bool is_chosen = field_text(ranked, "backend_id") == chosen;
    table.rows.push_back(
        {{is_chosen ? "*" : " ", Tint::good},
         {field_text(ranked, "host")},
         number(ranked, "score"),
         {is_chosen ? "chosen" : "eligible", is_chosen ? Tint::good : Tint::plain}});
  }
  for (const auto& rejected : field_elements(placement, "rejected")) {
    table.rows.push_back({{" "},
                          {field_text(rejected, "host")},
                          {"-", Tint::plain, true},
                          {fmt::format("left out ({}): {}", field_text(rejected, "reason"),
                                       field_text(rejected, "detail")),
                           Tint::bad}});
  }
  std::string text = render(facts, style.colour);
  if (table.rows.empty()) return text + "No backend was considered.\n";
  text += "\n" + render(table, style.colour);
  if (chosen == "-") text += "\nNo backend can take it.\n";
  if (find_field(placement, "left_out")) {
    text += fmt::format("\n{} more backends are not listed.\n", field_text(placement, "left_out"));
  }
  return text;
}

}  // namespace b3::ctl
