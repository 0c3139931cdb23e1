#include "ctl/command_tree.h"

namespace b3::ctl {

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      Target& target, Action action, const std::string& example) {
  auto* command = parent.add_subcommand(name, help);
  command->callback([&target, action] { target.invocation.action = action; });
  command->footer("Example:\n  b3scalectl " + example);
  return command;
}

CLI::App& add_group(CLI::App& app, const std::string& name, const std::string& help) {
  auto* group = app.add_subcommand(name, help);
  group->require_subcommand(1);
  return *group;
}

void add_name(CLI::App& command, Target& target, const std::string& placeholder,
              const std::string& help) {
  command.add_option(placeholder, target.invocation.name, help)->required();
}

void add_secret(CLI::App& command, Target& target, const std::string& help) {
  auto* secret = command.add_option("--secret", target.invocation.secret, help);
  command
      .add_option("--secret-file", target.invocation.secret_file,
                  "a file whose first line is the secret")
      ->excludes(secret);
}

}  // namespace b3::ctl
