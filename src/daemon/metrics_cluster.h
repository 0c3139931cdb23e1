// The cluster as the view has it, as metrics. Pure over the view; event loop thread only.
//
// Every instance has all of it: these are figures of the cluster, not of the instance, so
// dashboards take the maximum over instances, not the sum.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "metrics/families.h"
#include "view/view.h"

namespace b3::daemon {

struct ClusterMetricsOptions {
  // Do calls to this backend fail at once (node::Nodes::open())?
  std::function<bool(std::string_view backend_id)> circuit_open{};
};

void collect_cluster(metrics::Families& families, const view::View& view, Now now,
                     const ClusterMetricsOptions& options);

// The series of each meeting, as text for metrics::expose(): thousands of them.
std::string text_of_each_meeting(const view::View& view, Now now);

}  // namespace b3::daemon
