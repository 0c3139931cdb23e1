#include <doctest/doctest.h>

#include <limits>

#include "base/encoding.h"
#include "placement/kept_test.h"
#include "placement/placement.h"

namespace b3::placement {
namespace {

constexpr WallTime now{milliseconds{1'800'000'000'000}};

Candidate healthy() {
  Candidate candidate;
  candidate.backend_id = "node-1";
  candidate.host = "https://node-1/bigbluebutton/api/";
  candidate.admin_state = AdminState::ready;
  candidate.node_state = NodeState::ready;
  candidate.synced = true;
  return candidate;
}

// Reason and detail, "" when eligible.
std::string verdict(const Candidate& candidate, const Demand& demand = {}) {
  const auto rejected = reject(candidate, demand, now);
  if (!rejected) return "";
  CHECK(rejected->backend_id == candidate.backend_id);
  CHECK(rejected->host == candidate.host);
  return std::string(to_string(rejected->reason)) + ": " + rejected->detail;
}

TEST_CASE("a healthy candidate is eligible") {
  CHECK(verdict(healthy()) == "");
}

TEST_CASE("only the admin state ready takes new meetings") {
  auto candidate = healthy();
  for (const auto state : {AdminState::init, AdminState::stopped, AdminState::decommissioned}) {
    candidate.admin_state = state;
    CHECK(verdict(candidate) == "admin_state: administratively " + std::string(to_string(state)));
  }
}

TEST_CASE("a candidate already tried is not tried again") {
  CHECK(verdict(healthy(), {.tried = {"node-0", "node-1"}}) ==
        "already_tried: already refused this request");
  CHECK(verdict(healthy(), {.tried = {"node-0", "node-10"}}) == "");
}

TEST_CASE("a node never seen alive is left out, with what went wrong") {
  auto candidate = healthy();
  candidate.synced = false;
  CHECK(verdict(candidate) == "not_synced: never seen alive");
  candidate.last_error = "name not found";
  CHECK(verdict(candidate) == "not_synced: never seen alive; last error: name not found");
}

TEST_CASE("only the node state ready is healthy") {
  auto candidate = healthy();
  candidate.last_error = "connection refused";
  CHECK(verdict(candidate) == "");
  candidate.node_state = NodeState::error;
  CHECK(verdict(candidate) == "unhealthy: node state error; last error: connection refused");
  for (const auto state : {NodeState::init, NodeState::stopped, NodeState::decommissioned}) {
    candidate.node_state = state;
    CHECK(verdict(candidate).starts_with("unhealthy: node state " + std::string(to_string(state))));
  }
}

TEST_CASE("a long error is cut between characters") {
  auto candidate = healthy();
  candidate.node_state = NodeState::error;
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string error(shift, 'x');
    for (int i = 0; i < 200; ++i) error += "€";
    candidate.last_error = error;
    const auto text = verdict(candidate);
    CHECK(text.size() < 300);
    CHECK(is_valid_utf8(text));
  }
  candidate.last_error = kept(std::string(300, '\x80'));  // continuation bytes only
  CHECK(verdict(candidate) == "unhealthy: node state error; last error: ");
}

TEST_CASE("an agent is silent after more than five seconds") {
  auto candidate = healthy();
  candidate.agent_silence = milliseconds{5'000};
  CHECK(verdict(candidate) == "");
  candidate.agent_silence = milliseconds{5'001};
  CHECK(verdict(candidate) == "agent_silent: agent silent for 5.0 s, allowed are 5 s");
  candidate.agent_silence = milliseconds{90'400};
  CHECK(verdict(candidate) == "agent_silent: agent silent for 90.4 s, allowed are 5 s");
  candidate.agent_silence.reset();
  CHECK(verdict(candidate) == "");
}

TEST_CASE("an avoided node gets nothing new, and neither does one that was given up") {
  auto candidate = healthy();
  candidate.health = Health::avoided;
  CHECK(verdict(candidate) == "health_avoided: avoided, no new meetings for now");
  candidate.health = Health::given_up;
  CHECK(verdict(candidate) == "health_given_up: given up");
  candidate.last_error = "connection refused";
  CHECK(verdict(candidate) == "health_given_up: given up; last error: connection refused");
}

TEST_CASE("a node that calls do not get through to is left out between polls") {
  auto candidate = healthy();
  candidate.circuit_open = true;
  CHECK(verdict(candidate) == "circuit_open: the last calls to it did not get through");
}

TEST_CASE("every required tag must be there, exactly as written") {
  auto candidate = healthy();
  candidate.tags = kept(std::vector<std::string>{"bbb_26", "eu"});
  CHECK(verdict(candidate, {.required_tags = {"eu"}}) == "");
  CHECK(verdict(candidate, {.required_tags = {"eu", "bbb_26", "eu"}}) == "");
  CHECK(verdict(candidate, {.required_tags = {"bbb_27", "eu"}}) ==
        "missing_tags: lacks tag bbb_27");
  CHECK(verdict(candidate, {.required_tags = {"bbb_27", "us", "bbb_27"}}) ==
        "missing_tags: lacks tags bbb_27, us");
  CHECK(verdict(candidate, {.required_tags = {"EU"}}) == "missing_tags: lacks tag EU");
}

TEST_CASE("max_meetings is the number at which placement stops") {
  auto candidate = healthy();
  candidate.meetings = 11;
  candidate.max_meetings = 12;
  CHECK(verdict(candidate) == "");
  candidate.meetings = 12;
  CHECK(verdict(candidate) == "max_meetings: 12 meetings of 12 allowed");
  candidate.meetings = 0;
  candidate.max_meetings = 0;
  CHECK(verdict(candidate) == "max_meetings: 0 meetings of 0 allowed");
}

TEST_CASE("max_attendees bounds the load including the new meeting") {
  auto candidate = healthy();
  candidate.max_attendees = 400;
  candidate.expected_load = 385;
  CHECK(verdict(candidate, {.expected_size = 15}) == "");
  candidate.expected_load = 397;
  CHECK(verdict(candidate, {.expected_size = 15}) == "max_attendees: load 412 of 400 allowed");
  candidate.expected_load = 385.01;
  CHECK(verdict(candidate, {.expected_size = 15}) == "max_attendees: load 401 of 400 allowed");
}

TEST_CASE("an idle node takes a meeting larger than its limit, a full one none") {
  auto candidate = healthy();
  candidate.max_attendees = 50;
  CHECK(verdict(candidate, {.expected_size = 200}) == "");
  candidate.expected_load = 0.5;
  CHECK(verdict(candidate, {.expected_size = 200}) == "max_attendees: load 201 of 50 allowed");
  candidate.attendees = 50;
  CHECK(verdict(candidate, {.expected_size = 0}) == "max_attendees: 50 attendees of 50 allowed");
  candidate.max_attendees = 0;
  candidate.attendees = 0;
  candidate.expected_load = 0;
  CHECK(verdict(candidate) == "max_attendees: 0 attendees of 0 allowed");
}

TEST_CASE("the first reason in order is the one told") {
  auto candidate = healthy();
  candidate.admin_state = AdminState::stopped;
  candidate.synced = false;
  candidate.node_state = NodeState::error;
  candidate.health = Health::given_up;
  candidate.circuit_open = true;
  candidate.agent_silence = std::chrono::hours{1};
  candidate.meetings = candidate.attendees = 100;
  candidate.max_meetings = candidate.max_attendees = 1;
  Demand demand{.required_tags = {"x"}, .tried = {"node-1"}};
  const auto reason = [&] { return reject(candidate, demand, now)->reason; };

  CHECK(reason() == Rejection::admin_state);
  candidate.admin_state = AdminState::ready;
  CHECK(reason() == Rejection::already_tried);
  demand.tried.clear();
  CHECK(reason() == Rejection::not_synced);
  candidate.synced = true;
  CHECK(reason() == Rejection::given_up);
  candidate.health = Health::avoided;
  CHECK(reason() == Rejection::unhealthy);
  candidate.node_state = NodeState::ready;
  CHECK(reason() == Rejection::avoided);
  candidate.health = Health::usable;
  CHECK(reason() == Rejection::circuit_open);
  candidate.circuit_open = false;
  CHECK(reason() == Rejection::agent_silent);
  candidate.agent_silence = milliseconds{0};
  CHECK(reason() == Rejection::missing_tags);
  candidate.tags = kept(std::vector<std::string>{"x"});
  CHECK(reason() == Rejection::max_meetings);
  candidate.max_meetings = 101;
  CHECK(reason() == Rejection::max_attendees);
  candidate.max_attendees.reset();
  CHECK_FALSE(reject(candidate, demand, now));
}

TEST_CASE("hostile numbers reject or pass, but stay defined") {
  auto candidate = healthy();
  candidate.max_attendees = std::numeric_limits<std::int64_t>::max();
  candidate.expected_load = std::numeric_limits<double>::quiet_NaN();
  CHECK(verdict(candidate) == "");
  candidate.expected_load = std::numeric_limits<double>::infinity();
  CHECK(verdict(candidate).starts_with("max_attendees: load inf of "));
  candidate.expected_load = 0;
  candidate.max_attendees = std::numeric_limits<std::int64_t>::min();
  CHECK(verdict(candidate).starts_with("max_attendees: "));
}

}  // namespace
}  // namespace b3::placement
