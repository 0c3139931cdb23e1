// Rows for the tests of this room.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "model/backend.h"
#include "model/frontend.h"
#include "model/meeting.h"
#include "view/view.h"

namespace b3::view {

inline constexpr Now test_now{WallTime{milliseconds{1'800'000'000'000}},
                              SteadyTime{std::chrono::hours{100}}};
inline Now later(milliseconds by) {
  return {test_now.wall + by, test_now.steady + by};
}

// A view whose clock stands still.
struct TestView : View {
  TestView() : View([] { return test_now; }) {}
};

inline Frontend frontend_row(std::string id, std::string key, std::string settings = "{}") {
  Frontend frontend;
  frontend.id = std::move(id);
  frontend.key = std::move(key);
  frontend.secret = "secret";
  frontend.settings_json = std::move(settings);
  return frontend;
}

inline Backend backend_row(std::string id, std::string host, std::string settings = "{}") {
  Backend backend;
  backend.id = std::move(id);
  backend.host = std::move(host);
  backend.settings_json = std::move(settings);
  backend.admin_state = AdminState::ready;
  backend.node_state = NodeState::ready;
  backend.synced_at = test_now.wall;
  return backend;
}

inline Meeting meeting_row(std::string scoped_id, std::string frontend_id, std::string backend_id,
                           std::string internal_id = "") {
  Meeting meeting;
  meeting.scoped_id = std::move(scoped_id);
  meeting.frontend_id = std::move(frontend_id);
  meeting.backend_id = std::move(backend_id);
  meeting.phase = internal_id.empty() ? MeetingPhase::reserved : MeetingPhase::bound;
  meeting.internal_id = std::move(internal_id);
  meeting.epoch = 1;
  meeting.reserved_at = test_now.wall;
  return meeting;
}

template <class Entries>
std::string scoped_ids(const Entries& entries) {
  std::string joined;
  for (const auto* entry : entries) joined += std::string(entry->scoped_id()) + " ";
  return joined;
}

}  // namespace b3::view
