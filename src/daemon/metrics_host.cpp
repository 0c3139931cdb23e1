#include "daemon/metrics_host.h"

#include <array>
#include <cmath>

#include "base/json.h"

namespace b3::daemon {
namespace {

constexpr std::size_t longest_version = 64;

struct Figure {
  std::string_view key;  // in the report, see docs/decisions/0009-administration.md
  std::string_view name;
  std::string_view help;
  double scale = 1;  // to base units
};
constexpr std::array figures{
    Figure{"cpu_percent", "b3scale_backend_host_cpu_ratio",
           "How busy a node's processors are, 0 to 1.", 0.01},
    Figure{"load1", "b3scale_backend_host_load1", "A node's load average of 1 minute."},
    Figure{"load5", "b3scale_backend_host_load5", "A node's load average of 5 minutes."},
    Figure{"load15", "b3scale_backend_host_load15", "A node's load average of 15 minutes."},
    Figure{"memory_total_bytes", "b3scale_backend_host_memory_bytes", "A node's memory."},
    Figure{"memory_used_bytes", "b3scale_backend_host_memory_used_bytes", "Of it in use."},
    Figure{"disk_total_bytes", "b3scale_backend_host_disk_bytes", "A node's disk space."},
    Figure{"disk_used_bytes", "b3scale_backend_host_disk_used_bytes", "Of it in use."},
    Figure{"network_receive_bytes_per_second",
           "b3scale_backend_host_network_receive_bytes_per_second", "What a node receives."},
    Figure{"network_send_bytes_per_second", "b3scale_backend_host_network_send_bytes_per_second",
           "What a node sends."},
};

}  // namespace

HostFamilies::HostFamilies(metrics::Families& families)
    : agents_(families.gauge("b3scale_backend_agent_info", "1 with the version of an agent.")) {
  for (const auto& figure : figures) {
    families_.push_back(families.gauge(figure.name, figure.help));
  }
}

void HostFamilies::add(std::string_view backend, std::string_view report) {
  if (report.empty()) return;
  const auto object = parse_json_object(report);
  if (!object) return;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const auto value = find_number(*object, figures[i].key);
    if (value && std::isfinite(*value) && *value >= 0) {
      families_[i].add(*value * figures[i].scale, {{"backend", backend}});
    }
  }
  if (const auto* version = find_string(*object, "version")) {
    const auto shown = std::string_view(*version).substr(0, longest_version);
    agents_.add(1, {{"backend", backend}, {"version", shown}});
  }
}

}  // namespace b3::daemon
