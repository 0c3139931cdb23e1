#include "gateway/route.h"

#include <array>
#include <utility>

#include "base/encoding.h"

namespace b3::gateway {
namespace {

constexpr std::array<std::pair<std::string_view, CallName>, 6> supported_calls{{
    {"create", CallName::create},
    {"join", CallName::join},
    {"isMeetingRunning", CallName::is_meeting_running},
    {"getMeetingInfo", CallName::get_meeting_info},
    {"getMeetings", CallName::get_meetings},
    {"end", CallName::end},
}};

CallName call_named(std::string_view text) {
  for (const auto& [name, call] : supported_calls) {
    if (name == text) return call;
  }
  return CallName::unsupported;
}

// Takes the next non-empty segment off `path`; "" at its end.
std::string_view take_segment(std::string_view& path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  const auto segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

}  // namespace

std::optional<Route> parse_route(std::string_view path) {
  if (!path.starts_with('/') || take_segment(path) != "bbb") return std::nullopt;
  const auto key = take_segment(path);
  if (key.empty()) return std::nullopt;

  Route route;
  // A key that does not decode names nobody; it goes on, so that it answers like any unknown key.
  route.frontend_key = form_decode(key).value_or(std::string{});
  std::string_view last;
  for (auto segment = take_segment(path); !segment.empty(); segment = take_segment(path)) {
    last = segment;
  }
  route.call_text = last;
  const bool is_index = last.empty() || last == "api" || last == "bigbluebutton";
  route.call = is_index ? CallName::index : call_named(last);
  return route;
}

}  // namespace b3::gateway
