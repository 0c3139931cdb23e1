// What commands there are, and what is said of how they went. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/backend.h"
#include "store/administration.h"

namespace b3::command {

inline constexpr std::string_view end_all_meetings_action = "end_all_meetings";
inline constexpr std::string_view drain_action = "drain";
inline constexpr std::string_view refresh_action = "refresh";
inline constexpr std::array<std::string_view, 3> actions{end_all_meetings_action, drain_action,
                                                         refresh_action};
bool is_action(std::string_view name);

// How a command ended; unsettled: it was not ours any more, or we are stopping.
struct Verdict {
  enum class Kind { success, failed, unsettled } kind = Kind::unsettled;
  std::string result_json = "{}";
};
Verdict failed(std::string_view why);

// How ending one meeting went.
struct MeetingEnd {
  std::string scoped_id;
  std::string error;  // for operators, without secrets; "" when it is over
};
// {"meetings":[{"id","status","error"?}]}; failed when one of them did.
Verdict verdict_of(const std::vector<MeetingEnd>& ends);

// A meeting that is to be ended, as it was when the command was asked for: what has been created
// under its id since then is not meant.
struct PlannedEnd {
  std::string scoped_id;
  std::int64_t epoch = 0;
  std::string internal_id;  // "" its create was not decided yet
};
// {"meetings":[{"id","status":"pending","epoch","internal_id"?}]}: the result of a command that has
// not ended, kept with it for whoever takes it over.
std::string plan_of(const std::vector<PlannedEnd>& meetings);
// nullopt: there is no plan, as in commands that older programs have stored.
std::optional<std::vector<PlannedEnd>> read_plan(std::string_view result_json);

struct EndProgress {
  std::size_t total = 0;
  std::size_t done = 0;
  std::size_t failed = 0;
};
std::string to_json(const EndProgress& progress);
std::string drain_progress(std::size_t meetings_left);

// What a drain makes of the operator's word for a backend: nullopt leaves it.
std::optional<AdminState> drained_state(AdminState state);

}  // namespace b3::command
