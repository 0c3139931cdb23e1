#include "lease/plan.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace b3::lease {

namespace {

using Names = std::set<std::string, std::less<>>;

// FNV-1a, then mixed: the same on every machine and in every run.
std::uint64_t hash(std::string_view first, std::string_view second) {
  std::uint64_t value = 0xcbf29ce484222325;
  const auto add = [&](std::string_view text) {
    for (const char character : text) {
      value = (value ^ static_cast<unsigned char>(character)) * 0x100000001b3;
    }
  };
  add(first);
  add("\n");
  add(second);
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
  return value ^ (value >> 33);
}

// Each instance has its own order of preference, so that two rarely claim the same names first.
void order_by_preference(std::vector<std::string>& names, std::string_view instance_id) {
  std::ranges::sort(names, {}, [&](const std::string& name) {
    return std::pair(hash(instance_id, name), std::string_view(name));
  });
}

// Notes who was seen, and tells the dead from the living, whom it returns.
Names look_around(const State& seen, const store::Membership& membership, SteadyTime now,
                  const Rules& rules, Plan& plan) {
  Names living{rules.instance_id};
  const bool watched = seen.looked_at && now - *seen.looked_at <= rules.dead_after / 2;
  plan.seen.looked_at = now;
  for (const auto& instance : membership.instances) {
    if (instance.id == rules.instance_id) continue;
    const auto before = seen.others.find(instance.id);
    const bool stands_still =
        watched && before != seen.others.end() && before->second.beat == instance.beat;
    const auto since = stands_still ? before->second.since : now;
    plan.seen.others[instance.id] = {instance.beat, since};
    const auto deadline = since + rules.dead_after;
    if (now >= deadline) {
      plan.dead.push_back(instance);
      continue;
    }
    living.insert(instance.id);
    plan.next_deadline = std::min(plan.next_deadline.value_or(deadline), deadline);
  }
  plan.live_instances = living.size();
  return living;
}

// A few at a time, so that others can take them before the next ones come: a quarter of what is too
// much, but two at least.
void give_up_excess(std::size_t share, const Rules& rules, Plan& plan) {
  if (plan.held.size() <= share) return;
  const auto excess = plan.held.size() - share;
  const auto count = std::min(excess, std::max<std::size_t>(2, excess / 4));
  order_by_preference(plan.held, rules.instance_id);
  plan.give_up.insert(plan.give_up.end(), plan.held.end() - std::ptrdiff_t(count), plan.held.end());
  plan.held.resize(plan.held.size() - count);
}

}  // namespace

Plan decide(const State& seen, const store::Membership& membership,
            const std::vector<std::string>& wanted, SteadyTime now, const Rules& rules) {
  Plan plan;
  const auto living = look_around(seen, membership, now, rules, plan);
  std::map<std::string, std::string, std::less<>> free;  // name -> who is seen to hold it
  for (const auto& name : wanted) free.emplace(name, "");
  const auto share = (free.size() + living.size() - 1) / living.size();
  for (const auto& [name, holder] : membership.leases) {
    const auto found = free.find(name);
    const bool is_wanted = found != free.end();
    if (holder == rules.instance_id) (is_wanted ? plan.held : plan.give_up).push_back(name);
    if (!is_wanted) continue;
    if (living.contains(holder)) {
      free.erase(found);
    } else {
      found->second = holder;
    }
  }
  give_up_excess(share, rules, plan);
  std::vector<std::string> names;
  for (const auto& [name, holder] : free) names.push_back(name);
  order_by_preference(names, rules.instance_id);
  names.resize(std::min(names.size(), share - std::min(share, plan.held.size())));
  for (const auto& name : names) plan.claims.push_back({name, free.at(name)});
  return plan;
}

milliseconds jittered(milliseconds interval, const std::string& instance_id, std::uint64_t count) {
  const auto span = std::uint64_t(interval.count()) / 5;  // from -10 % to +10 %
  if (span == 0) return interval;
  const auto offset = hash(instance_id, std::to_string(count)) % (span + 1);
  return interval - interval / 10 + milliseconds{std::int64_t(offset)};
}

}  // namespace b3::lease
