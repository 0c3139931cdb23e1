// Calls to nodes since the start. Written by Nodes, read by whoever publishes it; event loop thread
// only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "metrics/counters.h"
#include "metrics/histogram.h"

namespace b3::node {

// What nodes are asked. `other`: none of these, so that there are never more.
enum class CallLabel {
  create,
  join,
  is_meeting_running,
  get_meeting_info,
  get_meetings,
  end,
  other
};
inline constexpr std::array<std::string_view, 7> call_labels{
    "create", "join", "isMeetingRunning", "getMeetingInfo", "getMeetings", "end", "other"};
constexpr std::string_view to_string(CallLabel label) {
  return call_labels[std::size_t(label)];
}
constexpr CallLabel call_label(std::string_view call) {
  std::size_t at = 0;
  while (at + 1 < call_labels.size() && call_labels[at] != call) ++at;
  return CallLabel(at);
}

// Why a call failed: as CallFailure, and not_tried where the circuit breaker was open.
enum class FailureLabel { not_sent, no_answer, garbage, not_tried };
constexpr std::string_view to_string(FailureLabel label) {
  constexpr std::array<std::string_view, 4> names{"not_sent", "no_answer", "garbage", "not_tried"};
  return names[std::size_t(label)];
}

struct NodeCallStatistics {
  metrics::Histogram duration{metrics::call_bounds};  // of all that were tried
  metrics::Counters<FailureLabel, FailureLabel::not_tried> failures;
};

struct NodeStatistics {
  std::array<NodeCallStatistics, call_labels.size()> by_call;      // by CallLabel
  std::unordered_map<std::string, NodeCallStatistics> by_backend;  // by id
};

}  // namespace b3::node
