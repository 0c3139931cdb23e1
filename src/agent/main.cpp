#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/api_link.h"
#include "agent/command_line.h"
#include "base/log.h"
#include "base/timer.h"
#include "config/config.h"
#include "http/activation.h"
#include "http/client.h"

namespace {

using namespace b3;

constexpr const char* program = "b3scaleagent";

int serve(const config::AgentConfig& config, const agent::AgentOptions& options, const Url& api) {
  Loop loop;
  http::Client client(loop, {.ca_file = config.ca_file,
                             .idle_timeout = milliseconds{30'000},
                             .user_agent = "b3scaleagent/" B3_VERSION});
  agent::ApiLink link(client, api, config.api_access_token);
  agent::Agent agent(loop, options, link, client);
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    http::notify_supervisor("STOPPING=1");
    loop.stop();
  });
  struct Abandon {
    Loop& loop;
    ~Abandon() { loop.abandon(); }
  } const abandon{loop};  // while all that coroutines refer to still lives
  agent.start();
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"b3scaleagent - tells a b3scale cluster what happens on this BigBlueButton node"};
  agent::CommandLine given;
  app.add_option("--env-file", given.env_files,
                 "Read KEY=value settings from this file; exported variables win")
      ->type_name("FILE");
  app.set_version_flag("--version", "b3scaleagent " B3_VERSION);
  app.footer(config::render_help(program));
  app.add_flag("-a,--register", given.may_register,
               "Register this node with the cluster when it is not known there");
  try {
    app.parse(agent::modern_arguments(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : agent::exit_usage;
  }
  const auto settings = agent::read_settings(given, program);
  if (!settings) return agent::complain(program, settings.error());
  const auto api = parse_url(settings->config.api_url);
  std::vector<std::string> problems;
  if (!api) problems.push_back("B3SCALE_API_URL: " + api.error());
  if (settings->config.api_access_token.empty()) {
    problems.push_back("B3SCALE_API_ACCESS_TOKEN is not set");
  }
  if (!problems.empty()) return agent::complain(program, problems);
  return agent::guarded(program, [&] { return serve(settings->config, settings->options, *api); });
}
