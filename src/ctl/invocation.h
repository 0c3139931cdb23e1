// What the command line asks b3scalectl to do. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace b3::ctl {

enum class Action {
  none,
  version,
  authorize,
  create_access_token,
  authorize_node_agent,
  show_status,
  show_frontends,
  show_frontend,
  show_backends,
  show_backend,
  show_meetings,
  add_frontend,
  add_backend,
  set_frontend,
  set_backend,
  remove_frontend,
  remove_backend,
  remove_meeting,
  enable_frontend,
  disable_frontend,
  enable_backend,
  disable_backend,
  explain,
  migrate,
};

struct Invocation {
  Action action = Action::none;

  // Global options.
  std::string api_url;
  std::string public_url;  // what tenants enter; B3SCALE_PUBLIC_URL, else the API's address
  std::string token_file;
  bool json = false;
  bool show_secrets = false;

  // What the command works on: a frontend's key, a backend's host, a meeting's id.
  std::string name;
  std::optional<std::string> secret;
  std::optional<std::string> key;
  std::optional<std::string> settings;  // a JSON object, as typed
  std::optional<std::string> state;
  std::optional<std::string> health;  // "auto": by evidence
  std::optional<double> load_factor;
  std::optional<std::string> backend;   // filter
  std::optional<std::string> frontend;  // filter
  std::optional<std::int64_t> expected_size;
  bool inactive = false;
  bool force = false;

  // Tokens.
  std::string ref;
  std::vector<std::string> scopes;
  std::chrono::milliseconds lifetime{0};
};

// Why a command did not do what was asked, and what the operator can do about it.
struct Failure {
  std::string what;
  std::string next;
};

}  // namespace b3::ctl
