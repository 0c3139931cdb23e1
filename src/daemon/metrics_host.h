// What the agents of nodes report of their machines, as metrics. Event loop thread only.
#pragma once

#include <string_view>
#include <vector>

#include "metrics/families.h"

namespace b3::daemon {

class HostFamilies {
 public:
  explicit HostFamilies(metrics::Families& families);

  // `report`: Backend::agent_report, from a machine that is not ours: what is no number, or below
  // zero, is left out.
  void add(std::string_view backend, std::string_view report);

 private:
  std::vector<metrics::Families::Family> families_;
  metrics::Families::Family agents_;
};

}  // namespace b3::daemon
