#include "daemon/options.h"

#include <algorithm>

#include "base/encoding.h"
#include "store/store.h"
#include "token/retry.h"

#ifndef B3_BUILD
#define B3_BUILD "source"
#endif

namespace b3::daemon {
namespace {

// More connections than this never make a database of ours faster: the event loop hands it short
// transactions one after the other.
constexpr int most_workers = 16;

placement::Policy policy_of(const config::DaemonConfig& config) {
  return placement::parse_policy(config.placement_policy)
      .value_or(placement::Policy::expected_load);
}

}  // namespace

int workers_of(const config::DaemonConfig& config) {
  return std::min(config.db_pool_size, most_workers);
}

gateway::GatewayOptions gateway_options(const config::DaemonConfig& config) {
  gateway::GatewayOptions options;
  options.shared_store = !store::is_sqlite_url(config.db_url);
  options.policy = policy_of(config);
  options.timeouts = {config.node_connect_timeout, config.node_response_timeout};
  options.probe_timeouts.response =
      std::min(options.probe_timeouts.response, config.node_response_timeout);
  options.end_timeouts.response =
      std::min(options.end_timeouts.response, config.node_response_timeout);
  options.create_deadline =
      std::min(options.create_deadline, config.reservation_timeout - milliseconds{1'000});
  options.patience = std::min(options.patience, options.create_deadline / 2);
  // Instances that share a secret understand each other's waiting pages.
  options.retry_key =
      token::retry_key(config.api_jwt_secret.empty() ? random_hex(32) : config.api_jwt_secret);
  return options;
}

refresh::RefreshOptions refresh_options(const config::DaemonConfig& config) {
  refresh::RefreshOptions options;
  options.interval = config.refresh_interval;
  options.timeouts = {config.node_connect_timeout, config.refresh_timeout};
  options.reservation_timeout = config.reservation_timeout;
  options.thresholds = {config.node_slow_after, config.node_avoid_after_failures,
                        config.node_give_up_after, config.node_give_up_failures};
  return options;
}

api::ApiOptions api_options(const config::DaemonConfig& config) {
  api::ApiOptions options;
  options.jwt_secret = config.api_jwt_secret;
  options.previous_jwt_secret = config.api_jwt_secret_previous;
  options.version = B3_VERSION;
  options.build = B3_BUILD;
  options.policy = policy_of(config);
  return options;
}

MetricsOptions metrics_options(const config::DaemonConfig& config) {
  MetricsOptions options;
  options.token = config.metrics_token;
  options.per_meeting = config.metrics_per_meeting;
  options.version = B3_VERSION;
  options.build = B3_BUILD;
  options.database_workers = store::is_sqlite_url(config.db_url) ? 1 : workers_of(config);
  return options;
}

// A few scrapers, no bodies.
http::ServerLimits metrics_limits() {
  http::ServerLimits limits;
  limits.connections = 64;
  limits.body_bytes = 64 * 1024;
  return limits;
}

store::ExecutorLimits executor_limits(const config::DaemonConfig& config) {
  store::ExecutorLimits limits;
  limits.announce = !config.db_listen_url.empty();
  return limits;
}

}  // namespace b3::daemon
