#include "base/time.h"

#include <fmt/compile.h>
#include <fmt/format.h>

namespace b3 {

Now read_clocks() {
  return {std::chrono::floor<milliseconds>(std::chrono::system_clock::now()),
          std::chrono::steady_clock::now()};
}

std::string to_rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format(FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z"), int(date.year()),
                     unsigned(date.month()), unsigned(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace b3
