// Where does a new meeting go? Pure: values in, a ranking with reasons out.
//
// rank() filters the candidates (each rejection keeps its reason), scores what is left and orders
// it. The same input gives the same output, ties included: they are broken by the request's seed.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/backend.h"

namespace b3::placement {

// One backend as placement sees it. Its texts are those of whoever keeps the backend (the view),
// and those of a Ranking are its candidates': both are for use before the next suspension.
struct Candidate {
  std::string_view backend_id;
  std::string_view host;
  AdminState admin_state = AdminState::init;
  NodeState node_state = NodeState::init;
  std::string_view last_error;
  // How long its agent has said nothing, on the steady clock; absent for a node without an agent.
  std::optional<milliseconds> agent_silence;
  bool synced = false;             // a refresh has succeeded at least once
  Health health = Health::usable;  // what counts: the operator's word, else the evidence
  bool circuit_open = false;       // calls to it fail at once at the moment; see node/breaker.h
  std::span<const std::string> tags;
  std::optional<std::int64_t> max_meetings;
  std::optional<std::int64_t> max_attendees;
  double load_factor = 1.0;

  // Sums over the meetings and reservations of this backend, reservations included.
  std::int64_t meetings = 0;
  std::int64_t attendees = 0;
  double expected_load = 0;  // sum of expected_load_of() of each, without the load factor
};

struct Demand {
  std::vector<std::string> required_tags{};
  std::int64_t expected_size = 15;
  std::vector<std::string> tried{};  // backend ids that already refused this request
  std::uint64_t seed = 0;
};

// Why a candidate was left out; to_string() gives the stable name used in JSON and metrics.
enum class Rejection {
  admin_state,   // the operator does not want new meetings there
  not_synced,    // never seen alive
  given_up,      // its meetings may be elsewhere by now
  unhealthy,     // node state is not ready
  avoided,       // it answers, but not well enough
  circuit_open,  // the last calls to it did not get through
  agent_silent,  // its agent's last heartbeat was more than 5 s ago
  missing_tags,
  max_meetings,
  max_attendees,
  already_tried,
};
std::string_view to_string(Rejection rejection);

struct Ranked {
  std::string_view backend_id;
  std::string_view host;
  double score = 0;  // lower is better
};
struct Rejected {
  std::string_view backend_id;
  std::string_view host;
  Rejection reason = Rejection::admin_state;
  std::string detail;  // a sentence for operators
};
struct Ranking {
  std::string_view policy;         // a constant
  std::vector<Ranked> ranked;      // best first
  std::vector<Rejected> rejected;  // in the candidates' order
};

enum class Policy {
  expected_load,  // the default: (expected load + the new meeting's size) x load factor
  classic,        // the formula of the old implementation, see classic_load()
};
std::optional<Policy> parse_policy(std::string_view name);  // "expected-load", "classic"
std::string_view to_string(Policy policy);

// The age above which an agent's heartbeat no longer counts.
inline constexpr milliseconds agent_silence_limit{5000};

// First reason against this candidate, or nullopt when it is eligible. With an empty Demand this
// answers "is this backend eligible at all?".
std::optional<Rejected> reject(const Candidate& candidate, const Demand& demand, WallTime now);

Ranking rank(const std::vector<Candidate>& candidates, const Demand& demand, Policy policy,
             WallTime now);

// -- load ----------------------------------------------------------------------------------

inline constexpr std::int64_t default_expected_size = 15;

// What one meeting counts for: the larger of its attendees and its expected size, where the
// expectation holds in full for 10 minutes and fades linearly to 0 at minute 30 of its life.
double expected_load_of(std::int64_t attendees, std::int64_t expected_size, milliseconds age);

// The expected size of a new meeting: the tenant's hint (meta_bbb-meeting-size-hint, a positive
// integer up to 100,000) if it gives one; else maxParticipants when 0 < value < 15; else 15.
std::int64_t expected_size_from(std::optional<std::string_view> size_hint,
                                std::optional<std::string_view> max_participants);

// (meetings + attendees) x load factor.
double classic_load(const Candidate& candidate);

// -- explaining -----------------------------------------------------------------------------

// At most this many entries of either list go into an explanation.
inline constexpr std::size_t explained_entries = 8;
// And into one that is stored: it goes with every meeting, and what a create costs the database is
// mostly the size of the row.
inline constexpr std::size_t stored_entries = 5;

// {"at":..., "policy":..., "chosen":..., "seed":..., "expected_size":..., "ranked":[{"backend_id",
// "host","score"}...], "rejected":[{"backend_id","host","reason","detail"}...]}
// The seed is written as a string of digits (64 bits do not survive most JSON readers). The chosen
// backend is always there. Where entries did not fit, "left_out" counts them, and
// "rejected_by_reason" all that were rejected: {"unhealthy":12,...}.
std::string explain_json(const Ranking& ranking, const Demand& demand, std::string_view chosen,
                         WallTime now);

// The same as it is stored: entries are lists, [backend id, score] and [backend id, reason,
// detail], and their hosts are left out.
std::string stored_explanation(const Ranking& ranking, const Demand& demand,
                               std::string_view chosen, WallTime now);
// A stored explanation with entries as in explain_json(). Hosts of backends that are gone are "".
// Entries that have that form already stay (programs before schema version 7 stored them so).
boost::json::object whole_explanation(boost::json::object stored,
                                      const std::function<std::string(std::string_view)>& host_of);

}  // namespace b3::placement
