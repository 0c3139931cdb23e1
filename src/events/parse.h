// Calls of the agents' RPC as events (docs/decisions/0009-administration.md). Pure functions; the
// size of a call is bounded by whoever received it.
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <string>
#include <vector>

#include "events/event.h"

namespace b3::events {

inline constexpr std::size_t most_calls_in_batch = 1'000;

// {"action": A, "payload": P}; P is an object or a text that holds one as JSON, plain or base64.
// One event; of a batch as many as it has calls, what cannot be read as Event::Kind::malformed. The
// error is for whoever wrote the agent.
std::expected<std::vector<Event>, std::string> parse_call(const boost::json::object& call);

}  // namespace b3::events
