#include "api/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "api/resources.h"
#include "base/encoding.h"

namespace b3::api {
namespace {

constexpr std::array all_routes{
    Route{"GET", "/api", Access::anyone, show_status},
    Route{"GET", "/api/v1", Access::anyone, show_status},
    Route{"GET", "/api/v1/status", Access::anyone, show_status},
    Route{"POST", "/api/v1/ctrl/migrate", Access::admin, migrate},

    Route{"GET", "/api/v1/frontends", Access::reader, list_frontends},
    Route{"POST", "/api/v1/frontends", Access::admin, create_frontend},
    Route{"GET", "/api/v1/frontends/{}", Access::reader, show_frontend},
    Route{"PATCH", "/api/v1/frontends/{}", Access::admin, change_frontend},
    Route{"DELETE", "/api/v1/frontends/{}", Access::admin, delete_frontend},

    Route{"GET", "/api/v1/backends", Access::admin, list_backends},
    Route{"POST", "/api/v1/backends", Access::admin, create_backend},
    Route{"GET", "/api/v1/backends/{}", Access::admin, show_backend},
    Route{"PATCH", "/api/v1/backends/{}", Access::admin, change_backend},
    Route{"DELETE", "/api/v1/backends/{}", Access::admin, delete_backend},

    Route{"GET", "/api/v1/meetings", Access::reader, list_meetings},
    Route{"GET", "/api/v1/meetings/{}", Access::reader, show_meeting},
    Route{"DELETE", "/api/v1/meetings/{}", Access::admin, delete_meeting},
    Route{"GET", "/api/v1/meetings/{}/placement", Access::admin, show_meeting_placement},
    Route{"GET", "/api/v1/placement", Access::admin, try_placement},
};

std::vector<std::string_view> segments_of(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

// What the {} of the pattern took; nullopt when the path is another one.
std::optional<std::vector<std::string_view>> match(std::string_view pattern,
                                                   const std::vector<std::string_view>& path) {
  const auto wanted = segments_of(pattern);
  if (wanted.size() != path.size()) return {};
  std::vector<std::string_view> taken;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "{}" && !path[i].empty()) {
      taken.push_back(path[i]);
    } else if (wanted[i] != path[i]) {
      return {};
    }
  }
  return taken;
}

// In a path '+' stands for itself, unlike in a form.
std::optional<std::string> decode_segment(std::string_view segment) {
  std::string escaped;
  for (const char c : segment) {
    if (c == '+') {
      escaped += "%2B";
    } else {
      escaped += c;
    }
  }
  return form_decode(escaped);
}

}  // namespace

std::span<const Route> routes() {
  return all_routes;
}

std::expected<Match, Problem> find_route(std::span<const Route> table, std::string_view method,
                                         std::string_view path) {
  if (!path.starts_with('/')) return refuse_unknown("resource");
  const auto segments = segments_of(path);
  std::string allowed;
  for (const Route& route : table) {
    const auto taken = match(route.pattern, segments);
    if (!taken) continue;
    if (route.method != method) {
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method);
      continue;
    }
    Match found{.route = &route, .arguments = {}};
    for (const auto segment : *taken) {
      auto decoded = decode_segment(segment);
      if (!decoded) return refuse(400, "bad_request", "the path has a malformed escape");
      found.arguments.push_back(std::move(*decoded));
    }
    return found;
  }
  if (allowed.empty()) return refuse_unknown("resource");
  return std::unexpected(Problem{.status = 405,
                                 .error = "method_not_allowed",
                                 .message = fmt::format("this resource understands {}", allowed),
                                 .headers = {{"Allow", allowed}}});
}

}  // namespace b3::api
