#include "command/actions.h"

#include <algorithm>
#include <boost/json.hpp>

namespace b3::command {

namespace json = boost::json;

bool is_action(std::string_view name) {
  return std::ranges::find(actions, name) != actions.end();
}

Verdict failed(std::string_view why) {
  return {Verdict::Kind::failed, json::serialize(json::object{{"error", why}})};
}

Verdict verdict_of(const std::vector<MeetingEnd>& ends) {
  json::array meetings;
  bool all_over = true;
  for (const auto& end : ends) {
    json::object meeting{{"id", end.scoped_id}, {"status", end.error.empty() ? "ended" : "error"}};
    if (!end.error.empty()) meeting["error"] = end.error;
    all_over = all_over && end.error.empty();
    meetings.push_back(std::move(meeting));
  }
  return {all_over ? Verdict::Kind::success : Verdict::Kind::failed,
          json::serialize(json::object{{"meetings", std::move(meetings)}})};
}

std::string to_json(const EndProgress& progress) {
  return json::serialize(json::object{
      {"total", progress.total}, {"done", progress.done}, {"failed", progress.failed}});
}

std::string drain_progress(std::size_t meetings_left) {
  return json::serialize(json::object{{"meetings_left", meetings_left}});
}

std::optional<AdminState> drained_state(AdminState state) {
  if (state == AdminState::init || state == AdminState::ready) return AdminState::stopped;
  return {};
}

}  // namespace b3::command
