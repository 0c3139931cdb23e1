#include "ctl/command_line.h"

#include <doctest/doctest.h>

namespace b3::ctl {
namespace {

std::expected<Invocation, Ending> parse(std::vector<std::string> arguments,
                                        config::Environment environment = {}) {
  return parse_command_line(std::move(arguments), environment);
}

TEST_CASE("global options stand before or behind the command") {
  const auto before = parse({"--api", "https://x", "--json", "show", "backends"});
  REQUIRE(before);
  CHECK(before->action == Action::show_backends);
  CHECK(before->api_url == "https://x");
  CHECK(before->json);
  const auto behind = parse({"show", "backends", "--api", "https://x", "--show-secrets"});
  REQUIRE(behind);
  CHECK(behind->api_url == "https://x");
  CHECK(behind->show_secrets);
  CHECK_FALSE(behind->json);
}

TEST_CASE("the API's address: option, environment, default") {
  CHECK(parse({"show", "status"})->api_url == "http://127.0.0.1:42353");
  const config::Environment environment{{"B3SCALE_API_URL", "https://env"}};
  CHECK(parse({"show", "status"}, environment)->api_url == "https://env");
  CHECK(parse({"show", "status", "--api", "https://x"}, environment)->api_url == "https://x");
}

TEST_CASE("every command is understood") {
  const std::vector<std::pair<std::vector<std::string>, Action>> commands{
      {{"version"}, Action::version},
      {{"show", "status"}, Action::show_status},
      {{"show", "frontends"}, Action::show_frontends},
      {{"show", "frontend", "k"}, Action::show_frontend},
      {{"show", "backends"}, Action::show_backends},
      {{"show", "backend", "h"}, Action::show_backend},
      {{"show", "meetings", "--backend", "h", "--frontend", "k"}, Action::show_meetings},
      {{"add", "frontend", "k", "--inactive"}, Action::add_frontend},
      {{"add", "backend", "h", "--secret", "s"}, Action::add_backend},
      {{"set", "frontend", "k", "--key", "n"}, Action::set_frontend},
      {{"set", "backend", "h", "-j", "{}"}, Action::set_backend},
      {{"set", "backend", "h", "--health", "given_up"}, Action::set_backend},
      {{"set", "backend", "h", "--health", "auto"}, Action::set_backend},
      {{"rm", "frontend", "k", "--force"}, Action::remove_frontend},
      {{"delete", "backend", "h"}, Action::remove_backend},
      {{"rm", "meeting", "m"}, Action::remove_meeting},
      {{"enable", "frontend", "k"}, Action::enable_frontend},
      {{"disable", "frontend", "k"}, Action::disable_frontend},
      {{"enable", "backend", "h"}, Action::enable_backend},
      {{"disable", "backend", "h"}, Action::disable_backend},
      {{"explain", "m"}, Action::explain},
      {{"explain", "--frontend", "k", "--expected-size", "9"}, Action::explain},
      {{"db", "migrate"}, Action::migrate},
      {{"auth", "authorize"}, Action::authorize},
      {{"auth", "create_access_token", "--ref", "r"}, Action::create_access_token},
      {{"auth", "authorize_node_agent", "--ref", "r"}, Action::authorize_node_agent},
      {{"authorize"}, Action::authorize},
      {{"create_access_token", "--ref", "r"}, Action::create_access_token},
      {{"--api", "https://x", "authorize_node_agent", "--ref", "node23", "--secret", "s"},
       Action::authorize_node_agent},
      {{"show", "meeting", "m"}, Action::show_meeting},
      {{"show", "recordings", "--frontend", "k"}, Action::show_recordings},
      {{"show", "audit", "--since", "2h", "--limit", "9"}, Action::show_audit},
      {{"show", "commands", "--backend", "h"}, Action::show_commands},
      {{"show", "command", "c"}, Action::show_command},
      {{"show", "tokens"}, Action::show_tokens},
      {{"show", "audit", "--offset", "50"}, Action::show_audit},
      {{"show", "meetings", "--limit", "1000", "--offset", "0"}, Action::show_meetings},
      {{"show", "backends", "--limit", "2"}, Action::show_backends},
      {{"show", "frontends", "--offset", "2"}, Action::show_frontends},
      {{"create", "frontend", "k"}, Action::add_frontend},
      {{"create", "meeting", "m", "--frontend", "k", "-p", "a=b"}, Action::create_meeting},
      {{"set", "recording-visibility", "r", "published"}, Action::set_recording_visibility},
      {{"remove", "frontend", "k"}, Action::remove_frontend},
      {{"delete", "meeting", "m"}, Action::remove_meeting},
      {{"end", "meeting", "m"}, Action::remove_meeting},
      {{"end", "meetings", "--backend", "h"}, Action::end_meetings},
      {{"drain", "backend", "h", "--wait", "--timeout", "2h"}, Action::drain_backend},
      {{"refresh", "backend", "h"}, Action::refresh_backend},
      {{"cancel", "command", "c"}, Action::cancel_command},
      {{"revoke", "token", "t"}, Action::revoke_token},
      {{"watch", "--interval", "5s"}, Action::watch},
      {{"diff", "-f", "x", "--exit-code", "--prune"}, Action::diff},
      {{"apply", "-f", "x", "--yes"}, Action::apply},
      {{"export-openapi-schema"}, Action::export_schema},
      {{"completions", "bash"}, Action::completions},
      {{"list-names", "backends"}, Action::list_names}};
  for (const auto& [arguments, action] : commands) {
    CAPTURE(arguments[0]);
    CAPTURE(int(action));
    const auto invocation = parse(arguments);
    REQUIRE(invocation);
    CHECK(invocation->action == action);
  }
}

TEST_CASE("options land where they belong") {
  const auto backend = parse({"add", "backend", "https://n", "--secret", "s", "-j",
                              R"({"tags":["eu"]})", "--load-factor", "1.5", "--state", "ready"});
  REQUIRE(backend);
  CHECK(backend->name == "https://n");
  CHECK(backend->secret == "s");
  CHECK(backend->settings == R"({"tags":["eu"]})");
  CHECK(backend->load_factor == 1.5);
  CHECK(backend->state == "ready");
  const auto token = parse({"auth", "create_access_token", "--ref", "r", "--scopes",
                            "b3scale,b3scale:admin", "--scope", "b3scale:node", "--expires", "2h"});
  REQUIRE(token);
  CHECK(token->scopes == std::vector<std::string>{"b3scale:node", "b3scale", "b3scale:admin"});
  CHECK(token->lifetime == std::chrono::hours(2));
  CHECK(parse({"auth", "authorize"})->ref == "admin");
  CHECK(parse({"auth", "authorize"})->lifetime == std::chrono::hours(24 * 365));
}

TEST_CASE("wrong usage ends with 2 and names the problem") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {},
           {"shwo"},
           {"show"},
           {"show", "frontend"},
           {"show", "frontends", "--nonsense"},
           {"add", "backend", "https://n"},
           {"set", "backend", "h", "--health", "fine"},
           {"add", "backend", "https://n", "--secret", "s", "--load-factor", "much"},
           {"auth", "create_access_token"},
           {"auth", "authorize", "--expires", "forever"},
           {"explain"},
           {"explain", "m", "--frontend", "k"},
           {"explain", "m", "--expected-size", "3"},
           {"end", "meetings"},
           {"end", "meetings", "--backend", "h", "--frontend", "k"},
           {"create", "meeting", "m"},
           {"create", "meeting", "m", "--frontend", "k", "-p", "novalue"},
           {"add", "backend", "https://n", "--secret", "s", "--secret-file", "f"},
           {"completions", "tcsh"},
           {"apply"},
           {"watch", "--interval", "0s"},
           {"drain", "backend", "h", "--timeout", "soon"},
           {"--json", "--yaml", "show", "status"},
           {"show", "audit", "--limit", "0"},
           {"show", "audit", "--limit", "1001"},
           {"show", "meetings", "--limit", "0"},
           {"show", "commands", "--offset", "-1"},
           {"show", "backend", "h", "--limit", "1"},
           {"rm", "meeting", "a", "b"}}) {
    const auto invocation = parse(arguments);
    REQUIRE_FALSE(invocation);
    CHECK(invocation.error().exit_code == 2);
    CHECK(invocation.error().text.starts_with("b3scalectl: "));
    CHECK(invocation.error().text.find("; see b3scalectl --help") != std::string::npos);
  }
}

TEST_CASE("help and version end with 0") {
  const auto version = parse({"-v"});
  REQUIRE_FALSE(version);
  CHECK(version.error().exit_code == 0);
  CHECK(version.error().text.starts_with("b3scalectl "));
  const auto help = parse({"--help"});
  REQUIRE_FALSE(help);
  CHECK(help.error().exit_code == 0);
  CHECK(help.error().text.find("B3SCALE_API_ACCESS_TOKEN") != std::string::npos);
  CHECK(help.error().text.find("Examples:") != std::string::npos);
  const auto nested = parse({"add", "backend", "--help"});
  REQUIRE_FALSE(nested);
  CHECK(nested.error().exit_code == 0);
  CHECK(nested.error().text.find("--load-factor") != std::string::npos);
}

TEST_CASE("the documented spelling of a change of settings") {
  const auto set = parse({"--api", "https://api.bbb.example.org", "set", "backend", "-j",
                          R"({"tags":["bbb_26"]})", "https://node23.bbb.example.org"});
  REQUIRE(set);
  CHECK(set->name == "https://node23.bbb.example.org");
  CHECK(set->settings == R"({"tags":["bbb_26"]})");
}

TEST_CASE("completion scripts know the whole tree") {
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    const auto invocation = parse({"completions", shell});
    REQUIRE(invocation);
    const auto& script = invocation->script;
    for (const auto* word :
         {"'show backends'", "'delete frontend'", "expected-size", "prune", "recording-visibility",
          "list-names backends", "export-openapi-schema", "given_up"}) {
      CAPTURE(word);
      CHECK(script.find(word) != std::string::npos);
    }
  }
}

TEST_CASE("lifetimes") {
  CHECK(parse_lifetime("365d") == std::chrono::hours(24 * 365));
  CHECK(parse_lifetime("30m") == std::chrono::minutes(30));
  for (const auto* text : {"", "d", "0d", "-1d", "1.5d", "0s", "99999d", "99999999999d", "never"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_lifetime(text));
  }
}

}  // namespace
}  // namespace b3::ctl
