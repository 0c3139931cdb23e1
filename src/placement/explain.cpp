// Written by hand, not as a tree of JSON values: every create writes one.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <functional>
#include <initializer_list>
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

enum class Form { whole, stored };

void append(std::string& json, const Ranked& ranked, Form form) {
  const bool whole = form == Form::whole;
  json += whole ? "{\"backend_id\":" : "[";
  append_text(json, ranked.backend_id);
  if (whole) {
    json += ",\"host\":";
    append_text(json, ranked.host);
  }
  json += whole ? ",\"score\":" : ",";
  append_number(json, ranked.score);
  json += whole ? '}' : ']';
}

void append(std::string& json, const Rejected& rejected, Form form) {
  const bool whole = form == Form::whole;
  json += whole ? "{\"backend_id\":" : "[";
  append_text(json, rejected.backend_id);
  if (whole) {
    json += ",\"host\":";
    append_text(json, rejected.host);
  }
  json += whole ? ",\"reason\":" : ",";
  append_text(json, to_string(rejected.reason));
  json += whole ? ",\"detail\":" : ",";
  append_text(json, rejected.detail);
  json += whole ? '}' : ']';
}

// The first entries of the list; beyond them only the chosen one. Returns how many were left out.
template <class Entry>
std::size_t append_first(std::string& json, const std::vector<Entry>& entries,
                         std::string_view chosen, Form form) {
  const auto most = form == Form::whole ? explained_entries : stored_entries;
  std::size_t written = 0;
  json += '[';
  for (std::size_t index = 0; index < entries.size(); ++index) {
    if (index >= most && entries[index].backend_id != chosen) continue;
    if (written++ > 0) json += ',';
    append(json, entries[index], form);
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

std::string explain(const Ranking& ranking, const Demand& demand, std::string_view chosen,
                    WallTime now, Form form) {
  std::string json;
  json.reserve(form == Form::whole ? 2'048 : 768);
  json += "{\"at\":";
  append_text(json, to_rfc3339(now));
  json += ",\"policy\":";
  append_text(json, ranking.policy);
  json += ",\"chosen\":";
  append_text(json, chosen);
  fmt::format_to(std::back_inserter(json),
                 ",\"seed\":\"{}\",\"expected_size\":{},\"ranked\":", demand.seed,
                 demand.expected_size);
  std::size_t left_out = append_first(json, ranking.ranked, chosen, form);
  json += ",\"rejected\":";
  left_out += append_first(json, ranking.rejected, chosen, form);
  if (left_out > 0) {
    if (!ranking.rejected.empty()) append_reasons(json, ranking.rejected);
    fmt::format_to(std::back_inserter(json), ",\"left_out\":{}", left_out);
  }
  json += '}';
  return json;
}

// [backend id, ...] as an object of these names, which begin with the backend's id.
void make_whole(boost::json::value& entry, std::initializer_list<std::string_view> names,
                const std::function<std::string(std::string_view)>& host_of) {
  const auto* list = entry.if_array();
  if (list == nullptr || list->size() != names.size() || !list->front().is_string()) return;
  boost::json::object whole;
  for (std::size_t index = 0; const auto name : names) {
    whole[name] = (*list)[index];
    if (index++ == 0) whole["host"] = host_of(list->front().get_string());
  }
  entry = std::move(whole);
}

}  // namespace

std::string explain_json(const Ranking& ranking, const Demand& demand, std::string_view chosen,
                         WallTime now) {
  return explain(ranking, demand, chosen, now, Form::whole);
}

std::string stored_explanation(const Ranking& ranking, const Demand& demand,
                               std::string_view chosen, WallTime now) {
  return explain(ranking, demand, chosen, now, Form::stored);
}

boost::json::object whole_explanation(boost::json::object stored,
                                      const std::function<std::string(std::string_view)>& host_of) {
  const auto make_all_whole = [&](std::string_view list,
                                  std::initializer_list<std::string_view> names) {
    auto* entries = stored.if_contains(list);
    if (entries == nullptr || !entries->is_array()) return;
    for (auto& entry : entries->get_array()) make_whole(entry, names, host_of);
  };
  make_all_whole("ranked", {"backend_id", "score"});
  make_all_whole("rejected", {"backend_id", "reason", "detail"});
  return stored;
}

}  // namespace b3::placement
