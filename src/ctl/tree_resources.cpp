#include <string>

#include "ctl/command_tree.h"

namespace b3::ctl {
namespace {

constexpr auto shared_secret_help =
    "the shared secret; - asks for it, or reads a line of standard input";

void add_settings(CLI::App& command, Target& target) {
  command.add_option("-j,--settings", target.invocation.settings,
                     "settings as a JSON object, merged key by key; null removes a key");
}

void add_load_factor(CLI::App& command, Target& target) {
  command.add_option("--load-factor", target.invocation.load_factor,
                     "2 counts every attendee twice");
}

void add_account(CLI::App& command, Target& target) {
  command.add_option("--account", target.invocation.account_ref,
                     "the account it belongs to (the --ref of its owner's token); \"\": nobody's");
}

void fill_add(CLI::App& group, Target& target) {
  auto* frontend =
      add_command(group, "frontend", "add a frontend; prints its API URL and secret", target,
                  Action::add_frontend, R"(add frontend moodle -j '{"required_tags": ["eu"]}')");
  add_name(*frontend, target, "KEY", "letters, digits, '-', '_' and '.'");
  add_secret(*frontend, target, std::string(shared_secret_help) + "; without it one is made up");
  add_settings(*frontend, target);
  add_account(*frontend, target);
  frontend->add_flag("--inactive", target.invocation.inactive, "refuse its calls for now");

  auto* backend = add_command(
      group, "backend", "add a backend", target, Action::add_backend,
      "add backend https://bbb1.example.org/bigbluebutton/api/ --secret-file S --state ready");
  add_name(*backend, target, "HOST", "the URL of the node's BBB API");
  add_secret(*backend, target, shared_secret_help);
  add_settings(*backend, target);
  add_load_factor(*backend, target);
  backend->add_option("--state", target.invocation.state, "ready or init (the default)");
}

}  // namespace

void add_add(CLI::App& app, Target& target) {
  fill_add(add_group(app, "add", "add a frontend or backend"), target);
}

void add_create(CLI::App& app, Target& target) {
  auto& group = add_group(app, "create", "create a meeting (also a frontend or backend, like add)");
  fill_add(group, target);
  auto* meeting = add_command(
      group, "meeting", "create a meeting as its tenant would", target, Action::create_meeting,
      "create meeting math-101 --frontend moodle --name Math -p record=true");
  add_name(*meeting, target, "ID", "the tenant's own id of the meeting");
  meeting->add_option("--frontend", target.invocation.frontend, "whose meeting: key or UUID")
      ->required();
  meeting->add_option("--name", target.invocation.meeting_name, "its name (default: its id)");
  meeting
      ->add_option("-p,--parameter", target.invocation.parameters,
                   "NAME=VALUE, another parameter of BBB's create; may be repeated")
      ->allow_extra_args(false);
}

void add_set(CLI::App& app, Target& target) {
  auto& group = add_group(app, "set", "change a frontend, a backend or a recording");
  auto* frontend = add_command(group, "frontend", "change a frontend", target, Action::set_frontend,
                               R"(set frontend moodle -j '{"required_tags": null}')");
  add_name(*frontend, target, "KEY", key_help);
  add_settings(*frontend, target);
  add_secret(*frontend, target, shared_secret_help);
  add_account(*frontend, target);
  frontend->add_option("--key", target.invocation.key, "the new key; only without meetings");

  auto* backend = add_command(group, "backend", "change a backend", target, Action::set_backend,
                              R"(set backend bbb1 -j '{"tags": ["eu"]}' --load-factor 1.5)");
  add_name(*backend, target, "HOST", host_help);
  add_settings(*backend, target);
  add_secret(*backend, target, shared_secret_help);
  add_load_factor(*backend, target);
  backend->add_option("--state", target.invocation.state, "init, ready, stopped or decommissioned");
  backend
      ->add_option("--health", target.invocation.health,
                   "usable, avoided or given_up, whatever is seen of it; auto: by what is seen")
      ->check(CLI::IsMember({"usable", "avoided", "given_up", "auto"}));

  auto* recording =
      add_command(group, "recording-visibility", "who may see a recording", target,
                  Action::set_recording_visibility, "set recording-visibility RECORDID published");
  recording->alias("recording_visibility");
  add_name(*recording, target, "ID", "the recording's id");
  recording
      ->add_option("VISIBILITY", target.invocation.visibility,
                   "published, unpublished, protected, public or public_protected")
      ->required();
}

void add_remove(CLI::App& app, Target& target) {
  auto& group = add_group(app, "rm", "remove a frontend, a backend or a meeting");
  group.alias("delete");
  group.alias("remove");
  auto* frontend = add_command(group, "frontend", "remove a frontend", target,
                               Action::remove_frontend, "rm frontend moodle");
  add_name(*frontend, target, "KEY", key_help);
  frontend->add_flag("--force", target.invocation.force, "even while it has meetings");
  auto* backend = add_command(group, "backend", "remove a backend, after its last meeting", target,
                              Action::remove_backend, "rm backend bbb1");
  add_name(*backend, target, "HOST", host_help);
  backend->add_flag("--force", target.invocation.force, "now, forgetting its meetings");
  add_name(*add_command(group, "meeting", "end a meeting", target, Action::remove_meeting,
                        "rm meeting moodle~math-101"),
           target, "ID", meeting_help);
}

void add_switches(CLI::App& app, Target& target) {
  auto& enable = add_group(app, "enable", "let a frontend call, let a backend get meetings");
  auto& disable = add_group(app, "disable", "refuse a frontend, place nothing on a backend");
  add_name(*add_command(enable, "frontend", "accept its calls", target, Action::enable_frontend,
                        "enable frontend moodle"),
           target, "KEY", key_help);
  add_name(*add_command(enable, "backend", "place meetings on it (state ready)", target,
                        Action::enable_backend, "enable backend bbb1"),
           target, "HOST", host_help);
  add_name(*add_command(disable, "frontend", "refuse its calls", target, Action::disable_frontend,
                        "disable frontend moodle"),
           target, "KEY", key_help);
  add_name(*add_command(disable, "backend", "no new meetings; running ones go on (state stopped)",
                        target, Action::disable_backend, "disable backend bbb1"),
           target, "HOST", host_help);
}

}  // namespace b3::ctl
