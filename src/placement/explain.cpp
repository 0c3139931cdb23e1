// Written by hand, not as a tree of JSON values: every create writes one.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <utility>

#include "placement/placement.h"

namespace b3::placement {
namespace {

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void append_text(std::string& json, std::string_view text) {
  if (std::ranges::all_of(text, is_plain)) {
    json += '"';
    json += text;
    json += '"';
  } else {
    json += boost::json::serialize(boost::json::string_view(text));
  }
}

// Always with a point or an exponent: the score is not an integer that happens to be round.
void append_number(std::string& json, double number) {
  constexpr auto most = std::numeric_limits<double>::max();
  const auto finite = std::isnan(number) ? most : std::clamp(number, -most, most);
  fmt::format_to(std::back_inserter(json), "{:#}", finite);
}

void append(std::string& json, const Ranked& ranked) {
  json += "{\"backend_id\":";
  append_text(json, ranked.backend_id);
  json += ",\"host\":";
  append_text(json, ranked.host);
  json += ",\"score\":";
  append_number(json, ranked.score);
  json += '}';
}

void append(std::string& json, const Rejected& rejected) {
  json += "{\"backend_id\":";
  append_text(json, rejected.backend_id);
  json += ",\"host\":";
  append_text(json, rejected.host);
  json += ",\"reason\":";
  append_text(json, to_string(rejected.reason));
  json += ",\"detail\":";
  append_text(json, rejected.detail);
  json += '}';
}

// The first explained_entries of the list; beyond them only the chosen one. Returns how many were
// left out.
template <class Entry>
std::size_t append_first(std::string& json, const std::vector<Entry>& entries,
                         std::string_view chosen) {
  std::size_t written = 0;
  json += '[';
  for (std::size_t index = 0; index < entries.size(); ++index) {
    if (index >= explained_entries && entries[index].backend_id != chosen) continue;
    if (written++ > 0) json += ',';
    append(json, entries[index]);
  }
  json += ']';
  return entries.size() - written;
}

void append_reasons(std::string& json, const std::vector<Rejected>& rejected) {
  std::map<std::string_view, std::size_t> counts;
  for (const auto& each : rejected) ++counts[to_string(each.reason)];
  json += ",\"rejected_by_reason\":{";
  for (bool first = true; const auto& [reason, count] : counts) {
    if (!std::exchange(first, false)) json += ',';
    append_text(json, reason);
    fmt::format_to(std::back_inserter(json), ":{}", count);
  }
  json += '}';
}

}  // namespace

std::string explain_json(const Ranking& ranking, const Demand& demand, std::string_view chosen,
                         WallTime now) {
  std::string json;
  json.reserve(2'048);
  json += "{\"at\":";
  append_text(json, to_rfc3339(now));
  json += ",\"policy\":";
  append_text(json, ranking.policy);
  json += ",\"chosen\":";
  append_text(json, chosen);
  fmt::format_to(std::back_inserter(json),
                 ",\"seed\":\"{}\",\"expected_size\":{},\"ranked\":", demand.seed,
                 demand.expected_size);
  std::size_t left_out = append_first(json, ranking.ranked, chosen);
  json += ",\"rejected\":";
  left_out += append_first(json, ranking.rejected, chosen);
  if (left_out > 0) {
    if (!ranking.rejected.empty()) append_reasons(json, ranking.rejected);
    fmt::format_to(std::back_inserter(json), ",\"left_out\":{}", left_out);
  }
  json += '}';
  return json;
}

}  // namespace b3::placement
