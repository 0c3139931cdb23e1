// The control API's language (docs/bbbsim.md): requests as commands, nodes as JSON. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "sim/events.h"
#include "sim/faults.h"
#include "sim/node_state.h"
#include "sim/script.h"

namespace b3::sim {

namespace command {
struct ShowAll {};
struct ShowNode {
  std::string node;
};
struct SetFaults {
  std::string node;
  std::string body;  // for parse_faults()
};
struct ResetFaults {
  std::string node;
};
struct SetEvents {
  std::string node;
  EventSettings settings;
};
struct Start {
  std::string node;
};
struct Stop {
  std::string node;
  bool lose = false;
};
struct Restart {
  std::string node;
  bool lose = true;
};
struct ChangePeople {
  std::string node;
  std::string meeting_id;
  PeopleChange change;
};
struct EndMeeting {
  std::string node;
  std::string meeting_id;
};
struct ShowScript {};
struct SetScript {
  Script script;
};
}  // namespace command

using Command = std::variant<command::ShowAll, command::ShowNode, command::SetFaults,
                             command::ResetFaults, command::SetEvents, command::Start,
                             command::Stop, command::Restart, command::ChangePeople,
                             command::EndMeeting, command::ShowScript, command::SetScript>;

struct ControlError {
  int status = 400;
  std::string message;
};

// `path` is raw (percent-encoded), without the query.
std::expected<Command, ControlError> parse_command(std::string_view method, std::string_view path,
                                                   std::string_view body);

struct NodeFigures {
  std::map<std::string, std::uint64_t, std::less<>> calls;  // arrived, by name, faulty or not
  std::size_t open_connections = 0;
  std::size_t running_requests = 0;
};

boost::json::object to_json(const Meeting& meeting);
boost::json::object to_json(const Script& script);
boost::json::object to_json(const NodeState& node, std::string_view url, bool up,
                            const Faults& faults, const NodeFigures& figures);

}  // namespace b3::sim
