// Scoping of meeting ids: what a tenant calls "math" is "<frontend key>~math" on the nodes, so
// two tenants can use one id and every id found on a node names its tenant.
//
// '~' cannot be part of a frontend key (model/frontend.h), so the first '~' ends the key and
// unscope() undoes scope() for every meeting id. This file is the only place that knows the
// format. See docs/decisions/0002-meeting-id-scope.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace b3::bbb {

// BBB accepts 2 to 256 characters (Unicode code points) and no comma in a meetingID.
inline constexpr std::size_t min_meeting_id_length = 2;
inline constexpr std::size_t max_meeting_id_length = 256;

std::string scope(std::string_view frontend_key, std::string_view meeting_id);

struct Unscoped {
  std::string_view frontend_key;
  std::string_view meeting_id;
};
// nullopt for ids that no frontend of this system made.
std::optional<Unscoped> unscope(std::string_view scoped_id);

// The id as nodes will see it: BBB drops control characters from every parameter and trims it
// (bbb-web, ParamsUtil.stripControlChars), so " math " and "math" are one meeting. Call it on a
// tenant's id before checking and scoping; a node would otherwise report another id than asked for.
// Control characters inside are left for check_meeting_id() to refuse.
std::string_view trim_meeting_id(std::string_view meeting_id);

// What BBB itself would say against a tenant's meeting id, as (messageKey, message); nullopt when
// it is fine. Checks the tenant's id and the length of the scoped id.
struct IdProblem {
  std::string_view message_key;
  std::string_view message;
};
std::optional<IdProblem> check_meeting_id(std::string_view frontend_key,
                                          std::string_view meeting_id);

std::size_t count_code_points(std::string_view utf8);

}  // namespace b3::bbb
