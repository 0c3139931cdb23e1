// Requests of the REST API by route, since the start. Labels are the routes' patterns, never paths:
// there are as many as there are routes. Event loop thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "api/router.h"
#include "metrics/counters.h"
#include "metrics/histogram.h"

namespace b3::daemon {

enum class StatusClass { success, redirection, client_error, server_error };
constexpr StatusClass class_of(int status) {
  return StatusClass(std::clamp(status / 100, 2, 5) - 2);
}
constexpr std::string_view to_string(StatusClass status) {
  constexpr std::array<std::string_view, 4> names{"2xx", "3xx", "4xx", "5xx"};
  return names[std::size_t(status)];
}

class RestStatistics {
 public:
  struct Entry {
    metrics::Counters<StatusClass, StatusClass::server_error> statuses;
    metrics::Histogram duration{metrics::request_bounds};
  };

  // `route`: one of api::routes(), or nullptr where none fits.
  void note(const api::Route* route, std::chrono::nanoseconds duration, int status) {
    auto& entry = entries_[route == nullptr ? routes_.size() : place_of(*route)];
    entry.statuses.add(class_of(status));
    entry.duration.observe(duration);
  }

  // Calls visit(method, pattern, entry) for all that were asked for.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t at = 0; at < entries_.size(); ++at) {
      if (entries_[at].duration.count() == 0) continue;
      const bool known = at < routes_.size();
      visit(known ? routes_[at].method : std::string_view("other"),
            known ? routes_[at].pattern : std::string_view("other"), entries_[at]);
    }
  }

 private:
  std::size_t place_of(const api::Route& route) const {
    return std::size_t(&route - routes_.data());
  }

  std::span<const api::Route> routes_ = api::routes();
  std::vector<Entry> entries_{api::routes().size() + 1};
};

}  // namespace b3::daemon
