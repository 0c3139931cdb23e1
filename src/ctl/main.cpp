// b3scalectl: the shell around ctl/. Reads the environment, asks for secrets, prints, exits.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <utility>

#include "ctl/command_line.h"
#include "ctl/commands.h"
#include "ctl/credentials.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

namespace {

using namespace b3;
using namespace b3::ctl;

using Output = std::expected<std::string, Failure>;

constexpr int exit_done = 0;
constexpr int exit_failed = 1;

config::Environment read_environment_for_ctl() {
  // Where the daemon's env files cannot be read (they hold secrets), the exported variables do.
  auto environment = config::read_environment({}).value_or(config::Environment{});
  for (const char* name : {"HOME", "XDG_CONFIG_HOME", "NO_COLOR", "TERM", "B3SCALE_API_URL",
                           "B3SCALE_API_ACCESS_TOKEN", "B3SCALE_API_JWT_SECRET", "B3SCALE_CA_FILE",
                           "B3SCALE_PUBLIC_URL"}) {
    if (const char* value = std::getenv(name)) environment[name] = value;
  }
  return environment;
}

std::string look_up(const config::Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string{} : found->second;
}

// Secrets and tokens that are not on the command line itself.
std::expected<void, Failure> fill_in(Invocation& invocation) {
  if (is_auth(invocation.action)) return {};
  const auto take = [](auto& place, Output given) -> std::expected<void, Failure> {
    if (!given) return std::unexpected(std::move(given.error()));
    place = std::move(*given);
    return {};
  };
  if (invocation.action == Action::revoke_token && invocation.name == "-") {
    return take(invocation.name, ask_for_secret("Token: "));
  }
  if (!invocation.secret_file.empty()) {
    return take(invocation.secret, read_secret_file(invocation.secret_file));
  }
  if (invocation.secret == "-") return take(invocation.secret, ask_for_secret("Secret: "));
  return {};
}

// A server that is not there yet is no reason not to keep a token for it.
Output try_token(const Invocation& invocation, const config::Environment& environment,
                 const std::string& token) {
  HttpApi api{invocation.api_url, token, look_up(environment, "B3SCALE_CA_FILE")};
  const auto answer = api.call("GET", "/api/v1/status", {});
  if (answer) return std::string{};
  if (answer.error().status == 401) {
    return std::unexpected(Failure{fmt::format("{} does not accept a token with this secret: {}",
                                               invocation.api_url, answer.error().what),
                                   "use the B3SCALE_API_JWT_SECRET that this b3scaled runs with"});
  }
  return fmt::format("It could not be tried: {}.\n", printable(answer.error().what));
}

Output run(Invocation invocation, const config::Environment& environment) {
  if (invocation.action == Action::version) return "b3scalectl " B3_VERSION "\n";
  if (invocation.action == Action::completions) return invocation.script;
  const auto now = read_clocks().wall;
  if (is_auth(invocation.action)) {
    const auto trial = [&](const std::string& token) {
      return try_token(invocation, environment, token);
    };
    return run_auth(invocation, environment, ask_for_secret, trial, now);
  }
  if (auto filled = fill_in(invocation); !filled) return std::unexpected(std::move(filled.error()));
  const bool needs_token = invocation.action != Action::export_schema;
  auto token = needs_token ? find_token(invocation, environment) : Output{std::string{}};
  if (!token) return std::unexpected(std::move(token.error()));
  HttpApi api{invocation.api_url, std::move(*token), look_up(environment, "B3SCALE_CA_FILE")};
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && look_up(environment, "NO_COLOR").empty() &&
                      look_up(environment, "TERM") != "dumb";
  Terminal terminal;
  return run_command(invocation, api,
                     {.colour = colour, .show_secrets = invocation.show_secrets, .now = now},
                     terminal);
}

int print_failure(const Failure& failure) {
  std::cout << failure.printed << std::flush;
  if (failure.what.empty()) return exit_failed;
  std::cerr << fmt::format("b3scalectl: {}; {}\n", printable(failure.what),
                           printable(failure.next));
  return exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto environment = read_environment_for_ctl();
    auto invocation = parse_command_line({argv + 1, argv + argc}, environment);
    if (!invocation) {
      const Ending& ending = invocation.error();
      (ending.exit_code == 0 ? std::cout : std::cerr) << ending.text << std::flush;
      return ending.exit_code;
    }
    const auto output = run(std::move(*invocation), environment);
    if (!output) return print_failure(output.error());
    std::cout << *output << std::flush;
    return std::cout ? exit_done : exit_failed;
  } catch (const std::exception& failure) {
    return print_failure({failure.what(), "this is a defect, please report it"});
  }
}
