// The command line that b3scaleagent and b3scalenoded share. Used before other threads exist.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent.h"
#include "config/config.h"

namespace b3::agent {

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

struct CommandLine {
  std::vector<std::string> env_files;
  bool may_register = false;
};

// The arguments without the program's name, last one first as CLI11 wants them; "-register", as
// older agents had it, becomes "--register".
std::vector<std::string> modern_arguments(int argc, const char* const* argv);

struct Settings {
  config::AgentConfig config;
  AgentOptions options;
};
// Reads environment and files, and sets the log up. All problems at once.
std::expected<Settings, std::vector<std::string>> read_settings(const CommandLine& given,
                                                                std::string_view program);

// Prints to standard error; returns exit_usage.
int complain(std::string_view program, const std::vector<std::string>& problems);
// What `serve` returns, or exit_failed with a line in the log when it throws.
int guarded(std::string_view program, const std::function<int()>& serve);

}  // namespace b3::agent
