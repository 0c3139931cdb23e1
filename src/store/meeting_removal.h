// Meeting rows going with the frontend or backend they belong to.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/connection.h"

namespace b3::store::queries {

enum class MeetingHolder { frontend, backend };

// Until the transaction ends, no meeting is added. To be called before any row is locked: whoever
// adds meetings locks the holders' rows afterwards, if at all.
void wait_for_creates(Connection& connection);

bool has_meetings(Connection& connection, MeetingHolder holder, std::string_view id);
// Rows with an internal id leave tombstones of this kind. Returns the scoped ids and epochs of all.
std::vector<std::pair<std::string, std::int64_t>> remove_meetings(Connection& connection,
                                                                  MeetingHolder holder,
                                                                  std::string_view id,
                                                                  TombstoneKind kind, WallTime now);

}  // namespace b3::store::queries
