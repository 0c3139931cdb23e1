// Configuration from environment variables and env files, described by one table from which
// parsing, --help and docs/configuration.md are made.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace b3::config {

// Values of the kinds secret and database (its URL may hold a password) are never shown.
enum class Kind {
  text,
  secret,
  integer,
  number,
  boolean,
  duration,
  address,
  url,
  database,
  choice,
  path
};

struct Variable {
  std::string_view name;  // B3SCALE_...
  Kind kind;
  std::string_view default_value;  // as one would write it; "" when there is none
  std::string_view choices;        // choice: "a|b|c"; integer, number, duration: "min..max"
  std::string_view programs;       // which programs read it: "b3scaled", "b3scalectl", ...
  std::string_view help;           // one sentence
};
std::span<const Variable> variables();

// The environment: exported variables win over env files; of several files the later one wins.
using Environment = std::map<std::string, std::string>;
// KEY=value lines; "export " in front, comments, blank lines, single quotes (literal) and double
// quotes (\" \\ \n \$ escapes) understood; no expansion. Errors name file and line and never
// quote the line: it may hold a secret.
std::expected<Environment, std::string> parse_env_file(std::string_view text,
                                                       std::string_view file_name);
// The process environment over the files: /etc/default/b3scale and /etc/sysconfig/b3scale where
// they exist, then the explicit ones, which must exist.
std::expected<Environment, std::vector<std::string>> read_environment(
    const std::vector<std::string>& explicit_files);

// What b3scaled runs with.
struct DaemonConfig {
  std::string listen_http;
  std::string db_url;
  std::string db_listen_url;  // empty: no LISTEN
  int db_pool_size = 0;
  bool reverse_proxy_mode = false;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::structured;
  std::string api_jwt_secret;           // empty: the REST API is off
  std::string api_jwt_secret_previous;  // accepted too; empty: none
  std::string metrics_listen;           // empty: /metrics on listen_http
  std::string metrics_token;            // empty: anybody may read /metrics
  bool metrics_per_meeting = false;
  std::string public_url;  // scheme and host tenants use; for display only
  std::chrono::milliseconds refresh_interval{5'000};
  std::chrono::milliseconds node_connect_timeout{3'000};
  std::chrono::milliseconds node_response_timeout{15'000};
  std::chrono::milliseconds refresh_timeout{10'000};
  std::chrono::milliseconds node_slow_after{5'000};
  int node_avoid_after_failures = 1;
  std::chrono::milliseconds node_give_up_after{90'000};  // 0: never
  int node_give_up_failures = 5;
  std::chrono::milliseconds reservation_timeout{60'000};
  std::chrono::milliseconds shutdown_timeout{20'000};
  std::string placement_policy;  // "expected-load" or "classic"
  std::string ca_file;
};
// All problems at once, one sentence each, none with a secret in it.
std::expected<DaemonConfig, std::vector<std::string>> read_daemon_config(const Environment& env);

// What b3scaleagent and b3scalenoded run with.
struct AgentConfig {
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::structured;
  std::string api_url;             // b3scaleagent
  std::string api_access_token;    // b3scaleagent; a secret
  std::string db_url;              // b3scalenoded; may hold a password
  std::string redis_url;           // may hold a password
  std::string bbb_config;          // goes before bbb_config_default
  std::string bbb_config_default;  // either file may be missing, not both
  double load_factor = 1.0;
  std::string ca_file;
};
// As read_daemon_config(), for the variables of this program.
std::expected<AgentConfig, std::vector<std::string>> read_agent_config(const Environment& env,
                                                                       std::string_view program);

// What an operator should hear about but can run with: variables nobody reads (with the nearest
// known name), a short API secret, time limits that contradict each other. No secret in it.
std::vector<std::string> find_warnings(const Environment& env);

// The value given for a variable of the table, or its default when it is absent or empty.
// "" for a name that is not in the table.
std::string value_of(const Environment& env, std::string_view name);

// "5s", "250ms", "2m", "1h"; a bare number is seconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// docs/configuration.md, whole.
std::string render_markdown();
// The environment section of --help for one program.
std::string render_help(std::string_view program);

}  // namespace b3::config
