#include "sim/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <initializer_list>
#include <optional>
#include <vector>

#include "base/encoding.h"
#include "base/json.h"

namespace b3::sim {
namespace {

namespace json = boost::json;

constexpr std::int64_t max_people_change = 100'000;

std::unexpected<ControlError> refuse(int status, std::string message) {
  return std::unexpected(ControlError{status, std::move(message)});
}

std::unexpected<ControlError> no_such_path() {
  return refuse(404, "no such path");
}
std::unexpected<ControlError> method_not_allowed(std::string_view allowed) {
  return refuse(405, fmt::format("this path knows {}", allowed));
}

// Path segments, percent-decoded ('+' is itself in a path); nullopt on malformed escapes.
std::optional<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::size_t end = std::min(path.find('/'), path.size());
    std::string raw;
    for (const char c : path.substr(0, end)) c == '+' ? raw += "%2B" : raw += c;
    path.remove_prefix(end);
    auto segment = form_decode(raw);
    if (!segment) return std::nullopt;
    if (!segment->empty() || !path.empty()) segments.push_back(*std::move(segment));
  }
  return segments;
}

std::expected<json::object, ControlError> read_body(std::string_view body,
                                                    std::initializer_list<std::string_view> known) {
  if (body.empty()) return json::object();
  auto object = parse_json_object(body);
  if (!object) return refuse(400, "the body must be one JSON object");
  for (const auto& [key, value] : *object) {
    if (std::ranges::find(known, std::string_view(key)) == known.end()) {
      return refuse(400, fmt::format("unknown member \"{}\"", std::string_view(key)));
    }
  }
  return *std::move(object);
}

std::expected<bool, ControlError> read_lose(std::string_view body, bool fallback) {
  const auto object = read_body(body, {"lose"});
  if (!object) return std::unexpected(object.error());
  if (!object->contains("lose")) return fallback;
  const auto lose = find_bool(*object, "lose");
  if (!lose) return refuse(400, "lose must be true or false");
  return *lose;
}

std::expected<PeopleChange, ControlError> read_people(std::string_view body) {
  const auto object =
      read_body(body, {"join", "leave", "moderators", "voice", "video", "listening"});
  if (!object) return std::unexpected(object.error());
  for (const auto& [key, value] : *object) {
    const auto number = find_integer(*object, key);
    if (!number || *number < 0 || *number > max_people_change) {
      return refuse(400, fmt::format("{} must be a whole number from 0 to {}",
                                     std::string_view(key), max_people_change));
    }
  }
  const auto total = [&](std::string_view key) -> std::optional<std::size_t> {
    const auto number = find_integer(*object, key);
    return number ? std::optional(std::size_t(*number)) : std::nullopt;
  };
  return PeopleChange{.leave = total("leave").value_or(0),
                      .join = total("join").value_or(0),
                      .moderators = total("moderators").value_or(0),
                      .voice = total("voice"),
                      .video = total("video"),
                      .listening = total("listening")};
}

std::expected<Script, ControlError> read_script(std::string_view body) {
  const auto object = read_body(body, {"people_per_minute", "max_people"});
  if (!object) return std::unexpected(object.error());
  const auto rate = find_number(*object, "people_per_minute");
  if (!rate || !(*rate >= 0 && *rate <= 1'000'000)) {
    return refuse(400, "people_per_minute must be a number from 0 to 1000000");
  }
  Script script{.people_per_minute = *rate};
  if (object->contains("max_people")) {
    const auto most = find_integer(*object, "max_people");
    if (!most || *most < 1 || *most > max_people_change) {
      return refuse(400, "max_people must be a whole number from 1 to 100000");
    }
    script.max_people = std::size_t(*most);
  }
  return script;
}

using Parsed = std::expected<Command, ControlError>;

Parsed parse_script_command(std::string_view method, std::string_view body) {
  if (method == "GET") return command::ShowScript{};
  if (method == "DELETE") return command::SetScript{};
  if (method != "POST") return method_not_allowed("GET, POST and DELETE");
  const auto script = read_script(body);
  if (!script) return std::unexpected(script.error());
  return command::SetScript{*script};
}

Parsed parse_node_action(std::string_view method, const std::string& node, std::string_view action,
                         std::string_view body) {
  if (action == "faults") {
    if (method == "PUT") return command::SetFaults{node, std::string(body)};
    if (method == "DELETE") return command::ResetFaults{node};
    return method_not_allowed("PUT and DELETE");
  }
  if (action == "events") {
    if (method != "PUT") return method_not_allowed("PUT");
    const auto settings = parse_event_settings(body);
    if (!settings) return refuse(400, settings.error());
    return command::SetEvents{node, *settings};
  }
  if (action != "start" && action != "stop" && action != "restart") return no_such_path();
  if (method != "POST") return method_not_allowed("POST");
  const bool restart = action == "restart";
  const auto lose = read_lose(body, restart);
  if (!lose) return std::unexpected(lose.error());
  if (restart) return command::Restart{node, *lose};
  if (action == "stop") return command::Stop{node, *lose};
  return command::Start{node};
}

Parsed parse_meeting_command(std::string_view method, const std::vector<std::string>& path,
                             std::string_view body) {
  if (path.size() == 4) {
    if (method != "DELETE") return method_not_allowed("DELETE");
    return command::EndMeeting{path[1], path[3]};
  }
  if (path[4] != "people") return no_such_path();
  if (method != "POST") return method_not_allowed("POST");
  const auto change = read_people(body);
  if (!change) return std::unexpected(change.error());
  return command::ChangePeople{path[1], path[3], *change};
}

}  // namespace

Parsed parse_command(std::string_view method, std::string_view path, std::string_view body) {
  const auto segments = split_path(path);
  if (!segments) return refuse(400, "malformed percent-encoding in the path");
  const auto& parts = *segments;
  if (parts.empty()) {
    return method == "GET" ? Parsed(command::ShowAll{}) : Parsed(method_not_allowed("GET"));
  }
  if (parts.size() == 1 && parts[0] == "script") return parse_script_command(method, body);
  if (parts[0] != "nodes" || parts.size() < 2) return no_such_path();
  if (parts.size() == 2) {
    return method == "GET" ? Parsed(command::ShowNode{parts[1]})
                           : Parsed(method_not_allowed("GET"));
  }
  if (parts.size() == 3) return parse_node_action(method, parts[1], parts[2], body);
  if (parts[2] != "meetings" || parts.size() > 5) return no_such_path();
  return parse_meeting_command(method, parts, body);
}

json::object to_json(const Meeting& meeting) {
  json::array attendees;
  for (const Attendee& person : meeting.attendees) {
    attendees.push_back(json::object{{"user_id", person.user_id},
                                     {"full_name", person.full_name},
                                     {"moderator", person.moderator},
                                     {"listening_only", person.listening_only},
                                     {"voice", person.voice},
                                     {"video", person.video}});
  }
  json::object metadata;
  for (const auto& [name, value] : meeting.metadata) metadata[name] = value;
  return {{"meeting_id", meeting.meeting_id},
          {"internal_id", meeting.internal_id},
          {"parent_internal_id", meeting.parent_internal_id},
          {"name", meeting.name},
          {"create_time", to_unix_milliseconds(meeting.created)},
          {"running", meeting.running()},
          {"forcibly_ended", meeting.forcibly_ended},
          {"breakout", meeting.breakout},
          {"presentations", meeting.presentations},
          {"chat_messages", meeting.chat_messages},
          {"participants", meeting.attendees.size()},
          {"metadata", std::move(metadata)},
          {"attendees", std::move(attendees)}};
}

json::object to_json(const Script& script) {
  return {{"people_per_minute", script.people_per_minute}, {"max_people", script.max_people}};
}

json::object to_json(const NodeState& node, std::string_view url, bool up, const Faults& faults,
                     const NodeFigures& figures) {
  json::object calls;
  for (const auto& [name, count] : figures.calls) calls[name] = count;
  json::array meetings;
  for (const auto& [id, meeting] : node.meetings()) meetings.push_back(to_json(meeting));
  return {{"name", node.name()},
          {"url", url},
          {"up", up},
          {"calls", std::move(calls)},
          {"open_connections", figures.open_connections},
          {"running_requests", figures.running_requests},
          {"faults", to_json(faults)},
          {"meetings", std::move(meetings)}};
}

}  // namespace b3::sim
