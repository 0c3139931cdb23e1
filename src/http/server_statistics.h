// What a server has seen since the start. Written by the Server; event loop thread only.
#pragma once

#include <cstdint>

namespace b3::http {

struct ServerStatistics {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // more than ServerLimits::connections
  std::uint64_t requests = 0;             // whose head was understood
  std::uint64_t requests_refused = 0;     // malformed, too large, too slow
};

}  // namespace b3::http
