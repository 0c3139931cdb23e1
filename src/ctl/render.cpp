#include "ctl/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "ctl/fields.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

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
  const Tint tint = text == "usable"    ? Tint::good
                    : text == "-"       ? Tint::plain
                    : text == "avoided" ? Tint::warn
                                        : Tint::bad;
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
  const auto milliseconds = field_number(backend, "latency_ms");
  if (!milliseconds || !find_field(backend, "synced_at")) return "-";
  return fmt::format("{:.{}f} ms", *milliseconds, *milliseconds < 10 ? 2 : 0);
}

// Attendees per meeting.
std::string ratio(const json::value& backend) {
  const auto meetings = field_number(backend, "meetings_count");
  const auto attendees = field_number(backend, "attendees_count");
  if (!meetings || !attendees) return "-";
  return fmt::format("{:.1f}", *meetings > 0 ? *attendees / *meetings : 0.0);
}

std::string percentage(std::optional<double> part, std::optional<double> whole) {
  if (!part || !whole || *whole <= 0) return "-";
  return fmt::format("{:.0f} %", *part / *whole * 100);
}

std::string share_of(const json::value& report, std::string_view what) {
  return percentage(field_number(report, fmt::format("{}_used_bytes", what)),
                    field_number(report, fmt::format("{}_total_bytes", what)));
}

std::string amount_of(const json::value& report, std::string_view what) {
  constexpr double gibibyte = 1024.0 * 1024 * 1024;
  const auto used = field_number(report, fmt::format("{}_used_bytes", what));
  const auto total = field_number(report, fmt::format("{}_total_bytes", what));
  if (!used || !total) return "-";
  return fmt::format("{:.1f} of {:.1f} GiB ({})", *used / gibibyte, *total / gibibyte,
                     share_of(report, what));
}

std::string cpu_of(const json::value& report) {
  return percentage(field_number(report, "cpu_percent"), 100.0);
}

std::string rate_of(const json::value& report, std::string_view field) {
  const auto bytes = field_number(report, field);
  return bytes ? fmt::format("{:.1f} Mbit/s", *bytes * 8 / 1'000'000) : "-";
}

const json::value& report_of(const json::value& backend) {
  static const json::value none;
  const auto* report = find_field(backend, "report");
  return report ? *report : none;
}

// What an agent last said of the node's machine; no rows without one.
void add_report(const json::value& backend, Table& details) {
  const auto& report = report_of(backend);
  if (!report.is_object()) return;
  const auto loads = fmt::format("{} / {} / {}", field_text(report, "load1"),
                                 field_text(report, "load5"), field_text(report, "load15"));
  details.rows.push_back({{"Host: CPU"}, {cpu_of(report)}});
  details.rows.push_back({{"Host: load"}, {loads + " (1, 5, 15 min)"}});
  details.rows.push_back({{"Host: memory"}, {amount_of(report, "memory")}});
  details.rows.push_back({{"Host: disk"}, {amount_of(report, "disk")}});
  details.rows.push_back(
      {{"Host: network"},
       {fmt::format("{} in, {} out", rate_of(report, "network_receive_bytes_per_second"),
                    rate_of(report, "network_send_bytes_per_second"))}});
  details.rows.push_back({{"Agent version"}, {field_text(report, "version")}});
}

Tint tint_of_admin(std::string_view state) {
  return state == "ready" ? Tint::plain : Tint::warn;
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

std::string_view short_host(std::string_view host) {
  constexpr std::string_view usual_path = "/bigbluebutton/api/";
  if (host.ends_with(usual_path)) host.remove_suffix(usual_path.size());
  return host;
}

std::string age_text(const json::value& value, std::string_view path, const Style& style) {
  const auto text = field_text(value, path);
  const auto time = parse_time(text);
  if (!time || style.now == WallTime{}) return text;
  const auto age = std::max<std::int64_t>((style.now - *time).count() / 1000, 0);
  if (age < 120) return fmt::format("{} s ago", age);
  if (age < 2 * 3600) return fmt::format("{} min ago", age / 60);
  if (age < 2 * 86'400) return fmt::format("{} h ago", age / 3600);
  return fmt::format("{} d ago", age / 86'400);
}

std::string render_status(const json::value& status, std::string_view api_url, const Style& style) {
  const bool database_ok = field_is_true(status, "database.ok");
  Table table;
  table.rows = {
      {{"API"}, {fmt::format("{} ({})", api_url, field_text(status, "api"))}},
      {{"Version"},
       {fmt::format("{} ({})", field_text(status, "version"), field_text(status, "build"))}}};
  if (find_field(status, "instance_id")) {
    table.rows.push_back({{"Instance"}, {field_text(status, "instance_id")}});
  }
  if (const auto& instances = field_elements(status, "instances"); !instances.empty()) {
    table.rows.push_back({{"Instances"}, {std::to_string(instances.size())}});
  }
  table.rows.insert(table.rows.end(),
                    {{{"Signed in as"},
                      {field_text(status, "account_ref") +
                       (field_is_true(status, "is_admin") ? " (administrator)" : "")}},
                     {{"Database"},
                      {database_ok ? "ok, schema " + field_text(status, "database.schema_version")
                                   : "does not answer",
                       database_ok ? Tint::good : Tint::bad}},
                     {{"Frontends"}, {field_text(status, "frontends")}},
                     {{"Backends"}, {field_text(status, "backends")}},
                     {{"Meetings"}, {field_text(status, "meetings")}}});
  return render(table, style.colour);
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
  const auto& all = elements_of(list);
  const bool agents = std::ranges::any_of(
      all, [](const auto& backend) { return find_field(backend, "agent_heartbeat") != nullptr; });
  const bool reports =
      std::ranges::any_of(all, [](const auto& backend) { return report_of(backend).is_object(); });
  Table table{
      .headings = {"HOST", "ADMIN", "NODE", "HEALTH", "MC", "AC", "R", "LF", "LOAD", "LATENCY"},
      .rows = {}};
  if (agents) table.headings.push_back("AGENT");
  if (reports) table.headings.insert(table.headings.end(), {"CPU", "MEM"});
  table.headings.insert(table.headings.end(), {"TAGS", "ELIGIBLE"});
  if (style.show_secrets) table.headings.insert(table.headings.begin() + 1, "SECRET");
  for (const auto& backend : all) {
    const auto admin_state = field_text(backend, "admin_state");
    std::vector<Cell> row{{std::string(short_host(field_text(backend, "bbb.host")))},
                          {admin_state, tint_of_admin(admin_state)},
                          node_state(backend),
                          health(backend),
                          number(backend, "meetings_count"),
                          number(backend, "attendees_count"),
                          {ratio(backend), Tint::plain, true},
                          number(backend, "load_factor"),
                          number(backend, "expected_load"),
                          {latency(backend), Tint::plain, true}};
    if (agents) row.push_back({age_text(backend, "agent_heartbeat", style)});
    if (reports) {
      row.push_back({cpu_of(report_of(backend)), Tint::plain, true});
      row.push_back({share_of(report_of(backend), "memory"), Tint::plain, true});
    }
    row.push_back({field_list(backend, "settings.tags")});
    row.push_back(placeable(backend));
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
                  {{"Meetings (MC)"}, {field_text(backend, "meetings_count")}},
                  {{"Attendees (AC)"}, {field_text(backend, "attendees_count")}},
                  {{"Per meeting (R)"}, {ratio(backend)}},
                  {{"Load factor (LF)"}, {field_text(backend, "load_factor")}},
                  {{"Expected load"}, {field_text(backend, "expected_load")}},
                  {{"Last seen"}, {age_text(backend, "synced_at", style)}},
                  {{"Agent"}, {field_text(backend, "agent_ref")}},
                  {{"Agent heartbeat"}, {age_text(backend, "agent_heartbeat", style)}}};
  add_report(backend, details);
  details.rows.insert(details.rows.end(), {{{"ID"}, {field_text(backend, "id")}},
                                           {{"Created"}, {field_text(backend, "created_at")}},
                                           {{"Changed"}, {field_text(backend, "updated_at")}}});
  return render_details(std::move(details), backend, style);
}

}  // namespace b3::ctl
