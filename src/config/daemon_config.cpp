#include <algorithm>

#include "config/config.h"
#include "config/values.h"

namespace b3::config {
namespace {

std::vector<std::string> find_problems(const Environment& env, std::string_view program) {
  std::vector<std::string> problems;
  for (const auto& variable : variables()) {
    if (!is_read_by(variable, program)) continue;
    const std::string value = value_of(env, variable.name);
    if (value.empty()) continue;
    if (auto problem = problem_with(variable, value)) problems.push_back(std::move(*problem));
  }
  return problems;
}

// What an HTTP header cannot carry would let nobody in (RFC 9110 section 5.5).
std::optional<std::string> problem_with_metrics_token(std::string_view token) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (token != trim(token)) {
    return "B3SCALE_METRICS_TOKEN: it begins or ends with a blank, which no request can carry; "
           "remove it";
  }
  if (std::ranges::any_of(token, is_control)) {
    return "B3SCALE_METRICS_TOKEN: it contains a control character, which no request can carry; "
           "remove it";
  }
  return std::nullopt;
}

}  // namespace

std::string value_of(const Environment& env, std::string_view name) {
  const auto* variable = find_variable(name);
  if (!variable) return {};
  const auto given = env.find(std::string(name));
  if (given == env.end()) return std::string(variable->default_value);
  const auto value = variable->kind == Kind::secret ? given->second : trim(given->second);
  return std::string(value.empty() ? variable->default_value : value);
}

std::expected<DaemonConfig, std::vector<std::string>> read_daemon_config(const Environment& env) {
  auto problems = find_problems(env, "b3scaled");
  if (auto problem = problem_with_metrics_token(value_of(env, "B3SCALE_METRICS_TOKEN"))) {
    problems.push_back(std::move(*problem));
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));

  const auto text = [&env](std::string_view name) { return value_of(env, name); };
  const auto duration = [&env](std::string_view name) {
    return parse_duration(value_of(env, name)).value();
  };
  const auto integer = [&env](std::string_view name) {
    return int(parse_integer(value_of(env, name)).value());
  };
  DaemonConfig config;
  config.listen_http = text("B3SCALE_LISTEN_HTTP");
  config.db_url = text("B3SCALE_DB_URL");
  config.db_listen_url = text("B3SCALE_DB_LISTEN_URL");
  config.db_pool_size = integer("B3SCALE_DB_POOL_SIZE");
  config.reverse_proxy_mode = parse_boolean(text("B3SCALE_REVERSE_PROXY_MODE")).value();
  config.log_level = parse_log_level(text("B3SCALE_LOG_LEVEL")).value();
  config.log_format = lower_case(text("B3SCALE_LOG_FORMAT")) == "plain" ? log::Format::plain
                                                                        : log::Format::structured;
  config.api_jwt_secret = text("B3SCALE_API_JWT_SECRET");
  config.api_jwt_secret_previous = text("B3SCALE_API_JWT_SECRET_PREVIOUS");
  config.metrics_listen = text("B3SCALE_METRICS_LISTEN");
  config.metrics_token = text("B3SCALE_METRICS_TOKEN");
  config.metrics_per_meeting = parse_boolean(text("B3SCALE_METRICS_PER_MEETING")).value();
  config.public_url = text("B3SCALE_PUBLIC_URL");
  config.refresh_interval = duration("B3SCALE_REFRESH_INTERVAL");
  config.refresh_timeout = duration("B3SCALE_REFRESH_TIMEOUT");
  config.node_connect_timeout = duration("B3SCALE_NODE_CONNECT_TIMEOUT");
  config.node_response_timeout = duration("B3SCALE_NODE_RESPONSE_TIMEOUT");
  config.node_slow_after = duration("B3SCALE_NODE_SLOW_AFTER");
  config.node_avoid_after_failures = integer("B3SCALE_NODE_AVOID_AFTER_FAILURES");
  config.node_give_up_after = duration("B3SCALE_NODE_GIVE_UP_AFTER");
  config.node_give_up_failures = integer("B3SCALE_NODE_GIVE_UP_FAILURES");
  config.reservation_timeout = duration("B3SCALE_RESERVATION_TIMEOUT");
  config.shutdown_timeout = duration("B3SCALE_SHUTDOWN_TIMEOUT");
  config.placement_policy = lower_case(text("B3SCALE_PLACEMENT_POLICY"));
  config.ca_file = text("B3SCALE_CA_FILE");
  return config;
}

std::expected<AgentConfig, std::vector<std::string>> read_agent_config(const Environment& env,
                                                                       std::string_view program) {
  auto problems = find_problems(env, program);
  if (!problems.empty()) return std::unexpected(std::move(problems));

  const auto text = [&env](std::string_view name) { return value_of(env, name); };
  AgentConfig config;
  config.log_level = parse_log_level(text("B3SCALE_LOG_LEVEL")).value();
  config.log_format = lower_case(text("B3SCALE_LOG_FORMAT")) == "plain" ? log::Format::plain
                                                                        : log::Format::structured;
  config.api_url = text("B3SCALE_API_URL");
  config.api_access_token = text("B3SCALE_API_ACCESS_TOKEN");
  config.db_url = text("B3SCALE_DB_URL");
  config.redis_url = text("B3SCALE_REDIS_URL");
  config.bbb_config = text("BBB_CONFIG");
  config.bbb_config_default = text("B3SCALE_BBB_CONFIG_DEFAULT");
  config.load_factor = parse_number(text("B3SCALE_LOAD_FACTOR")).value();
  config.ca_file = text("B3SCALE_CA_FILE");
  return config;
}

}  // namespace b3::config
