// The command tree of b3scalectl. Pure: the environment is passed in.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "ctl/invocation.h"

namespace b3::ctl {

// The command line ends here: help and version (exit code 0) or wrong usage (exit code 2).
struct Ending {
  int exit_code = 0;
  std::string text;
};

// `arguments` without the program's name.
std::expected<Invocation, Ending> parse_command_line(std::vector<std::string> arguments,
                                                     const config::Environment& environment);

// "365d", "12h", "30m"; more than zero and at most ten years.
std::optional<std::chrono::milliseconds> parse_lifetime(std::string_view text);

}  // namespace b3::ctl
