#include "agent/figures.h"

#include <sys/statvfs.h>

#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace b3::agent {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kibibyte = 1'024;
constexpr const char* data_directory = "/";  // BigBlueButton records below it

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::uint64_t> read_numbers(std::istream& text) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 0; text >> number;) numbers.push_back(number);
  return numbers;
}

std::optional<Usage> read_disk() {
  struct statvfs found{};
  if (::statvfs(data_directory, &found) != 0) return std::nullopt;
  const auto block = std::uint64_t(found.f_frsize);
  return Usage{found.f_blocks * block, (found.f_blocks - found.f_bfree) * block};
}

double rounded(double value, double steps) {
  return std::round(value * steps) / steps;
}

// Counters begin anew with the machine.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

void add_rates(const Sample& before, const Sample& now, json::object& report) {
  if (before.cpu && now.cpu) {
    const auto total = growth(before.cpu->total, now.cpu->total);
    const auto busy = growth(before.cpu->busy, now.cpu->busy);
    if (total > 0)
      report["cpu_percent"] = rounded(100.0 * double(std::min(busy, total)) / double(total), 10);
  }
  const double seconds = std::chrono::duration<double>(now.at - before.at).count();
  if (before.traffic && now.traffic && seconds > 0) {
    const auto rate = [&](std::uint64_t Traffic::* counter) {
      return std::round(double(growth((*before.traffic).*counter, (*now.traffic).*counter)) /
                        seconds);
    };
    report["network_receive_bytes_per_second"] = rate(&Traffic::received);
    report["network_send_bytes_per_second"] = rate(&Traffic::sent);
  }
}

}  // namespace

std::optional<CpuTimes> parse_cpu(std::string_view proc_stat) {
  std::istringstream text{std::string(proc_stat.substr(0, proc_stat.find('\n')))};
  std::string name;
  if (!(text >> name) || name != "cpu") return std::nullopt;
  const auto ticks = read_numbers(text);  // user nice system idle iowait irq softirq steal guest...
  if (ticks.size() < 4) return std::nullopt;
  CpuTimes times;
  // Guests are counted in user and nice already.
  for (std::size_t i = 0; i < std::min<std::size_t>(ticks.size(), 8); ++i) {
    times.total += ticks[i];
    if (i != 3 && i != 4) times.busy += ticks[i];
  }
  return times;
}

std::optional<LoadAverages> parse_load(std::string_view proc_loadavg) {
  std::istringstream text{std::string(proc_loadavg)};
  LoadAverages load;
  if (!(text >> load.one >> load.five >> load.fifteen)) return std::nullopt;
  return load;
}

std::optional<Usage> parse_memory(std::string_view proc_meminfo) {
  std::istringstream text{std::string(proc_meminfo)};
  std::optional<std::uint64_t> total;
  std::optional<std::uint64_t> available;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words{line};
    std::string name;
    std::uint64_t value = 0;
    if (!(words >> name >> value)) continue;
    if (name == "MemTotal:") total = value * kibibyte;
    if (name == "MemAvailable:") available = value * kibibyte;
  }
  if (!total || !available) return std::nullopt;
  return Usage{*total, growth(*available, *total)};
}

std::optional<Traffic> parse_traffic(std::string_view proc_net_dev) {
  std::istringstream text{std::string(proc_net_dev)};
  Traffic traffic;
  bool found = false;
  for (std::string line; std::getline(text, line);) {
    const auto colon = line.find(':');
    const auto begin = line.find_first_not_of(' ');
    if (colon == line.npos || begin >= colon) continue;
    found = true;
    if (line.substr(begin, colon - begin) == "lo") continue;
    std::istringstream words{line.substr(colon + 1)};
    const auto numbers = read_numbers(words);  // 8 of receiving, 8 of sending
    if (numbers.size() < 9) continue;
    traffic.received += numbers[0];
    traffic.sent += numbers[8];
  }
  return found ? std::optional(traffic) : std::nullopt;
}

json::object make_report(const std::optional<Sample>& before, const Sample& now) {
  json::object report{{"version", B3_VERSION}};
  if (now.load) {
    report["load1"] = now.load->one;
    report["load5"] = now.load->five;
    report["load15"] = now.load->fifteen;
  }
  if (now.memory) {
    report["memory_total_bytes"] = now.memory->total;
    report["memory_used_bytes"] = now.memory->used;
  }
  if (now.disk) {
    report["disk_total_bytes"] = now.disk->total;
    report["disk_used_bytes"] = now.disk->used;
  }
  if (before) add_rates(*before, now, report);
  return report;
}

json::object Figures::report(SteadyTime now) {
  Sample sample{.at = now,
                .cpu = parse_cpu(read_file("/proc/stat")),
                .load = parse_load(read_file("/proc/loadavg")),
                .memory = parse_memory(read_file("/proc/meminfo")),
                .disk = read_disk(),
                .traffic = parse_traffic(read_file("/proc/net/dev"))};
  auto report = make_report(last_, sample);
  last_ = sample;
  return report;
}

}  // namespace b3::agent
