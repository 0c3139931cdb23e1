#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "placement/placement.h"

namespace b3::placement {
namespace {

constexpr std::size_t longest_quoted_error = 200;

// Cut at a character's boundary: the detail is stored with every meeting placed.
std::string_view shortened(std::string_view text) {
  if (text.size() <= longest_quoted_error) return text;
  std::size_t end = longest_quoted_error;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string with_last_error(std::string sentence, const Candidate& candidate) {
  if (candidate.last_error.empty()) return sentence;
  return fmt::format("{}; last error: {}", sentence, shortened(candidate.last_error));
}

std::vector<std::string_view> missing_tags(const Candidate& candidate, const Demand& demand) {
  std::vector<std::string_view> missing;
  for (const auto& tag : demand.required_tags) {
    if (std::ranges::find(candidate.tags, tag) != candidate.tags.end()) continue;
    if (std::ranges::find(missing, tag) == missing.end()) missing.emplace_back(tag);
  }
  return missing;
}

bool is_silent(const Candidate& candidate) {
  return candidate.agent_silence && *candidate.agent_silence > agent_silence_limit;
}

// The load the candidate would have with the new meeting, where that is too much. An idle node
// takes any meeting, however large.
std::optional<std::string> overload(const Candidate& candidate, const Demand& demand) {
  const std::int64_t allowed = *candidate.max_attendees;
  if (candidate.attendees >= allowed) {
    return fmt::format("{} attendees of {} allowed", candidate.attendees, allowed);
  }
  const double load = candidate.expected_load + double(demand.expected_size);
  if (candidate.expected_load > 0 && load > double(allowed)) {
    return fmt::format("load {:.0f} of {} allowed", std::ceil(load), allowed);
  }
  return std::nullopt;
}

struct Reason {
  Rejection rejection;
  std::string detail;
};

// What the node is like, whatever it is to be used for.
std::optional<Reason> reason_against_node(const Candidate& candidate) {
  if (!candidate.synced) {
    return Reason{Rejection::not_synced, with_last_error("never seen alive", candidate)};
  }
  if (candidate.health == Health::given_up) {
    return Reason{Rejection::given_up, with_last_error("given up", candidate)};
  }
  if (candidate.node_state != NodeState::ready) {
    return Reason{
        Rejection::unhealthy,
        with_last_error(fmt::format("node state {}", to_string(candidate.node_state)), candidate)};
  }
  if (candidate.health == Health::avoided) {
    return Reason{Rejection::avoided, "avoided, no new meetings for now"};
  }
  if (candidate.circuit_open) {
    return Reason{Rejection::circuit_open, "the last calls to it did not get through"};
  }
  if (is_silent(candidate)) {
    return Reason{Rejection::agent_silent,
                  fmt::format("agent silent for {:.1f} s, allowed are {} s",
                              double(candidate.agent_silence->count()) / 1000,
                              agent_silence_limit.count() / 1000)};
  }
  return std::nullopt;
}

std::optional<Reason> reason_against_size(const Candidate& candidate, const Demand& demand) {
  if (candidate.max_meetings && candidate.meetings >= *candidate.max_meetings) {
    return Reason{
        Rejection::max_meetings,
        fmt::format("{} meetings of {} allowed", candidate.meetings, *candidate.max_meetings)};
  }
  if (candidate.max_attendees) {
    if (auto detail = overload(candidate, demand)) {
      return Reason{Rejection::max_attendees, std::move(*detail)};
    }
  }
  return std::nullopt;
}

std::optional<Reason> reason_against(const Candidate& candidate, const Demand& demand) {
  if (candidate.admin_state != AdminState::ready) {
    return Reason{Rejection::admin_state,
                  fmt::format("administratively {}", to_string(candidate.admin_state))};
  }
  if (std::ranges::find(demand.tried, candidate.backend_id) != demand.tried.end()) {
    return Reason{Rejection::already_tried, "already refused this request"};
  }
  if (auto reason = reason_against_node(candidate)) return reason;
  if (const auto missing = missing_tags(candidate, demand); !missing.empty()) {
    return Reason{
        Rejection::missing_tags,
        fmt::format("lacks tag{} {}", missing.size() > 1 ? "s" : "", fmt::join(missing, ", "))};
  }
  return reason_against_size(candidate, demand);
}

}  // namespace

std::string_view to_string(Rejection rejection) {
  switch (rejection) {
    case Rejection::admin_state:
      return "admin_state";
    case Rejection::not_synced:
      return "not_synced";
    case Rejection::given_up:
      return "health_given_up";
    case Rejection::unhealthy:
      return "unhealthy";
    case Rejection::avoided:
      return "health_avoided";
    case Rejection::circuit_open:
      return "circuit_open";
    case Rejection::agent_silent:
      return "agent_silent";
    case Rejection::missing_tags:
      return "missing_tags";
    case Rejection::max_meetings:
      return "max_meetings";
    case Rejection::max_attendees:
      return "max_attendees";
    case Rejection::already_tried:
      return "already_tried";
  }
  return "unknown";
}

std::optional<Rejected> reject(const Candidate& candidate, const Demand& demand, WallTime) {
  auto reason = reason_against(candidate, demand);
  if (!reason) return std::nullopt;
  return Rejected{candidate.backend_id, candidate.host, reason->rejection,
                  std::move(reason->detail)};
}

}  // namespace b3::placement
