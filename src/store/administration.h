// What administration leaves in the store (docs/decisions/0009-administration.md): who changed
// what, commands under way, tokens that no longer count, what agents said. Plain values; times are
// wall time in milliseconds, JSON is kept as text and not looked into.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace b3::store {

// A change somebody made. Secrets in it have been replaced by whoever wrote it.
struct AuditRecord {
  std::int64_t number = 0;  // the store's; grows
  WallTime at{};
  std::string subject;  // of the token
  std::string token_id;
  std::string request_id;
  std::string action;
  std::string kind;  // of the object
  std::string object_id;
  std::string object_name;
  std::string before_json;  // "" none
  std::string after_json;   // "" none
};

// What is set must be equal; `since` is included.
struct AuditQuery {
  std::optional<std::string> subject;
  std::optional<std::string> action;
  std::optional<std::string> kind;
  std::optional<std::string> object_id;
  std::optional<WallTime> since;
  std::int64_t limit = 100;
  std::int64_t offset = 0;
};
struct AuditPage {
  std::vector<AuditRecord> records;
  std::int64_t total = 0;  // of all pages
};

enum class CommandState { requested, running, success, error };
std::string_view to_string(CommandState state);
std::optional<CommandState> parse_command_state(std::string_view text);

// Work on a backend that takes longer than a request.
struct CommandRow {
  std::string id;  // UUID
  std::string action;
  std::string backend_id;
  std::string parameters_json = "{}";
  std::string progress_json = "{}";
  std::string result_json = "{}";
  std::string requested_by;  // subject of the token
  std::string holder;        // the instance that runs it; "" nobody
  CommandState state = CommandState::requested;
  WallTime created_at{};
  std::optional<WallTime> started_at;
  std::optional<WallTime> finished_at;
};

struct RevokedToken {
  std::string id;  // the token's jti
  std::optional<WallTime> expires_at;
  WallTime revoked_at{};
  std::string revoked_by;
};

struct Heartbeat {
  std::string backend_id;
  std::string report_json;  // "" keeps the old one
  WallTime at{};
};

// What revising a meeting's row did to it.
enum class Revision { unchanged, changed, ended };

}  // namespace b3::store
