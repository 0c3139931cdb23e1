#include "ctl/watch_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "ctl/fields.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

constexpr std::size_t most_meetings = 100;

const json::value& part_of(const json::object& seen, std::string_view name) {
  static const json::value none;
  const auto* part = seen.if_contains(name);
  return part ? *part : none;
}

std::string headline(const json::object& seen, const Style& style, std::string_view api_url) {
  const auto& backends = elements_of(part_of(seen, "backends"));
  double people = 0;
  std::size_t eligible = 0;
  for (const auto& backend : backends) {
    people += field_number(backend, "attendees_count").value_or(0);
    eligible += field_is_true(backend, "eligible") ? 1 : 0;
  }
  auto line =
      fmt::format("b3scale {} at {}   {} of {} backends eligible   {} meetings   {:.0f} people",
                  field_text(part_of(seen, "status"), "version"), api_url, eligible,
                  backends.size(), elements_of(part_of(seen, "meetings")).size(), people);
  if (style.now != WallTime{}) line += "   " + to_rfc3339(style.now).substr(11, 8) + " UTC";
  return printable(line);
}

json::array largest_meetings(const json::value& list) {
  std::vector<const json::value*> order;
  for (const auto& meeting : elements_of(list)) order.push_back(&meeting);
  std::ranges::sort(order, [](const json::value* left, const json::value* right) {
    const auto people_left = field_number(*left, "counts.participants").value_or(0);
    const auto people_right = field_number(*right, "counts.participants").value_or(0);
    if (people_left != people_right) return people_left > people_right;
    return field_text(*left, "id") < field_text(*right, "id");
  });
  if (order.size() > most_meetings) order.resize(most_meetings);
  json::array largest;
  for (const auto* meeting : order) largest.push_back(*meeting);
  return largest;
}

}  // namespace

std::string watch_frame(const json::object& seen, const Style& style, std::string_view api_url,
                        std::string_view trouble) {
  auto frame = headline(seen, style, api_url) + '\n';
  if (!trouble.empty()) {
    const auto line = "Not up to date: " + printable(trouble);
    frame += style.colour ? "\033[31m" + line + "\033[0m\n" : line + '\n';
  }
  const Style hidden{.colour = style.colour, .show_secrets = false, .now = style.now};
  frame += '\n' + render_backends(part_of(seen, "backends"), hidden);
  frame += '\n' + render_meetings(largest_meetings(part_of(seen, "meetings")), hidden);
  const auto total = elements_of(part_of(seen, "meetings")).size();
  if (total > most_meetings) frame += fmt::format("and {} smaller ones\n", total - most_meetings);
  return frame;
}

std::string fitted(const std::string& frame, Console::Size size) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < frame.size();) {
    const auto end = std::min(frame.find('\n', begin), frame.size());
    lines.push_back(clipped(std::string_view(frame).substr(begin, end - begin), size.columns));
    begin = end + 1;
  }
  if (lines.size() > size.lines && size.lines > 0) {
    const auto hidden = lines.size() - size.lines + 1;
    lines.resize(size.lines);
    lines.back() = clipped(fmt::format("... {} more lines", hidden), size.columns);
  }
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "" : "\n") + lines[i];
  return text;
}

}  // namespace b3::ctl
