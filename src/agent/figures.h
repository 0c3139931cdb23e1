// How busy this machine is. The parsers are pure; Figures reads /proc (proc(5)) and statvfs(3).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace b3::agent {

struct CpuTimes {  // ticks since the start of the machine
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};
struct LoadAverages {
  double one = 0, five = 0, fifteen = 0;
};
struct Usage {  // bytes
  std::uint64_t total = 0;
  std::uint64_t used = 0;
};
struct Traffic {  // bytes since the start of the machine, all interfaces but loopback
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

// nullopt: not what proc(5) says it is.
std::optional<CpuTimes> parse_cpu(std::string_view proc_stat);
std::optional<LoadAverages> parse_load(std::string_view proc_loadavg);
std::optional<Usage> parse_memory(std::string_view proc_meminfo);
std::optional<Traffic> parse_traffic(std::string_view proc_net_dev);

// What was read at one moment; parts that could not be read are absent.
struct Sample {
  SteadyTime at{};
  std::optional<CpuTimes> cpu = {};
  std::optional<LoadAverages> load = {};
  std::optional<Usage> memory = {};
  std::optional<Usage> disk = {};
  std::optional<Traffic> traffic = {};
};
// The report of docs/decisions/0009-administration.md. Rates need an earlier sample.
boost::json::object make_report(const std::optional<Sample>& before, const Sample& now);

// One thread. Reading takes well under a millisecond.
class Figures {
 public:
  // Since the last report(), the first time without rates.
  boost::json::object report(SteadyTime now);

 private:
  std::optional<Sample> last_;
};

}  // namespace b3::agent
