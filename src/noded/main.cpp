#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "agent/agent.h"
#include "agent/command_line.h"
#include "base/log.h"
#include "base/timer.h"
#include "config/config.h"
#include "http/activation.h"
#include "http/client.h"
#include "noded/database_link.h"
#include "store/executor.h"

namespace {

using namespace b3;

constexpr const char* program = "b3scalenoded";
constexpr int database_connections = 2;  // a heartbeat does not wait for events

int serve(const agent::Settings& settings) {
  Loop loop;
  store::Executor executor(settings.config.db_url, database_connections);
  http::Client client(
      loop, {.ca_file = settings.config.ca_file, .user_agent = "b3scalenoded/" B3_VERSION});
  noded::DatabaseLink link(executor);
  agent::Agent agent(loop, settings.options, link, client);
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    http::notify_supervisor("STOPPING=1");
    loop.stop();
  });
  struct Abandon {
    store::Executor& executor;
    Loop& loop;
    ~Abandon() {
      executor.stop();
      loop.abandon();
    }
  } const abandon{executor, loop};  // while all that coroutines refer to still lives
  agent.start();
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"b3scalenoded - as b3scaleagent, but by way of the cluster's database"};
  agent::CommandLine given;
  app.add_option("--env-file", given.env_files,
                 "Read KEY=value settings from this file; exported variables win")
      ->type_name("FILE");
  app.add_flag("-a,--register", given.may_register,
               "Register this node with the cluster when it is not known there");
  app.set_version_flag("--version", "b3scalenoded " B3_VERSION);
  app.footer(config::render_help(program));
  try {
    app.parse(agent::modern_arguments(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : agent::exit_usage;
  }
  const auto settings = agent::read_settings(given, program);
  if (!settings) return agent::complain(program, settings.error());
  return agent::guarded(program, [&] { return serve(*settings); });
}
