#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"

#ifdef B3_JEMALLOC
// Read by jemalloc at the start (jemalloc(3), "TUNING"). Nearly everything is allocated by one
// thread, and pages that are not needed go back within a tenth of a second: with the usual ten
// seconds a meeting takes a third more memory.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1,dirty_decay_ms:100,muzzy_decay_ms:0";
}
#endif

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int complain(const std::vector<std::string>& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "b3scaled: %s\n", problem.c_str());
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace b3;
  CLI::App app{"b3scaled - the load balancer for BigBlueButton clusters"};
  std::vector<std::string> env_files;
  bool check_config = false;
  bool migrate_only = false;
  app.add_option("--env-file", env_files,
                 "Read KEY=value settings from this file; exported variables win")
      ->type_name("FILE");
  app.add_flag("--check-config", check_config, "Say whether the configuration is valid, and exit");
  app.add_flag("--migrate", migrate_only, "Bring the database schema up to date, and exit");
  app.set_version_flag("--version", "b3scaled " B3_VERSION);
  app.footer(config::render_help("b3scaled"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }

  const auto environment = config::read_environment(env_files);
  if (!environment) return complain(environment.error());
  const auto settings = config::read_daemon_config(*environment);
  if (!settings) return complain(settings.error());
  const auto warnings = config::find_warnings(*environment);
  if (check_config) {
    for (const auto& warning : warnings) {
      std::fprintf(stderr, "b3scaled: warning: %s\n", warning.c_str());
    }
    std::puts("configuration ok");
    return 0;
  }

  log::configure(settings->log_level, settings->log_format);
  for (const auto& warning : warnings) log::warn(warning);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return migrate_only ? daemon::migrate(*settings) : daemon::serve(*settings);
  } catch (const std::exception& error) {
    log::error("b3scaled can not go on", {{"reason", error.what()}});
    return exit_failed;
  }
}
