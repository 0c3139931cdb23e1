// Completion scripts for shells, made from the command tree. Pure.
//
// The scripts know commands, options and fixed words; names of backends, frontends and meetings
// they get from "b3scalectl list-names".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace b3::ctl {

struct CommandOption {
  std::vector<std::string> names;  // "-j", "--settings"
  std::string help;
  bool takes_value = false;
};

struct CommandNode {
  std::vector<std::string> names;  // the first is the usual one; aliases behind it
  std::string help;
  std::vector<CommandOption> options;  // without those of the nodes above
  std::string argument;                // its last, like "HOST" or "KEY"; "" without one
  std::vector<CommandNode> children;
};

// `shell`: "bash", "zsh" or "fish".
std::string completion_script(std::string_view shell, const CommandNode& root);

}  // namespace b3::ctl
