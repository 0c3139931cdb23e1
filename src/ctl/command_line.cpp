#include "ctl/command_line.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "ctl/command_tree.h"
#include "ctl/completions.h"

namespace b3::ctl {
namespace {

constexpr auto default_api_url = "http://127.0.0.1:42353";

constexpr auto program_footer =
    R"(Frontends are named by their key or UUID. Backends are named by their URL, by the beginning of
their host name, or by their UUID; a beginning that fits several is refused.

Environment:
  B3SCALE_API_URL           the API's address (--api wins)
  B3SCALE_API_ACCESS_TOKEN  the bearer token (wins over --token-file and the stored token)
  B3SCALE_API_JWT_SECRET    the secret "auth" signs tokens with
  B3SCALE_PUBLIC_URL        the address tenants use, where it is not the API's
  B3SCALE_CA_FILE           certificates to trust instead of the system's
  NO_COLOR                  no colours, whatever the terminal

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

Examples:
  b3scalectl auth authorize
  b3scalectl add frontend moodle
  b3scalectl add backend https://bbb1.example.org/bigbluebutton/api/ --secret S --state ready
  b3scalectl show backends
  b3scalectl drain backend bbb1 --wait
  b3scalectl explain moodle~math-101
  b3scalectl apply -f cluster.yaml)";

void add_globals(CLI::App& app, Target& target) {
  Invocation& invocation = target.invocation;
  app.set_version_flag("-v,--version", "b3scalectl " B3_VERSION, "print the version");
  app.add_option("--api", invocation.api_url, "the address of the balancer's REST API")
      ->capture_default_str();
  app.add_option("--token-file", invocation.token_file, "a file with the access token");
  auto* json = app.add_flag("--json", invocation.json, "print JSON as the API gives it");
  app.add_flag("--yaml", invocation.yaml, "print the same as YAML")->excludes(json);
  app.add_flag("--show-secrets", invocation.show_secrets, "show secrets instead of ********");
}

void add_commands(CLI::App& app, Target& target) {
  add_show(app, target);
  add_watch(app, target);
  add_explain(app, target);
  add_add(app, target);
  add_create(app, target);
  add_set(app, target);
  add_remove(app, target);
  add_switches(app, target);
  add_work(app, target);
  add_desired_state(app, target);
  add_tokens(app, target);
  add_installation(app, target);
}

std::string complete_times(Target& target) {
  Invocation& invocation = target.invocation;
  const auto lifetime = parse_lifetime(target.lifetime);
  if (!lifetime) return "--expires: use a time like 365d, 12h or 30m, at most ten years";
  invocation.lifetime = *lifetime;
  if (!target.patience.empty()) {
    const auto patience = parse_lifetime(target.patience);
    if (!patience) return "--timeout: use a time like 90s, 10m or 2h";
    invocation.patience = *patience;
  }
  const auto interval = parse_lifetime(target.interval);
  if (!interval || *interval < std::chrono::milliseconds(100)) {
    return "--interval: use a time like 2s, at least 100ms";
  }
  invocation.interval = *interval;
  return {};
}

// Completes what single options cannot say alone; "" when all is well.
std::string complete(Target& target) {
  Invocation& invocation = target.invocation;
  if (auto problem = complete_times(target); !problem.empty()) return problem;
  std::ranges::replace(target.scope_list, ',', ' ');
  std::istringstream words{target.scope_list};
  for (std::string word; words >> word;) invocation.scopes.push_back(word);
  const auto action = invocation.action;
  if (action == Action::authorize && invocation.ref.empty()) invocation.ref = "admin";
  if (action == Action::explain && invocation.name.empty() && !invocation.frontend) {
    return "MEETING or --frontend is required";
  }
  if (action == Action::end_meetings && !invocation.backend && !invocation.frontend) {
    return "--backend or --frontend is required";
  }
  if (action == Action::add_backend && !invocation.secret && invocation.secret_file.empty()) {
    return "--secret or --secret-file is required";
  }
  for (const auto& parameter : invocation.parameters) {
    if (parameter.find('=') == std::string::npos || parameter.starts_with('=')) {
      return "--parameter: write it like record=true";
    }
  }
  return {};
}

CommandNode describe(const CLI::App& app) {
  CommandNode node;
  node.names = {app.get_name()};
  node.help = app.get_description();
  for (const auto& alias : app.get_aliases()) node.names.push_back(alias);
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) {
      node.argument = option->get_name(true);
      continue;
    }
    CommandOption described{.names = {},
                            .help = option->get_description(),
                            .takes_value = option->get_items_expected_max() > 0};
    for (const auto& name : option->get_snames()) described.names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) described.names.push_back("--" + name);
    node.options.push_back(std::move(described));
  }
  for (const auto* child : app.get_subcommands({})) {
    if (!child->get_group().empty()) node.children.push_back(describe(*child));
  }
  return node;
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
  Target target{.invocation = invocation, .patience = {}, .scope_list = {}};

  CLI::App app{"b3scalectl administers a b3scale load balancer.", "b3scalectl"};
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(program_footer);
  add_globals(app, target);
  add_commands(app, target);

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
  if (invocation.action == Action::completions) {
    invocation.script = completion_script(invocation.name, describe(app));
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
