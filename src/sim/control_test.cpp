#include "sim/control.h"

#include <doctest/doctest.h>

using namespace b3;
using namespace b3::sim;

namespace {

template <typename T>
T parsed(std::string_view method, std::string_view path, std::string_view body = {}) {
  const auto command = parse_command(method, path, body);
  REQUIRE(command);
  REQUIRE(std::holds_alternative<T>(*command));
  return std::get<T>(*command);
}

int status(std::string_view method, std::string_view path, std::string_view body = {}) {
  const auto command = parse_command(method, path, body);
  if (command) return 200;
  CHECK_FALSE(command.error().message.empty());
  return command.error().status;
}

}  // namespace

TEST_CASE("commands are read from method, path and body") {
  parsed<command::ShowAll>("GET", "/");
  CHECK(parsed<command::ShowNode>("GET", "/nodes/node2").node == "node2");
  CHECK(parsed<command::ShowNode>("GET", "/nodes/node2/").node == "node2");
  CHECK(parsed<command::SetFaults>("PUT", "/nodes/node2/faults", "{}").body == "{}");
  CHECK(parsed<command::ResetFaults>("DELETE", "/nodes/node2/faults").node == "node2");
  CHECK(parsed<command::Start>("POST", "/nodes/node1/start").node == "node1");
  CHECK_FALSE(parsed<command::Stop>("POST", "/nodes/node1/stop").lose);
  CHECK(parsed<command::Stop>("POST", "/nodes/node1/stop", R"({"lose": true})").lose);
  CHECK(parsed<command::Restart>("POST", "/nodes/node1/restart").lose);
  CHECK_FALSE(parsed<command::Restart>("POST", "/nodes/node1/restart", R"({"lose": false})").lose);
}

TEST_CASE("meeting ids in paths are percent-decoded, and plus is plus") {
  CHECK(parsed<command::EndMeeting>("DELETE", "/nodes/n/meetings/k~a%2Fb+c%20%C3%A4").meeting_id ==
        "k~a/b+c ä");
  const auto people = parsed<command::ChangePeople>(
      "POST", "/nodes/n/meetings/math/people",
      R"({"join": 5, "leave": 2, "moderators": 1, "voice": 3, "video": 0})");
  CHECK(people.meeting_id == "math");
  CHECK(people.change.join == 5);
  CHECK(people.change.leave == 2);
  CHECK(people.change.moderators == 1);
  CHECK(people.change.voice == 3);
  CHECK(people.change.video == 0);
  CHECK_FALSE(people.change.listening);
}

TEST_CASE("the script is set, shown and switched off") {
  parsed<command::ShowScript>("GET", "/script");
  const auto script = parsed<command::SetScript>("POST", "/script",
                                                 R"({"people_per_minute": 1.5, "max_people": 4})");
  CHECK(script.script.people_per_minute == 1.5);
  CHECK(script.script.max_people == 4);
  CHECK(parsed<command::SetScript>("DELETE", "/script").script.people_per_minute == 0);
  CHECK(status("POST", "/script") == 400);
  CHECK(status("POST", "/script", R"({"people_per_minute": -1})") == 400);
  CHECK(status("POST", "/script", R"({"people_per_minute": 1, "max_people": 0})") == 400);
}

TEST_CASE("everything else is an error with its own status") {
  CHECK(status("GET", "/node") == 404);
  CHECK(status("GET", "/nodes") == 404);
  CHECK(status("POST", "/nodes/n/jump") == 404);
  CHECK(status("GET", "/nodes/n/meetings/m/people/x") == 404);
  CHECK(status("GET", "/nodes/n/other/m") == 404);
  CHECK(status("POST", "/nodes/n/meetings/m/animals") == 404);
  CHECK(status("DELETE", "/") == 405);
  CHECK(status("POST", "/nodes/n") == 405);
  CHECK(status("GET", "/nodes/n/stop") == 405);
  CHECK(status("POST", "/nodes/n/faults") == 405);
  CHECK(status("GET", "/nodes/n/meetings/m") == 405);
  CHECK(status("PUT", "/script") == 405);
  CHECK(status("GET", "/nodes/%4") == 400);
  CHECK(status("POST", "/nodes/n/stop", "[]") == 400);
  CHECK(status("POST", "/nodes/n/stop", R"({"loose": true})") == 400);
  CHECK(status("POST", "/nodes/n/stop", R"({"lose": 1})") == 400);
  CHECK(status("POST", "/nodes/n/meetings/m/people", R"({"join": -1})") == 400);
  CHECK(status("POST", "/nodes/n/meetings/m/people", R"({"join": "2"})") == 400);
  CHECK(status("POST", "/nodes/n/meetings/m/people", R"({"join": 100001})") == 400);
  CHECK(status("POST", "/nodes/n/meetings/m/people", R"({"jion": 1})") == 400);
}

TEST_CASE("a node as JSON") {
  NodeState node("node1", 1);
  const Now now{from_unix_milliseconds(1'700'000'000'000), SteadyTime{}};
  CreateRequest request;
  request.meeting_id = "math";
  request.metadata = {{"origin", "x"}};
  REQUIRE(node.create(request, now));
  REQUIRE(node.change_people("math", {.join = 2, .moderators = 1}, now));
  NodeFigures figures;
  figures.calls["create"] = 3;
  const auto json = to_json(node, "http://x/", true, {}, figures);
  CHECK(json.at("up").as_bool());
  CHECK(json.at("calls").at("create").as_uint64() == 3);
  const auto& meeting = json.at("meetings").as_array().at(0);
  CHECK(meeting.at("meeting_id").as_string() == "math");
  CHECK(meeting.at("participants").as_uint64() == 2);
  CHECK(meeting.at("attendees").as_array().at(0).at("moderator").as_bool());
  CHECK(meeting.at("metadata").at("origin").as_string() == "x");
}
