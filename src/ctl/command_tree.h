// The branches of the command tree; command_line.cpp puts them together. Private to ctl.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

#include "ctl/invocation.h"

namespace b3::ctl {

// Where the parsed values land, while CLI11 holds references to them.
struct Target {
  Invocation& invocation;
  std::string lifetime = "365d";
  std::string patience;
  std::string interval = "2s";
  std::string scope_list;
};

inline constexpr auto key_help = "key or UUID";
inline constexpr auto host_help = "URL, beginning of the host name, or UUID";
inline constexpr auto meeting_help = "scoped id, internal id or the tenant's own id";

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      Target& target, Action action, const std::string& example);
CLI::App& add_group(CLI::App& app, const std::string& name, const std::string& help);
void add_name(CLI::App& command, Target& target, const std::string& placeholder,
              const std::string& help);
// --secret and --secret-file.
void add_secret(CLI::App& command, Target& target, const std::string& help);

// tree_look.cpp
void add_show(CLI::App& app, Target& target);
void add_explain(CLI::App& app, Target& target);
void add_watch(CLI::App& app, Target& target);
// tree_resources.cpp
void add_add(CLI::App& app, Target& target);
void add_create(CLI::App& app, Target& target);
void add_set(CLI::App& app, Target& target);
void add_remove(CLI::App& app, Target& target);
void add_switches(CLI::App& app, Target& target);
// tree_work.cpp
void add_work(CLI::App& app, Target& target);           // drain, refresh, end, cancel
void add_desired_state(CLI::App& app, Target& target);  // diff, apply
void add_tokens(CLI::App& app, Target& target);         // auth, its older spellings, revoke
void add_installation(CLI::App& app, Target& target);   // db, schema, completions, version

}  // namespace b3::ctl
