// What a node tells the world through its redis: the messages of akka-bbb-apps that say who is in
// which meeting (bigbluebutton/bigbluebutton, bbb-common-message, 2.7 and 3.0). Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "sim/node_state.h"

namespace b3::sim {

inline constexpr std::string_view event_channel = "from-akka-apps-redis-channel";

// One event as the messages a node publishes for it, in order.
std::vector<std::string> to_messages(const StateEvent& event);

// How the stream of messages misbehaves.
struct EventQuirks {
  bool duplicate = false;  // every message twice
  bool silent = false;     // none at all
  std::size_t lose = 0;    // so many of the next ones
};

// The body of PUT /nodes/<name>/events. What it leaves out is off. The error is for people.
struct EventSettings {
  EventQuirks quirks;
  bool reconnect = false;
};
std::expected<EventSettings, std::string> parse_event_settings(std::string_view json);
boost::json::object to_json(const EventQuirks& quirks);

// What is left of the messages; counts `lose` down.
std::vector<std::string> distort(EventQuirks& quirks, const std::vector<std::string>& messages);

}  // namespace b3::sim
