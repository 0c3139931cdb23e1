#include "ctl/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>

namespace b3::ctl {
namespace {

constexpr auto default_api_url = "http://127.0.0.1:42353";
constexpr auto default_lifetime = "365d";

constexpr auto program_footer =
    R"(Frontends are named by their key or UUID. Backends are named by their URL, by the beginning of
their host name, or by their UUID; a beginning that fits several is refused.

Environment:
  B3SCALE_API_URL           the API's address (--api wins)
  B3SCALE_API_ACCESS_TOKEN  the bearer token (wins over --token-file and the stored token)
  B3SCALE_API_JWT_SECRET    the secret "auth" signs tokens with
  B3SCALE_CA_FILE           certificates to trust instead of the system's
  NO_COLOR                  no colours, whatever the terminal

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

Examples:
  b3scalectl auth authorize
  b3scalectl add frontend moodle
  b3scalectl add backend https://bbb1.example.org/bigbluebutton/api/ --secret S --state ready
  b3scalectl show backends
  b3scalectl disable backend bbb1
  b3scalectl explain moodle~math-101)";

// Where the parsed values land, while CLI11 holds references to them.
struct Target {
  Invocation& invocation;
  std::string lifetime = default_lifetime;
  std::string scope_list;
};

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

void add_settings(CLI::App& command, Target& target) {
  command.add_option("-j,--settings", target.invocation.settings,
                     "settings as a JSON object, merged key by key; null removes a key");
}

void add_secret(CLI::App& command, Target& target) {
  command.add_option("--secret", target.invocation.secret,
                     "the shared secret; - reads it from standard input");
}

void add_lifetime(CLI::App& command, Target& target) {
  command.add_option("--expires", target.lifetime, "how long the token is good for")
      ->capture_default_str();
}

void add_jwt_secret(CLI::App& command, Target& target) {
  command.add_option("--secret", target.invocation.secret,
                     "b3scaled's B3SCALE_API_JWT_SECRET; - reads it from standard input; without "
                     "it the environment's, else you are asked");
}

void add_auth(CLI::App& app, Target& target) {
  auto& group = add_group(app, "auth", "make access tokens");
  auto* authorize = add_command(group, "authorize", "make an administrator's token and keep it",
                                target, Action::authorize, "auth authorize --ref alice");
  authorize->add_option("--ref", target.invocation.ref, "who the token is for (default: admin)");
  add_jwt_secret(*authorize, target);
  add_lifetime(*authorize, target);

  auto* create =
      add_command(group, "create_access_token", "make a token and print it", target,
                  Action::create_access_token, "auth create_access_token --ref school-1");
  create->add_option("--ref", target.invocation.ref, "the account the token is for")->required();
  create->add_option("--scopes", target.scope_list, "scopes, separated by spaces or commas");
  create->add_option("--scope", target.invocation.scopes, "one scope; may be repeated");
  add_jwt_secret(*create, target);
  add_lifetime(*create, target);

  auto* node =
      add_command(group, "authorize_node_agent", "make a node agent's token and print it", target,
                  Action::authorize_node_agent, "auth authorize_node_agent --ref bbb1.example.org");
  node->add_option("--ref", target.invocation.ref, "the node the token is for")->required();
  add_jwt_secret(*node, target);
  add_lifetime(*node, target);
}

void add_show(CLI::App& app, Target& target) {
  auto& group = add_group(app, "show", "look at the cluster");
  add_command(group, "status", "the balancer, its database and how much there is", target,
              Action::show_status, "show status");
  add_command(group, "frontends", "all frontends", target, Action::show_frontends,
              "show frontends");
  add_name(*add_command(group, "frontend", "one frontend with its settings", target,
                        Action::show_frontend, "show frontend moodle --show-secrets"),
           target, "KEY", "key or UUID");
  add_command(group, "backends", "all backends and whether meetings can be placed there", target,
              Action::show_backends, "show backends");
  add_name(*add_command(group, "backend", "one backend with its settings", target,
                        Action::show_backend, "show backend bbb1.example.org"),
           target, "HOST", "URL, beginning of the host name, or UUID");
  auto* meetings = add_command(group, "meetings", "meetings and where they are", target,
                               Action::show_meetings, "show meetings --backend bbb1");
  meetings->add_option("--backend", target.invocation.backend, "only those of this backend");
  meetings->add_option("--frontend", target.invocation.frontend, "only those of this frontend");
}

void add_add(CLI::App& app, Target& target) {
  auto& group = add_group(app, "add", "add a frontend or backend");
  auto* frontend =
      add_command(group, "frontend", "add a frontend; prints its API URL and secret", target,
                  Action::add_frontend, R"(add frontend moodle -j '{"required_tags": ["eu"]}')");
  add_name(*frontend, target, "KEY", "letters, digits, '-', '_' and '.'");
  add_secret(*frontend, target);
  add_settings(*frontend, target);
  frontend->add_flag("--inactive", target.invocation.inactive, "refuse its calls for now");

  auto* backend = add_command(
      group, "backend", "add a backend", target, Action::add_backend,
      "add backend https://bbb1.example.org/bigbluebutton/api/ --secret S --state ready");
  add_name(*backend, target, "HOST", "the URL of the node's BBB API");
  add_secret(*backend, target);
  backend->get_option("--secret")->required();
  add_settings(*backend, target);
  backend->add_option("--load-factor", target.invocation.load_factor,
                      "2 counts every attendee twice");
  backend->add_option("--state", target.invocation.state, "ready or init (the default)");
}

void add_set(CLI::App& app, Target& target) {
  auto& group = add_group(app, "set", "change a frontend or backend");
  auto* frontend = add_command(group, "frontend", "change a frontend", target, Action::set_frontend,
                               R"(set frontend moodle -j '{"key": null}')");
  add_name(*frontend, target, "KEY", "key or UUID");
  add_settings(*frontend, target);
  add_secret(*frontend, target);
  frontend->add_option("--key", target.invocation.key, "the new key; only without meetings");

  auto* backend = add_command(group, "backend", "change a backend", target, Action::set_backend,
                              R"(set backend bbb1 -j '{"tags": ["eu"]}' --load-factor 1.5)");
  add_name(*backend, target, "HOST", "URL, beginning of the host name, or UUID");
  add_settings(*backend, target);
  add_secret(*backend, target);
  backend->add_option("--load-factor", target.invocation.load_factor,
                      "2 counts every attendee twice");
  backend->add_option("--state", target.invocation.state, "init, ready, stopped or decommissioned");
  backend
      ->add_option("--health", target.invocation.health,
                   "usable, avoided or given_up, whatever is seen of it; auto: by what is seen")
      ->check(CLI::IsMember({"usable", "avoided", "given_up", "auto"}));
}

void add_remove(CLI::App& app, Target& target) {
  auto& group = add_group(app, "rm", "remove a frontend, a backend or a meeting");
  group.alias("delete");
  auto* frontend = add_command(group, "frontend", "remove a frontend", target,
                               Action::remove_frontend, "rm frontend moodle");
  add_name(*frontend, target, "KEY", "key or UUID");
  frontend->add_flag("--force", target.invocation.force, "even while it has meetings");
  auto* backend = add_command(group, "backend", "remove a backend, after its last meeting", target,
                              Action::remove_backend, "rm backend bbb1");
  add_name(*backend, target, "HOST", "URL, beginning of the host name, or UUID");
  backend->add_flag("--force", target.invocation.force, "now, forgetting its meetings");
  add_name(*add_command(group, "meeting", "end a meeting", target, Action::remove_meeting,
                        "rm meeting moodle~math-101"),
           target, "ID", "scoped id, internal id or the tenant's own id");
}

void add_switches(CLI::App& app, Target& target) {
  auto& enable = add_group(app, "enable", "let a frontend call, let a backend get meetings");
  auto& disable = add_group(app, "disable", "refuse a frontend, place nothing on a backend");
  add_name(*add_command(enable, "frontend", "accept its calls", target, Action::enable_frontend,
                        "enable frontend moodle"),
           target, "KEY", "key or UUID");
  add_name(*add_command(enable, "backend", "place meetings on it (state ready)", target,
                        Action::enable_backend, "enable backend bbb1"),
           target, "HOST", "URL, beginning of the host name, or UUID");
  add_name(*add_command(disable, "frontend", "refuse its calls", target, Action::disable_frontend,
                        "disable frontend moodle"),
           target, "KEY", "key or UUID");
  add_name(*add_command(disable, "backend", "no new meetings; running ones go on (state stopped)",
                        target, Action::disable_backend, "disable backend bbb1"),
           target, "HOST", "URL, beginning of the host name, or UUID");
}

void add_explain(CLI::App& app, Target& target) {
  auto* explain =
      add_command(app, "explain", "why a meeting is where it is", target, Action::explain,
                  "explain moodle~math-101\n  b3scalectl explain --frontend moodle");
  auto* meeting = explain->add_option("MEETING", target.invocation.name,
                                      "scoped id, internal id or the tenant's own id");
  auto* frontend = explain->add_option("--frontend", target.invocation.frontend,
                                       "where a new meeting of this frontend would go now");
  meeting->excludes(frontend);
  explain
      ->add_option("--expected-size", target.invocation.expected_size,
                   "how many people the new meeting is for")
      ->needs(frontend);
}

void add_globals(CLI::App& app, Target& target) {
  Invocation& invocation = target.invocation;
  app.set_version_flag("-v,--version", "b3scalectl " B3_VERSION, "print the version");
  app.add_option("--api", invocation.api_url, "the address of the balancer's REST API")
      ->capture_default_str();
  app.add_option("--token-file", invocation.token_file, "a file with the access token");
  app.add_flag("--json", invocation.json, "print JSON as the API gives it");
  app.add_flag("--show-secrets", invocation.show_secrets, "show secrets instead of ********");
}

// Completes what single options cannot say alone; "" when all is well.
std::string complete(Target& target) {
  Invocation& invocation = target.invocation;
  const auto lifetime = parse_lifetime(target.lifetime);
  if (!lifetime) return "--expires: use a time like 365d, 12h or 30m, at most ten years";
  invocation.lifetime = *lifetime;
  std::ranges::replace(target.scope_list, ',', ' ');
  std::istringstream words{target.scope_list};
  for (std::string word; words >> word;) invocation.scopes.push_back(word);
  if (invocation.action == Action::authorize && invocation.ref.empty()) invocation.ref = "admin";
  if (invocation.action == Action::explain && invocation.name.empty() && !invocation.frontend) {
    return "MEETING or --frontend is required";
  }
  return {};
}

}  // namespace

std::expected<Invocation, Ending> parse_command_line(std::vector<std::string> arguments,
                                                     const config::Environment& environment) {
  Invocation invocation;
  const auto configured = environment.find("B3SCALE_API_URL");
  invocation.api_url = configured != environment.end() && !configured->second.empty()
                           ? configured->second
                           : default_api_url;
  if (const auto found = environment.find("B3SCALE_PUBLIC_URL"); found != environment.end()) {
    invocation.public_url = found->second;
  }
  Target target{.invocation = invocation, .scope_list = {}};

  CLI::App app{"b3scalectl administers a b3scale load balancer.", "b3scalectl"};
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(program_footer);
  add_globals(app, target);
  add_show(app, target);
  add_add(app, target);
  add_set(app, target);
  add_remove(app, target);
  add_switches(app, target);
  add_explain(app, target);
  add_auth(app, target);
  auto& database = add_group(app, "db", "the balancer's database");
  add_command(database, "migrate", "bring the database to the daemon's schema", target,
              Action::migrate, "db migrate");
  add_command(app, "version", "print the version", target, Action::version, "version");

  try {
    std::ranges::reverse(arguments);
    app.parse(std::move(arguments));
    if (const auto problem = complete(target); !problem.empty()) {
      return std::unexpected(Ending{2, "b3scalectl: " + problem + "; see b3scalectl --help\n"});
    }
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream problem;
    if (app.exit(error, out, problem) == 0) return std::unexpected(Ending{0, out.str()});
    return std::unexpected(
        Ending{2, "b3scalectl: " + std::string(error.what()) + "; see b3scalectl --help\n"});
  }
  return invocation;
}

std::optional<std::chrono::milliseconds> parse_lifetime(std::string_view text) {
  constexpr std::chrono::hours most{24 * 3653};
  std::optional<std::chrono::milliseconds> lifetime;
  if (text.ends_with('d')) {
    int days = 0;
    const auto* end = text.data() + text.size() - 1;
    const auto [stopped, error] = std::from_chars(text.data(), end, days);
    if (error != std::errc{} || stopped != end || days > 3653) return {};
    lifetime = std::chrono::hours{24 * days};
  } else {
    lifetime = config::parse_duration(text);
  }
  if (!lifetime || lifetime->count() <= 0 || *lifetime > most) return {};
  return lifetime;
}

}  // namespace b3::ctl
