// What can be run with but is probably not meant.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "config/config.h"
#include "config/values.h"

namespace b3::config {
namespace {

constexpr std::string_view prefix = "B3SCALE_";
constexpr std::size_t shortest_good_secret = 16;
constexpr std::size_t longest_compared_name = 64;

// Levenshtein's distance: the insertions, deletions and replacements between two words.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// The known name that was probably meant: one where at most a third of the letters differ.
std::string_view nearest_name(std::string_view unknown) {
  if (unknown.size() > longest_compared_name) return {};
  std::string_view nearest;
  std::size_t best = std::max<std::size_t>(2, (unknown.size() - prefix.size()) / 3) + 1;
  for (const auto& variable : variables()) {
    const auto distance = edit_distance(unknown, variable.name);
    if (distance >= best) continue;
    best = distance;
    nearest = variable.name;
  }
  return nearest;
}

std::string warn_unknown(std::string_view name) {
  const auto nearest = nearest_name(name);
  if (nearest.empty()) return fmt::format("{} is not a variable of b3scale and is ignored", name);
  return fmt::format("{} is not a variable of b3scale and is ignored; did you mean {}?", name,
                     nearest);
}

std::optional<std::string> warn_short_secret(const Environment& env) {
  const auto secret = value_of(env, "B3SCALE_API_JWT_SECRET");
  if (secret.empty() || secret.size() >= shortest_good_secret) return std::nullopt;
  return fmt::format("B3SCALE_API_JWT_SECRET is shorter than {} characters: tokens could be forged",
                     shortest_good_secret);
}

std::optional<std::string> warn_reverse_proxy(const Environment& env) {
  if (parse_boolean(value_of(env, "B3SCALE_REVERSE_PROXY_MODE")) != true) return std::nullopt;
  return "B3SCALE_REVERSE_PROXY_MODE has no effect: browsers are always redirected to their node";
}

std::optional<std::string> warn_short_reservation(const Environment& env) {
  const auto connect = parse_duration(value_of(env, "B3SCALE_NODE_CONNECT_TIMEOUT"));
  const auto response = parse_duration(value_of(env, "B3SCALE_NODE_RESPONSE_TIMEOUT"));
  const auto reservation = parse_duration(value_of(env, "B3SCALE_RESERVATION_TIMEOUT"));
  if (!connect || !response || !reservation) return std::nullopt;
  if (*reservation - *connect > *response) return std::nullopt;
  return "B3SCALE_RESERVATION_TIMEOUT is not longer than B3SCALE_NODE_CONNECT_TIMEOUT and "
         "B3SCALE_NODE_RESPONSE_TIMEOUT together: a reservation may be given up while its node is "
         "still being asked";
}

std::optional<std::string> warn_never_slow(const Environment& env) {
  const auto slow = parse_duration(value_of(env, "B3SCALE_NODE_SLOW_AFTER"));
  const auto timeout = parse_duration(value_of(env, "B3SCALE_REFRESH_TIMEOUT"));
  if (!slow || !timeout || *slow < *timeout) return std::nullopt;
  return "B3SCALE_NODE_SLOW_AFTER is not shorter than B3SCALE_REFRESH_TIMEOUT: a slow answer fails "
         "before it could count as slow";
}

}  // namespace

std::vector<std::string> find_warnings(const Environment& env) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : env) {
    if (name.starts_with(prefix) && !find_variable(name)) warnings.push_back(warn_unknown(name));
  }
  for (const auto warn :
       {warn_short_secret, warn_reverse_proxy, warn_short_reservation, warn_never_slow}) {
    if (auto warning = warn(env)) warnings.push_back(std::move(*warning));
  }
  return warnings;
}

}  // namespace b3::config
