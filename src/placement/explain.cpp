#include <boost/json.hpp>

#include "placement/placement.h"

namespace b3::placement {
namespace {

namespace json = boost::json;

json::object describe(const Ranked& ranked) {
  return {{"backend_id", ranked.backend_id}, {"host", ranked.host}, {"score", ranked.score}};
}

json::object describe(const Rejected& rejected) {
  return {{"backend_id", rejected.backend_id},
          {"host", rejected.host},
          {"reason", json::string_view(to_string(rejected.reason))},
          {"detail", rejected.detail}};
}

// The first explained_entries of the list; beyond them only the chosen one.
template <class Entry>
json::array describe_first(const std::vector<Entry>& entries, std::string_view chosen) {
  json::array described;
  for (std::size_t index = 0; index < entries.size(); ++index) {
    if (index < explained_entries || entries[index].backend_id == chosen) {
      described.push_back(describe(entries[index]));
    }
  }
  return described;
}

}  // namespace

std::string explain_json(const Ranking& ranking, const Demand& demand, std::string_view chosen,
                         WallTime now) {
  json::array ranked = describe_first(ranking.ranked, chosen);
  json::array rejected = describe_first(ranking.rejected, chosen);
  json::object explanation{{"at", to_rfc3339(now)},
                           {"policy", ranking.policy},
                           {"chosen", json::string_view(chosen)},
                           {"seed", std::to_string(demand.seed)},
                           {"expected_size", demand.expected_size}};
  const std::size_t left_out =
      ranking.ranked.size() + ranking.rejected.size() - ranked.size() - rejected.size();
  explanation["ranked"] = std::move(ranked);
  explanation["rejected"] = std::move(rejected);
  if (left_out > 0) explanation["left_out"] = left_out;
  return json::serialize(explanation);
}

}  // namespace b3::placement
