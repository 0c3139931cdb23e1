#include <doctest/doctest.h>

#include "model/backend.h"
#include "model/frontend.h"
#include "model/meeting.h"

namespace b3 {
namespace {

FieldErrors backend_errors(std::string_view json) {
  const auto settings = parse_backend_settings(json);
  return settings ? FieldErrors{} : settings.error();
}

FieldErrors frontend_errors(std::string_view json) {
  const auto settings = parse_frontend_settings(json);
  return settings ? FieldErrors{} : settings.error();
}

TEST_CASE("every state has a name that parses back to it") {
  for (const auto state :
       {AdminState::init, AdminState::ready, AdminState::stopped, AdminState::decommissioned}) {
    CHECK(!to_string(state).empty());
    CHECK(parse_admin_state(to_string(state)) == state);
  }
  for (const auto state : {NodeState::init, NodeState::ready, NodeState::error, NodeState::stopped,
                           NodeState::decommissioned}) {
    CHECK(!to_string(state).empty());
    CHECK(parse_node_state(to_string(state)) == state);
  }
  for (const auto phase : {MeetingPhase::reserved, MeetingPhase::bound}) {
    CHECK(!to_string(phase).empty());
    CHECK(parse_meeting_phase(to_string(phase)) == phase);
  }
}

TEST_CASE("unknown state names are refused") {
  for (const auto* text : {"", "Ready", "ready ", "READY", "error\n"}) {
    CHECK(!parse_admin_state(text));
    CHECK(!parse_node_state(text));
    CHECK(!parse_meeting_phase(text));
  }
  CHECK(!parse_admin_state("error"));  // a node can be in error, an operator cannot want it
}

TEST_CASE("backend settings are read") {
  const auto settings = parse_backend_settings(
      R"({"tags":["bbb_27","big","big"],"max_meetings":0,"max_attendees":400,"checksum":"sha1",
          "something_else":{"kept":true}})");
  REQUIRE(settings);
  CHECK(settings->tags == std::vector<std::string>{"bbb_27", "big"});
  CHECK(settings->max_meetings == 0);
  CHECK(settings->max_attendees == 400);
  CHECK(settings->checksum == HashAlgorithm::sha1);
}

TEST_CASE("absent and null backend settings mean the defaults") {
  for (const auto* json :
       {"{}", R"({"tags":null,"max_meetings":null,"max_attendees":null,"checksum":null})"}) {
    const auto settings = parse_backend_settings(json);
    REQUIRE(settings);
    CHECK(settings->tags.empty());
    CHECK(!settings->max_meetings);
    CHECK(!settings->max_attendees);
    CHECK(settings->checksum == HashAlgorithm::sha256);
  }
}

TEST_CASE("wrong backend settings are named, all of them") {
  const auto errors = backend_errors(
      R"({"tags":["ok",7,""],"max_meetings":-1,"max_attendees":"12","checksum":"md5"})");
  CHECK(errors.size() == 5);
  CHECK(errors.at("max_meetings") == "must be a whole number of 0 or more");
  CHECK(errors.at("max_attendees") == "must be a whole number of 0 or more");
  CHECK(errors.contains("tags[1]"));
  CHECK(errors.contains("tags[2]"));
  CHECK(errors.contains("checksum"));

  for (const auto* number : {"1.5", "2.0", "1e3", "true", "18446744073709551615", "[]"}) {
    CAPTURE(number);
    CHECK(backend_errors(std::string(R"({"max_meetings":)") + number + "}").size() == 1);
  }
  CHECK(backend_errors(R"({"tags":"bbb_27"})").contains("tags"));
  CHECK(backend_errors(R"({"tags":["a\u0000b"]})").contains("tags[0]"));
  CHECK(backend_errors(R"({"checksum":256})").contains("checksum"));
  CHECK(backend_errors(R"({"tags":[")" + std::string(129, 'a') + "\"]}").contains("tags[0]"));
}

TEST_CASE("a settings document must be a JSON object") {
  for (const auto* json : {"", "{", "[]", "null", "7", "{}{}", "{\"a\":\"\xff\"}"}) {
    CAPTURE(json);
    CHECK(backend_errors(json).contains("settings"));
    CHECK(frontend_errors(json).contains("settings"));
  }
  CHECK(backend_errors(std::string(100'000, '[')).contains("settings"));
}

TEST_CASE("frontend settings are read and checked for shape") {
  const auto settings = parse_frontend_settings(
      R"({"required_tags":["eu"],"attendees_limit":50,"create_default_params":{"record":"true"},
          "create_override_params":{},"default_presentation":{"url":"https://x/p.pdf","force":true},
          "own":[1]})");
  REQUIRE(settings);
  CHECK(settings->required_tags == std::vector<std::string>{"eu"});

  const auto errors = frontend_errors(
      R"({"required_tags":{},"attendees_limit":-3,"create_default_params":{"record":true},
          "create_override_params":[],"default_presentation":{"url":1,"force":"yes"}})");
  CHECK(errors.size() == 6);
  CHECK(errors.contains("required_tags"));
  CHECK(errors.contains("attendees_limit"));
  CHECK(errors.contains("create_default_params.record"));
  CHECK(errors.contains("create_override_params"));
  CHECK(errors.contains("default_presentation.url"));
  CHECK(errors.contains("default_presentation.force"));
  CHECK(frontend_errors(R"({"default_presentation":"x"})").contains("default_presentation"));
}

TEST_CASE("frontend keys") {
  for (const auto* key : {"a", "moodle-1", "A_b.C", "..a", "0"}) CHECK(is_valid_frontend_key(key));
  CHECK(is_valid_frontend_key(std::string(64, 'k')));
  CHECK(!is_valid_frontend_key(std::string(65, 'k')));
  CHECK(!is_valid_frontend_key(std::string_view("a\0b", 3)));
  for (const auto* key : {"", ".", "..", "a~b", "~", "a b", "a/b", "\xc3\xa4", "a\n", "a%41"}) {
    CAPTURE(key);
    CHECK(!is_valid_frontend_key(key));
  }
}

}  // namespace
}  // namespace b3
