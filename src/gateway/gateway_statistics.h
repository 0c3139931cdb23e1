// What the gateway has done since the start. Written by the gateway, read by whoever publishes it;
// event loop thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/message.h"
#include "metrics/counters.h"
#include "metrics/histogram.h"
#include "placement/placement.h"

namespace b3::gateway {

// What was asked for. In the order of route.h's CallName.
enum class CallKind {
  index,
  create,
  join,
  is_meeting_running,
  get_meeting_info,
  get_meetings,
  end,
  unsupported,
  retry_join,  // the waiting page
};
constexpr std::string_view to_string(CallKind kind) {
  constexpr std::array<std::string_view, 9> names{
      "index",       "create", "join",        "isMeetingRunning", "getMeetingInfo",
      "getMeetings", "end",    "unsupported", "retryJoin"};
  return names[std::size_t(kind)];
}

enum class CallResult {
  success,
  failed,  // BBB's FAILED, or an HTTP status of 400 and up
};
constexpr std::string_view to_string(CallResult result) {
  return result == CallResult::success ? "success" : "failed";
}

// BBB says FAILED with status 200; the returncode is an answer's first element.
inline CallResult result_of(const http::Response& response) {
  constexpr std::size_t beginning = 160;
  const auto says_failed = [&] {
    return std::string_view(response.body).substr(0, beginning).find(">FAILED<") !=
           std::string_view::npos;
  };
  const bool failed = response.status >= 400 || (response.status == 200 && says_failed());
  return failed ? CallResult::failed : CallResult::success;
}

// What became of asking one node for a new meeting; see create.h's Attempt.
enum class CreateOutcome { created, refused, not_acted, unknown };
constexpr std::string_view to_string(CreateOutcome outcome) {
  constexpr std::array<std::string_view, 4> names{"created", "refused", "not_acted", "unknown"};
  return names[std::size_t(outcome)];
}

struct CallStatistics {
  metrics::Counters<CallResult, CallResult::failed> results;
  metrics::Histogram duration{metrics::request_bounds};
};

struct GatewayStatistics {
  std::array<CallStatistics, std::size_t(CallKind::retry_join) + 1> calls;  // by CallKind

  std::unordered_map<std::string, std::uint64_t> placements;  // won reservations, by backend id
  std::uint64_t unplaceable = 0;  // creates for which no backend was left
  std::uint64_t moves = 0;        // reservations that went on to another backend
  // Backends left out of rankings: one create may count many.
  metrics::Counters<placement::Rejection, placement::Rejection::already_tried> rejections;
  metrics::Counters<CreateOutcome, CreateOutcome::unknown> attempts;

  void note(CallKind kind, std::chrono::nanoseconds duration, const http::Response& response) {
    auto& call = calls[std::size_t(kind)];
    call.results.add(result_of(response));
    call.duration.observe(duration);
  }
  // A call that ended with an exception.
  void note_broken(CallKind kind, std::chrono::nanoseconds duration) {
    auto& call = calls[std::size_t(kind)];
    call.results.add(CallResult::failed);
    call.duration.observe(duration);
  }
};

}  // namespace b3::gateway
