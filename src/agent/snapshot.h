// The node's own list of its meetings, as the agent reads it. Pure; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "agent/messages.h"

namespace b3::agent {

struct SeenMeeting {
  std::string internal_id;
  std::string external_id;
  bool ended = false;          // about to disappear
  std::string document;        // the <meeting> element
  std::vector<Person> people;  // internal_id is "" where the node does not tell it
};

// A getMeetings answer. The error says what the node said instead, in words without its XML.
std::expected<std::vector<SeenMeeting>, std::string> read_snapshot(std::string_view xml);

}  // namespace b3::agent
