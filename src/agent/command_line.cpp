#include "agent/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>

#include "base/log.h"

namespace b3::agent {

std::vector<std::string> modern_arguments(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const std::string_view argument = argv[i];
    arguments.emplace_back(argument == "-register" ? "--register" : argument);
  }
  return arguments;
}

std::expected<Settings, std::vector<std::string>> read_settings(const CommandLine& given,
                                                                std::string_view program) {
  const auto environment = config::read_environment(given.env_files);
  if (!environment) return std::unexpected(environment.error());
  auto config = config::read_agent_config(*environment, program);
  if (!config) return std::unexpected(config.error());
  auto redis = redis::parse_address(config->redis_url);
  if (!redis) return std::unexpected(std::vector{"B3SCALE_REDIS_URL: " + redis.error()});

  log::configure(config->log_level, config->log_format);
  for (const auto& warning : config::find_warnings(*environment)) log::warn(warning);
  AgentOptions options;
  options.properties = config->bbb_config;
  options.default_properties = config->bbb_config_default;
  options.redis = *std::move(redis);
  options.load_factor = config->load_factor;
  options.may_register = given.may_register;
  return Settings{*std::move(config), std::move(options)};
}

int complain(std::string_view program, const std::vector<std::string>& problems) {
  for (const auto& problem : problems) fmt::print(stderr, "{}: {}\n", program, problem);
  return exit_usage;
}

int guarded(std::string_view program, const std::function<int()>& serve) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return serve();
  } catch (const std::exception& failure) {
    log::error(fmt::format("{} can not go on", program), {{"reason", failure.what()}});
    return exit_failed;
  }
}

}  // namespace b3::agent
