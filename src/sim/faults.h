// How a simulated node misbehaves, call by call. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/time.h"
#include "sim/node_state.h"

namespace b3::sim {

enum class FaultMode {
  ok,
  hang,            // never answer: until the faults change, the node stops or 10 minutes are over
  close,           // close the connection without an answer
  garbage,         // 200 text/html
  truncated,       // half of the XML under the full Content-Length, then close
  http_status,     // an HTTP error page
  failed,          // FAILED internalError
  oversized,       // an XML document of oversized_mib
  wrong_checksum,  // FAILED checksumError
};

struct CallFault {
  FaultMode mode = FaultMode::ok;
  int status = 500;                    // of http_status
  bool effect = false;                 // the call's work is done before the mode applies
  milliseconds latency{0};             // before the work, on top of the node's
  milliseconds latency_after{0};       // between the work and the answer
  std::optional<std::uint64_t> times;  // applies to so many more calls; absent: to all
};

struct Faults {
  milliseconds latency{0};         // before the work of every call
  milliseconds latency_jitter{0};  // a random part of this on top
  std::size_t oversized_bytes = std::size_t{64} << 20;
  NodeSettings settings;
  std::map<std::string, CallFault, std::less<>> calls;  // by call name ("index" too) or "*"
};

// The body of PUT /nodes/<name>/faults (docs/bbbsim.md); what it leaves out is as in `defaults`.
// The error is a sentence for people.
std::expected<Faults, std::string> parse_faults(std::string_view json, const Faults& defaults);
boost::json::object to_json(const Faults& faults);

// What happens to one call.
struct Treatment {
  FaultMode mode = FaultMode::ok;
  int status = 200;
  bool effect = true;
  milliseconds wait_before{0};
  milliseconds wait_after{0};
};
// False: take_treatment() would find nothing to do, so the call can be answered at once.
bool touches(const Faults& faults, std::string_view call);
// Counts `times` down; a fault used up is gone.
Treatment take_treatment(Faults& faults, std::string_view call, std::mt19937_64& random);

}  // namespace b3::sim
