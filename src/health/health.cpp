#include "health/health.h"

#include <fmt/format.h>

namespace b3::health {
namespace {

// Part of the stored reason, because whoever polls the node next must know it too.
constexpr std::string_view returning = "returning";

bool has_answered(const Contact& contact) {
  return contact.kind == ContactKind::answered || contact.kind == ContactKind::slow;
}

Record count(Record record, const Contact& contact, SteadyTime now) {
  record.failures = contact.kind == ContactKind::answered ? 0 : record.failures + 1;
  if (contact.kind != ContactKind::refused) {
    record.refusals = 0;
    record.refused_since = {};
  } else if (record.refusals++ == 0) {
    record.refused_since = now;
  }
  return record;
}

bool is_hopeless(const Record& record, const Thresholds& thresholds, SteadyTime now) {
  return thresholds.give_up_after > milliseconds{0} && record.refusals > 0 &&
         record.refusals >= thresholds.give_up_failures &&
         now - record.refused_since >= thresholds.give_up_after;
}

std::string in_words(const Contact& contact) {
  return contact.detail.empty() ? contact.what
                                : fmt::format("{}: {}", contact.what, contact.detail);
}

Standing give_up(const Record& record, const Contact& contact, SteadyTime now) {
  const auto lasted = std::chrono::duration_cast<seconds>(now - record.refused_since);
  auto reason = fmt::format("{} for {} s", contact.what, lasted.count());
  if (!contact.detail.empty()) reason += ": " + contact.detail;
  return {Health::given_up, std::move(reason)};
}

// A node that was given up and answers again.
Standing welcome_back(const Standing& before, const Contact& contact, bool nothing_stale) {
  if (contact.kind == ContactKind::answered && nothing_stale && before.health != Health::given_up) {
    return {};
  }
  if (contact.kind != ContactKind::answered) {
    return {Health::avoided, fmt::format("{}; {}", returning, in_words(contact))};
  }
  return {Health::avoided,
          fmt::format("{}: what it holds of former meetings is looked through", returning)};
}

}  // namespace

bool has_spoken(const Contact& contact) {
  return has_answered(contact) || contact.kind == ContactKind::unwilling;
}

Standing standing_of(const Backend& backend) {
  return {backend.health, backend.health_reason};
}

bool is_returning(const Standing& standing) {
  return standing.health == Health::given_up ||
         (standing.health == Health::avoided && standing.reason.starts_with(returning));
}

Assessment assess(const Record& record, const Standing& before, const Contact& contact,
                  const Circumstances& circumstances, const Thresholds& thresholds,
                  SteadyTime now) {
  const auto counted = count(record, contact, now);
  if (before.health == Health::given_up && !has_answered(contact)) return {counted, before};
  if (circumstances.may_be_given_up && is_hopeless(counted, thresholds, now)) {
    return {counted, give_up(counted, contact, now)};
  }
  if (is_returning(before)) {
    return {counted, welcome_back(before, contact, circumstances.nothing_stale)};
  }
  if (contact.kind == ContactKind::answered) return {counted, {}};
  const bool enough = counted.failures >= thresholds.avoid_after_failures;
  if (!enough && before.health == Health::usable) return {counted, before};
  return {counted, {Health::avoided, in_words(contact)}};
}

}  // namespace b3::health
