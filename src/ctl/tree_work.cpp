#include <string>

#include "ctl/command_tree.h"

namespace b3::ctl {
namespace {

void add_patience(CLI::App& command, Target& target) {
  command.add_option("--timeout", target.patience,
                     "how long to wait, like 90s, 10m or 2h (default: until it is done)");
}

void add_jwt_secret(CLI::App& command, Target& target) {
  add_secret(command, target,
             "b3scaled's B3SCALE_API_JWT_SECRET; - asks for it; without it the environment's, "
             "else you are asked");
}

void add_lifetime(CLI::App& command, Target& target) {
  command.add_option("--expires", target.lifetime, "how long the token is good for")
      ->capture_default_str();
}

// `prefix`: how the example spells the group, "auth " or "".
void fill_auth(CLI::App& group, Target& target, const std::string& prefix) {
  auto* authorize = add_command(group, "authorize", "make an administrator's token and keep it",
                                target, Action::authorize, prefix + "authorize --ref alice");
  authorize->add_option("--ref", target.invocation.ref, "who the token is for (default: admin)");
  add_jwt_secret(*authorize, target);
  add_lifetime(*authorize, target);

  auto* create = add_command(group, "create_access_token", "make a token and print it", target,
                             Action::create_access_token,
                             prefix + "create_access_token --ref school-1 --scope b3scale");
  create->alias("create-access-token");
  create->add_option("--ref", target.invocation.ref, "the account the token is for")->required();
  create->add_option("--scopes", target.scope_list, "scopes, separated by spaces or commas");
  create
      ->add_option("--scope", target.invocation.scopes,
                   "one scope: b3scale (the default), b3scale:admin or b3scale:node; may be "
                   "repeated")
      ->allow_extra_args(false);
  add_jwt_secret(*create, target);
  add_lifetime(*create, target);

  auto* node = add_command(group, "authorize_node_agent", "make a node agent's token and print it",
                           target, Action::authorize_node_agent,
                           prefix + "authorize_node_agent --ref bbb1.example.org");
  node->alias("authorize-node-agent");
  node->add_option("--ref", target.invocation.ref, "the node the token is for")->required();
  add_jwt_secret(*node, target);
  add_lifetime(*node, target);
}

}  // namespace

void add_work(CLI::App& app, Target& target) {
  auto& drain = add_group(app, "drain", "empty a backend");
  auto* backend =
      add_command(drain, "backend", "place nothing on it and wait for its last meeting to end",
                  target, Action::drain_backend, "drain backend bbb1 --wait --timeout 4h");
  add_name(*backend, target, "HOST", host_help);
  backend->add_flag("--wait", target.invocation.wait, "until it is empty, showing what is left");
  add_patience(*backend, target);

  auto& refresh = add_group(app, "refresh", "look at a node now");
  add_name(*add_command(refresh, "backend", "ask the node for its meetings now", target,
                        Action::refresh_backend, "refresh backend bbb1"),
           target, "HOST", host_help);

  auto& end = add_group(app, "end", "end meetings");
  auto* meetings = add_command(end, "meetings", "end all meetings of a backend or of a frontend",
                               target, Action::end_meetings, "end meetings --backend bbb1");
  auto* of_backend =
      meetings->add_option("--backend", target.invocation.backend, "those of this backend");
  meetings->add_option("--frontend", target.invocation.frontend, "those of this frontend")
      ->excludes(of_backend);
  add_name(*add_command(end, "meeting", "end one meeting", target, Action::remove_meeting,
                        "end meeting moodle~math-101"),
           target, "ID", meeting_help);

  auto& cancel = add_group(app, "cancel", "give up work under way");
  add_name(
      *add_command(cancel, "command", "end a drain; the backend stays without new meetings", target,
                   Action::cancel_command, "cancel command 3f0c2f0a-8a51-4d7c-8a3e-6f6a0f0d5a11"),
      target, "ID", "the command's UUID (show commands)");
}

void add_desired_state(CLI::App& app, Target& target) {
  const auto add_file = [&target](CLI::App& command) {
    command.add_option("-f,--file", target.invocation.file, "YAML or JSON; - is standard input")
        ->required();
    command.add_flag("--prune", target.invocation.prune, "also remove what is not in the file");
  };
  auto* diff = add_command(app, "diff", "what apply would change", target, Action::diff,
                           "diff -f cluster.yaml --exit-code");
  add_file(*diff);
  diff->add_flag("--exit-code", target.invocation.exit_code, "exit with 1 when there is something");
  auto* apply = add_command(app, "apply", "make frontends and backends what the file says", target,
                            Action::apply, "apply -f cluster.yaml --yes");
  add_file(*apply);
  apply->add_flag("-y,--yes", target.invocation.yes, "do not ask");
}

void add_tokens(CLI::App& app, Target& target) {
  fill_auth(add_group(app, "auth", "make access tokens"), target, "auth ");
  fill_auth(app, target, "");
  for (const auto* older : {"authorize", "create_access_token", "authorize_node_agent"}) {
    app.get_subcommand(older)->description(std::string("older spelling of \"auth ") + older + "\"");
  }
  auto& revoke = add_group(app, "revoke", "take an access token's rights away");
  add_name(*add_command(revoke, "token", "refuse a token from now on", target, Action::revoke_token,
                        "revoke token 0c9cb1e0-5d1c-4c53-9d3e-1a6b0f5f2b77"),
           target, "TOKEN", "its id (jti) or the token itself; - reads it from standard input");
}

void add_installation(CLI::App& app, Target& target) {
  auto& database = add_group(app, "db", "the balancer's database");
  add_command(database, "migrate", "bring the database to the daemon's schema", target,
              Action::migrate, "db migrate");
  auto* schema = add_command(app, "export-openapi-schema", "the REST API's description (OpenAPI)",
                             target, Action::export_schema, "export-openapi-schema > openapi.json");
  schema->alias("export_openapi_schema");
  auto* completions =
      add_command(app, "completions", "a script that completes commands in a shell", target,
                  Action::completions, "completions bash > /etc/bash_completion.d/b3scalectl");
  completions->add_option("SHELL", target.invocation.name, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  auto* names = add_command(app, "list-names", "names for the shells' completion", target,
                            Action::list_names, "list-names backends");
  names->add_option("KIND", target.invocation.name, "backends, frontends or meetings")
      ->required()
      ->check(CLI::IsMember({"backends", "frontends", "meetings"}));
  names->group("");  // not in --help
  add_command(app, "version", "print the version", target, Action::version, "version");
}

}  // namespace b3::ctl
