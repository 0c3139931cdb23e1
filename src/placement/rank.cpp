#include <algorithm>
#include <tuple>
#include <utility>

#include "placement/placement.h"
#include "placement/score.h"

namespace b3::placement {
namespace {

// FNV-1a over the id, mixed with the seed by the finalizer of splitmix64. Equal scores come out
// in an order that differs from seed to seed and is the same on every machine.
std::uint64_t tie_break(std::uint64_t seed, std::string_view backend_id) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : backend_id) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  hash ^= seed * 0x9e3779b97f4a7c15;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

double score_of(const Candidate& candidate, const Demand& demand, Policy policy) {
  if (policy == Policy::classic) return classic_load(candidate);
  return bounded((candidate.expected_load + double(demand.expected_size)) *
                 usable_factor(candidate.load_factor));
}

struct Scored {
  Ranked ranked;
  std::uint64_t tie = 0;

  auto key() const { return std::tie(ranked.score, tie, ranked.backend_id, ranked.host); }
};

}  // namespace

std::optional<Policy> parse_policy(std::string_view name) {
  if (name == "expected-load") return Policy::expected_load;
  if (name == "classic") return Policy::classic;
  return std::nullopt;
}

std::string_view to_string(Policy policy) {
  return policy == Policy::classic ? "classic" : "expected-load";
}

Ranking rank(const std::vector<Candidate>& candidates, const Demand& demand, Policy policy,
             WallTime now) {
  Ranking ranking;
  ranking.policy = to_string(policy);
  std::vector<Scored> eligible;
  eligible.reserve(candidates.size());
  for (const auto& candidate : candidates) {
    if (auto rejected = reject(candidate, demand, now)) {
      ranking.rejected.push_back(std::move(*rejected));
      continue;
    }
    eligible.push_back({{candidate.backend_id, candidate.host, score_of(candidate, demand, policy)},
                        tie_break(demand.seed, candidate.backend_id)});
  }
  std::ranges::sort(
      eligible, [](const Scored& left, const Scored& right) { return left.key() < right.key(); });
  ranking.ranked.reserve(eligible.size());
  for (auto& scored : eligible) ranking.ranked.push_back(std::move(scored.ranked));
  return ranking;
}

}  // namespace b3::placement
