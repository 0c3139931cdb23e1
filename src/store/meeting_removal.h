// Meeting rows going with the frontend or backend they belong to.
#pragma once

#include <string_view>

#include "store/connection.h"

namespace b3::store::queries {

enum class MeetingHolder { frontend, backend };

// The holder's row must be locked, so that no meeting is added meanwhile.
bool has_meetings(Connection& connection, MeetingHolder holder, std::string_view id);
// Rows with an internal id leave tombstones.
void remove_meetings(Connection& connection, MeetingHolder holder, std::string_view id,
                     WallTime now);

}  // namespace b3::store::queries
