// Meetings and where they are, for people.
#include <fmt/format.h>

#include "ctl/fields.h"
#include "ctl/render.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

Cell number(const json::value& value, std::string_view path) {
  return {field_text(value, path), Tint::plain, true};
}

Cell running(const json::value& meeting) {
  return field_is_true(meeting, "running") ? Cell{"yes", Tint::good} : Cell{"no"};
}

}  // namespace

std::string render_meetings(const json::value& list, const Style& style) {
  if (elements_of(list).empty()) return "There are no meetings.\n";
  Table table{.headings = {"MEETING", "STATE", "RUNNING", "PEOPLE", "NAME", "BACKEND", "SINCE"},
              .rows = {}};
  for (const auto& meeting : elements_of(list)) {
    table.rows.push_back({{field_text(meeting, "id")},
                          {field_text(meeting, "state")},
                          running(meeting),
                          number(meeting, "counts.participants"),
                          {field_text(meeting, "name")},
                          {std::string(short_host(field_text(meeting, "backend_host")))},
                          {age_text(meeting, "reserved_at", style), Tint::faint}});
  }
  return render(table, style.colour);
}

std::string render_meeting(const json::value& meeting, const Style& style) {
  Table details;
  details.rows = {{{"Meeting"}, {field_text(meeting, "id")}},
                  {{"Name"}, {field_text(meeting, "name")}},
                  {{"Frontend"}, {field_text(meeting, "frontend_key")}},
                  {{"Backend"}, {std::string(short_host(field_text(meeting, "backend_host")))}},
                  {{"State"}, {field_text(meeting, "state")}},
                  {{"Running"}, running(meeting)},
                  {{"Participants"}, {field_text(meeting, "counts.participants")}},
                  {{"Moderators"}, {field_text(meeting, "counts.moderators")}},
                  {{"Listening"}, {field_text(meeting, "counts.listeners")}},
                  {{"Voices"}, {field_text(meeting, "counts.voices")}},
                  {{"Videos"}, {field_text(meeting, "counts.videos")}},
                  {{"Expected size"}, {field_text(meeting, "expected_size")}},
                  {{"Placed"}, {age_text(meeting, "reserved_at", style)}},
                  {{"Confirmed"}, {age_text(meeting, "bound_at", style)}},
                  {{"Last seen"}, {age_text(meeting, "seen_at", style)}},
                  {{"Internal id"}, {field_text(meeting, "internal_id")}}};
  return render(details, style.colour);
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
         {std::string(short_host(field_text(ranked, "host")))},
         number(ranked, "score"),
         {is_chosen ? "chosen" : "eligible", is_chosen ? Tint::good : Tint::plain}});
  }
  for (const auto& rejected : field_elements(placement, "rejected")) {
    table.rows.push_back({{" "},
                          {std::string(short_host(field_text(rejected, "host")))},
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
