// From a request path to a tenant key and a BBB call. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace b3::gateway {

enum class CallName {
  index,
  create,
  join,
  is_meeting_running,
  get_meeting_info,
  get_meetings,
  end,
  unsupported,
};

struct Route {
  std::string frontend_key;  // decoded; may name nobody
  CallName call = CallName::unsupported;
  std::string_view call_text;  // the last segment as received; part of the checksum
};

// "/bbb/<key>[/...]/<call>"; empty segments ("//") are ignored. The path that ends with the key,
// "api" or "bigbluebutton" is the index call. Call names are exact (BBB is case-sensitive).
// nullopt when the path is not below /bbb/ at all or names no key.
std::optional<Route> parse_route(std::string_view path);

}  // namespace b3::gateway
