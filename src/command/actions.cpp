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

std::string plan_of(const std::vector<PlannedEnd>& meetings) {
  json::array planned;
  for (const auto& meeting : meetings) {
    json::object entry{{"id", meeting.scoped_id}, {"status", "pending"}, {"epoch", meeting.epoch}};
    if (!meeting.internal_id.empty()) entry["internal_id"] = meeting.internal_id;
    planned.push_back(std::move(entry));
  }
  return json::serialize(json::object{{"meetings", std::move(planned)}});
}

std::optional<std::vector<PlannedEnd>> read_plan(std::string_view result_json) {
  boost::system::error_code error;
  const auto document = json::parse(result_json, error);
  const auto* body = error ? nullptr : document.if_object();
  const auto* meetings = body ? body->if_contains("meetings") : nullptr;
  if (!meetings || !meetings->is_array()) return std::nullopt;
  std::vector<PlannedEnd> planned;
  for (const auto& each : meetings->get_array()) {
    const auto* entry = each.if_object();
    const auto* id = entry ? entry->if_contains("id") : nullptr;
    const auto* epoch = entry ? entry->if_contains("epoch") : nullptr;
    if (!id || !id->is_string() || !epoch || !epoch->is_int64()) return std::nullopt;
    const auto* internal_id = entry->if_contains("internal_id");
    const bool named = internal_id && internal_id->is_string();
    planned.push_back({std::string(id->get_string()), epoch->get_int64(),
                       named ? std::string(internal_id->get_string()) : std::string()});
  }
  return planned;
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
