// What an agent says about a meeting of its node. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bbb/answer.h"

namespace b3::events {

// Somebody in a meeting, with the fields of BBB's <attendee>.
struct Attendee {
  std::string internal_user_id;  // BBB's, new with every join
  std::string user_id;           // the tenant's
  std::string full_name;
  std::string role = "VIEWER";  // or MODERATOR
  std::string client_type = "HTML5";
  bool is_presenter = false;
  bool is_listening_only = false;
  bool has_joined_voice = false;
  bool has_video = false;
};

struct Event {
  enum class Kind {
    reset,      // `node_meeting` or `attendees` replace what is known of the meeting
    running,    // `running`
    add,        // `attendee`
    remove,     // `internal_user_id`
    ended,      // the meeting is over on the node
    refresh,    // of no meeting: the node is to be asked itself, soon
    malformed,  // one of a batch that could not be read, see `problem`
  };
  Kind kind = Kind::malformed;
  std::string internal_id;      // BBB's internalMeetingID; "" for `refresh`
  std::optional<bool> running;  // a reset may leave it open
  Attendee attendee;
  std::string internal_user_id;
  std::vector<Attendee> attendees;
  std::optional<bbb::NodeMeeting> node_meeting;  // a reset by the node's own <meeting>
  std::string problem;
};

// What became of one event.
struct Outcome {
  enum class Kind { done, no_such_meeting, other_backend, malformed };
  Kind kind = Kind::done;
  std::string detail;  // for people; "" when done
};

}  // namespace b3::events
