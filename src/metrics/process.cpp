#include "metrics/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace b3::metrics {
namespace {

std::string read_whole(const char* path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::optional<std::size_t> count_descriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
  std::size_t entries = 0;
  while (::readdir(folder) != nullptr) ++entries;
  ::closedir(folder);
  constexpr std::size_t not_ours = 3;  // ".", ".." and the folder itself
  return entries - std::min(entries, not_ours);
}

// Seconds since 1970; "btime" of /proc/stat.
std::optional<double> boot_time() {
  static const std::optional<double> time = [] {
    const auto text = read_whole("/proc/stat");
    constexpr std::string_view key = "\nbtime ";
    const auto at = text.find(key);
    return at == std::string::npos ? std::nullopt
                                   : number(std::string_view(text).substr(at + key.size()));
  }();
  return time;
}

double most_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::numeric_limits<double>::infinity();
  }
  return double(limit.rlim_cur);
}

}  // namespace

// The second field is the program's name in brackets, which may contain anything.
std::optional<ProcessFigures> parse_stat(std::string_view text, double ticks_per_second,
                                         double page_bytes) {
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  const auto words = words_of(text.substr(name_end + 1));  // from the third field on
  const auto field = [&](std::size_t place) -> std::optional<double> {
    if (words.size() + 3 <= place) return std::nullopt;
    return number(words[place - 3]);
  };
  const auto user = field(14), system = field(15), threads = field(20), start = field(22),
             bytes = field(23), pages = field(24);
  if (!user || !system || !threads || !start || !bytes || !pages) return std::nullopt;
  return ProcessFigures{.cpu_seconds = (*user + *system) / ticks_per_second,
                        .start_ticks = *start,
                        .threads = *threads,
                        .virtual_bytes = *bytes,
                        .resident_bytes = *pages * page_bytes};
}

void collect_process(Families& families) {
  const auto ticks = double(::sysconf(_SC_CLK_TCK));
  const auto figures =
      parse_stat(read_whole("/proc/self/stat"), ticks, double(::sysconf(_SC_PAGESIZE)));
  if (!figures) return;
  families.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
      .add(figures->cpu_seconds);
  families.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
      .add(figures->resident_bytes);
  families.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
      .add(figures->virtual_bytes);
  families.gauge("process_threads", "Number of threads.").add(figures->threads);
  if (const auto boot = boot_time()) {
    families
        .gauge("process_start_time_seconds",
               "Start time of the process since unix epoch in seconds.")
        .add(*boot + figures->start_ticks / ticks);
  }
  if (const auto descriptors = count_descriptors()) {
    families.gauge("process_open_fds", "Number of open file descriptors.")
        .add(double(*descriptors));
  }
  families.gauge("process_max_fds", "Maximum number of open file descriptors.")
      .add(most_descriptors());
}

}  // namespace b3::metrics
