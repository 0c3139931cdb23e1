// b3scalectl: the shell around ctl/. Reads the environment, asks for secrets, prints, exits.
#include <fmt/format.h>
#include <termios.h>
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

namespace {

using namespace b3;
using namespace b3::ctl;

using Output = std::expected<std::string, Failure>;

constexpr int exit_done = 0;
constexpr int exit_failed = 1;

config::Environment read_environment_for_ctl() {
  // Where the daemon's env files cannot be read (they hold secrets), the exported variables do.
  auto environment = config::read_environment({}).value_or(config::Environment{});
  for (const char* name :
       {"HOME", "XDG_CONFIG_HOME", "NO_COLOR", "B3SCALE_API_URL", "B3SCALE_API_ACCESS_TOKEN",
        "B3SCALE_API_JWT_SECRET", "B3SCALE_CA_FILE", "B3SCALE_PUBLIC_URL"}) {
    if (const char* value = std::getenv(name)) environment[name] = value;
  }
  return environment;
}

std::string look_up(const config::Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string{} : found->second;
}

// Switches the terminal's echo off while it lives.
class SilentTerminal {
 public:
  SilentTerminal() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~tcflag_t(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  bool is_terminal() const { return is_terminal_; }

 private:
  termios before_{};
  bool is_terminal_;
};

Output ask_secret(std::string_view prompt) {
  const SilentTerminal silent;
  if (silent.is_terminal()) std::cerr << prompt << std::flush;
  std::string line;
  const bool read = bool(std::getline(std::cin, line));
  if (silent.is_terminal()) std::cerr << '\n';
  if (line.ends_with('\r')) line.pop_back();
  if (!read || line.empty()) {
    return std::unexpected(Failure{"no secret was given", "give it with --secret"});
  }
  return line;
}

// "--secret -" of the commands that carry a secret to the API.
std::expected<void, Failure> fill_in_secret(Invocation& invocation) {
  if (is_auth(invocation.action) || invocation.secret != "-") return {};
  auto secret = ask_secret("Secret: ");
  if (!secret) return std::unexpected(std::move(secret.error()));
  invocation.secret = std::move(*secret);
  return {};
}

Output run(Invocation invocation, const config::Environment& environment) {
  if (invocation.action == Action::version) return "b3scalectl " B3_VERSION "\n";
  if (is_auth(invocation.action)) {
    return run_auth(invocation, environment, ask_secret, read_clocks().wall);
  }
  if (auto filled = fill_in_secret(invocation); !filled) {
    return std::unexpected(std::move(filled.error()));
  }
  auto token = find_token(invocation, environment);
  if (!token) return std::unexpected(std::move(token.error()));
  HttpApi api{invocation.api_url, std::move(*token), look_up(environment, "B3SCALE_CA_FILE")};
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && look_up(environment, "NO_COLOR").empty();
  return run_command(invocation, api, {.colour = colour, .show_secrets = invocation.show_secrets});
}

int print_failure(const Failure& failure) {
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
