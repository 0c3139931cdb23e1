#include <algorithm>
#include <charconv>
#include <chrono>

#include "placement/placement.h"
#include "placement/score.h"

namespace b3::placement {
namespace {

constexpr milliseconds full_until = std::chrono::minutes{10};
constexpr milliseconds faded_at = std::chrono::minutes{30};
constexpr std::int64_t largest_size_hint = 100'000;

// How much of the expectation is left: 1 for a new meeting, 0 once the people are there or will
// not come. A negative age (the clock went back) is new.
double remaining_expectation(milliseconds age) {
  if (age <= full_until) return 1;
  if (age >= faded_at) return 0;
  return double((faded_at - age).count()) / double((faded_at - full_until).count());
}

// Plain decimal digits; nothing in front, nothing behind.
std::optional<std::int64_t> parse_positive(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value <= 0) return std::nullopt;
  return value;
}

}  // namespace

double expected_load_of(std::int64_t attendees, std::int64_t expected_size, milliseconds age) {
  const double present = double(std::max<std::int64_t>(attendees, 0));
  const double expected = double(std::max<std::int64_t>(expected_size, 0));
  return std::max(present, expected * remaining_expectation(age));
}

std::int64_t expected_size_from(std::optional<std::string_view> size_hint,
                                std::optional<std::string_view> max_participants) {
  if (size_hint) {
    const auto hint = parse_positive(*size_hint);
    if (hint && *hint <= largest_size_hint) return *hint;
  }
  if (max_participants) {
    const auto limit = parse_positive(*max_participants);
    if (limit && *limit < default_expected_size) return *limit;
  }
  return default_expected_size;
}

double classic_load(const Candidate& candidate) {
  return bounded((double(candidate.meetings) + double(candidate.attendees)) *
                 usable_factor(candidate.load_factor));
}

}  // namespace b3::placement
