#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <random>

#include "base/log.h"
#include "sim/farm.h"

namespace {

int run(const b3::sim::FarmOptions& options) {
  boost::asio::io_context loop(1);
  b3::sim::Farm farm(loop, options);
  farm.start();
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    farm.stop();
    loop.stop();
  });
  std::puts(boost::json::serialize(farm.announcement()).c_str());
  std::fflush(stdout);
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  b3::sim::FarmOptions options;
  options.secret = "SECRET";
  bool quiet = false;
  double never_joined_seconds = 300;
  double empty_seconds = 60;

  CLI::App app("Simulates BigBlueButton nodes; see docs/bbbsim.md.", "bbbsim");
  app.option_defaults()->always_capture_default();
  app.set_version_flag("--version", "bbbsim " B3_VERSION);
  app.add_option("--nodes", options.nodes, "How many nodes")->check(CLI::Range(1, 1000));
  app.add_option("--host", options.host, "Address the nodes listen on");
  app.add_option("--port", options.port, "Port of the first node, the others follow; 0: free ones");
  app.add_option("--control", options.control,
                 "ADDRESS:PORT of the control API; port 0: a free one");
  app.add_option("--secret", options.secret, "Shared secret of the nodes")
      ->check([](const std::string& text) {
        return text.empty() ? std::string("must not be empty") : std::string();
      });
  app.add_flag("--secret-per-node", options.secret_per_node, "Node n has the secret SECRET-n");
  std::optional<std::uint64_t> seed;
  app.add_option("--seed", seed, "Makes generated passwords, tokens and people repeatable");
  app.add_option("--never-joined", never_joined_seconds,
                 "Seconds until a meeting nobody joined ends; 0: never")
      ->check(CLI::Range(0.0, 604'800.0));
  app.add_option("--empty-after", empty_seconds,
                 "Seconds until a meeting ends after the last person left; 0: never")
      ->check(CLI::Range(0.0, 604'800.0));
  std::vector<std::string> redis_urls;
  app.add_option("--redis", redis_urls,
                 "redis://HOST:PORT where node 1 publishes its events; of further nodes after "
                 "commas")
      ->delimiter(',');
  app.add_flag("--quiet", quiet, "Log warnings and errors only");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  for (const auto& url : redis_urls) {
    auto address = b3::redis::parse_address(url);
    if (!address) {
      std::fprintf(stderr, "bbbsim: --redis: %s\n", address.error().c_str());
      return 2;
    }
    options.redis.push_back(*std::move(address));
  }
  if (options.port != 0 && options.port + options.nodes - 1 > 65'535) {
    std::fputs("bbbsim: --port and --nodes go beyond port 65535\n", stderr);
    return 2;
  }
  options.seed = seed ? *seed : std::random_device{}();
  options.settings.never_joined = b3::milliseconds(std::int64_t(never_joined_seconds * 1000));
  options.settings.empty = b3::milliseconds(std::int64_t(empty_seconds * 1000));
  b3::log::configure(quiet ? b3::log::Level::warn : b3::log::Level::info, b3::log::Format::plain);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bbbsim: %s\n", error.what());
    return 1;
  }
}
