// What was asked of this instance and what it asked of nodes, as metrics. Event loop thread only.
#pragma once

#include "daemon/rest_statistics.h"
#include "gateway/gateway_statistics.h"
#include "metrics/families.h"
#include "node/node_statistics.h"
#include "view/view.h"

namespace b3::daemon {

void collect_gateway(metrics::Families& families, const view::View& view,
                     const gateway::GatewayStatistics& statistics);
void collect_nodes(metrics::Families& families, const view::View& view,
                   const node::NodeStatistics& statistics);
void collect_rest(metrics::Families& families, const RestStatistics& statistics);

}  // namespace b3::daemon
