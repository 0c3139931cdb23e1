// A meeting's placement: which node holds a tenant's meeting id.
//
// A row exists from the moment a node is reserved for an id, before the node is asked. There is
// at most one row per scoped id, so an id lives on at most one node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace b3 {

// reserved: the node may or may not have the meeting. bound: the node confirmed it.
enum class MeetingPhase { reserved, bound };
std::string_view to_string(MeetingPhase phase);
std::optional<MeetingPhase> parse_meeting_phase(std::string_view text);

// Who is in a meeting, as the node last told.
struct MeetingCounts {
  std::int64_t participants = 0;
  std::int64_t moderators = 0;
  std::int64_t listeners = 0;
  std::int64_t voices = 0;
  std::int64_t videos = 0;
  bool operator==(const MeetingCounts&) const = default;
};

struct Meeting {
  std::string scoped_id;   // primary key; the meetingID that nodes see
  std::string meeting_id;  // the tenant's own
  std::string frontend_id;
  std::string backend_id;
  MeetingPhase phase = MeetingPhase::reserved;
  // Identifies this placement of the id in compare-and-set writes. Handed out by the store, growing
  // with every reservation and move and never used twice. 0: not in the store yet.
  std::int64_t epoch = 0;
  std::string owner;  // random token of the request that holds the reservation

  std::string internal_id;  // BBB's internalMeetingID; empty until bound
  std::string name;
  bool running = false;  // at least one person has joined and the node says so
  MeetingCounts counts;
  std::int64_t expected_size = 15;  // people; see placement/load.h

  // The node's <meeting> element for this meeting as last seen, still carrying the scoped id
  // (UTF-8 XML, no declaration). Made from the create answer until the first refresh.
  std::string document;
  // The ranking that chose the node (placement/explain.h), kept for the life of the meeting.
  std::string placement_json = "{}";
  // BBB's internal user id -> user id of people that agents' events told of (JSON object). Not kept
  // in the view.
  std::string attendee_ids = "{}";

  WallTime reserved_at{};
  std::optional<WallTime> bound_at;
  std::optional<WallTime> seen_at;  // last time a refresh of its node listed it
};

}  // namespace b3
