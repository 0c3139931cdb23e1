// What the system says of this process. Any thread.
//
// The names are those every Prometheus client library uses:
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
#pragma once

#include <optional>
#include <string_view>

#include "metrics/families.h"

namespace b3::metrics {

struct ProcessFigures {
  double cpu_seconds = 0;
  double start_ticks = 0;  // of the clock, since the system started
  double threads = 0;
  double virtual_bytes = 0;
  double resident_bytes = 0;
};
// The content of /proc/self/stat (proc(5)); nullopt when it is none. Pure.
std::optional<ProcessFigures> parse_stat(std::string_view text, double ticks_per_second,
                                         double page_bytes);

// Adds what can be found out; nothing where there is no /proc.
void collect_process(Families& families);

}  // namespace b3::metrics
