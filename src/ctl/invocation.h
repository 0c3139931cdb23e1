// What the command line asks b3scalectl to do. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace b3::ctl {

enum class Action {
  none,
  version,
  completions,
  authorize,
  create_access_token,
  authorize_node_agent,
  show_status,
  show_frontends,
  show_frontend,
  show_backends,
  show_backend,
  show_meetings,
  show_meeting,
  show_recordings,
  show_audit,
  show_commands,
  show_command,
  show_tokens,
  add_frontend,
  add_backend,
  create_meeting,
  set_frontend,
  set_backend,
  set_recording_visibility,
  remove_frontend,
  remove_backend,
  remove_meeting,
  enable_frontend,
  disable_frontend,
  enable_backend,
  disable_backend,
  drain_backend,
  refresh_backend,
  end_meetings,
  cancel_command,
  revoke_token,
  explain,
  watch,
  diff,
  apply,
  migrate,
  export_schema,
  list_names,  // for the shells' completion
};

struct Invocation {
  Action action = Action::none;

  // Global options.
  std::string api_url;
  std::string public_url;  // what tenants enter; B3SCALE_PUBLIC_URL, else the API's address
  std::string token_file;
  bool json = false;
  bool yaml = false;
  bool show_secrets = false;

  // What the command works on: a frontend's key, a backend's host, a meeting's id.
  std::string name;
  std::optional<std::string> secret;
  std::string secret_file;  // its first line is the secret; "-": standard input
  std::optional<std::string> key;
  std::optional<std::string> settings;  // a JSON object, as typed
  std::optional<std::string> account_ref;
  std::optional<std::string> state;
  std::optional<std::string> health;  // "auto": by evidence
  std::optional<double> load_factor;
  std::optional<std::string> backend;   // filter
  std::optional<std::string> frontend;  // filter
  std::optional<std::int64_t> expected_size;
  std::string visibility;
  bool inactive = false;
  bool force = false;

  // A meeting made as its tenant.
  std::optional<std::string> meeting_name;
  std::vector<std::string> parameters;  // "name=value"

  // Audit.
  std::optional<std::string> subject;
  std::optional<std::string> kind;
  std::optional<std::string> recorded_action;
  std::optional<std::string> object_id;
  std::optional<std::string> since;  // RFC 3339, or an age like "2h"

  // The page of a list.
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> offset;

  // Work that takes its time.
  bool wait = false;
  std::chrono::milliseconds patience{0};  // how long to wait; 0: for ever
  std::chrono::milliseconds interval{2'000};

  // The cluster from a file.
  std::string file;
  bool yes = false;
  bool prune = false;
  bool exit_code = false;

  // Tokens.
  std::string ref;
  std::vector<std::string> scopes;
  std::chrono::milliseconds lifetime{0};

  std::string script;  // completions: what is printed
};

// Why a command did not do what was asked, and what the operator can do about it.
struct Failure {
  std::string what;  // "": the exit code says it all
  std::string next;
  std::string printed = {};  // what had been done until then, for standard output
  int status = 0;            // of the API's answer; 0 where there was none
};

}  // namespace b3::ctl
