// The configuration, as each room wants it. Pure, but for the key of the waiting pages, which is
// random where there is no secret to make it of. Any thread.
#pragma once

#include "api/api.h"
#include "config/config.h"
#include "daemon/metrics_page.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "refresh/refresher.h"
#include "store/executor.h"

namespace b3::daemon {

int workers_of(const config::DaemonConfig& config);
gateway::GatewayOptions gateway_options(const config::DaemonConfig& config);
refresh::RefreshOptions refresh_options(const config::DaemonConfig& config);
api::ApiOptions api_options(const config::DaemonConfig& config);
MetricsOptions metrics_options(const config::DaemonConfig& config);
http::ServerLimits metrics_limits();
store::ExecutorLimits executor_limits(const config::DaemonConfig& config);

}  // namespace b3::daemon
