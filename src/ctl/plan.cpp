#include "ctl/plan.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/json.h"
#include "ctl/fields.h"
#include "ctl/resolve.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

using Existing = std::map<std::string, const json::value*>;

Existing by_field(const json::value& list, std::string_view field) {
  Existing existing;
  for (const auto& resource : elements_of(list)) existing[field_text(resource, field)] = &resource;
  return existing;
}

const json::value& value_at(const json::value& resource, std::string_view path) {
  static const json::value none;
  const auto* found = find_field(resource, path);
  return found ? *found : none;
}

// 1 and 1.0 are one value.
bool same(const json::value& left, const json::value& right) {
  if (left.is_number() && right.is_number()) {
    return left.to_number<double>() == right.to_number<double>();
  }
  if (left.is_array() && right.is_array()) {
    return std::ranges::equal(left.get_array(), right.get_array(), same);
  }
  if (left.is_object() && right.is_object()) {
    const auto& one = left.get_object();
    const auto& other = right.get_object();
    return one.size() == other.size() && std::ranges::all_of(one, [&](const auto& member) {
             const auto* found = other.if_contains(member.key());
             return found && same(member.value(), *found);
           });
  }
  return left == right;
}

// A change in the making: notes what differs, with the PATCH that does it.
class Comparison {
 public:
  explicit Comparison(const json::value& stored) : stored_(stored) {}

  void field(std::string_view name, const json::value& wanted) {
    const auto& current = value_at(stored_, name);
    if (same(current, wanted)) return;
    change.differences.push_back({std::string(name), current, wanted});
    change.body[name] = wanted;
  }

  void secret(const std::optional<std::string>& wanted) {
    if (!wanted || field_text(stored_, "bbb.secret") == *wanted) return;
    change.differences.push_back({"secret", {}, {}});
    change.body["bbb"] = json::object{{"secret", *wanted}};
  }

  // The whole settings: what they do not name goes.
  void settings(const std::optional<json::object>& wanted) {
    if (!wanted) return;
    const auto& current = value_at(stored_, "settings");
    json::object patch;
    const auto note = [&](std::string_view key, const json::value& from, const json::value& to) {
      change.differences.push_back({fmt::format("settings.{}", key), from, to});
      patch[key] = to;
    };
    const auto* stored = current.if_object();
    for (const auto& member : *wanted) {
      const auto* old = stored ? stored->if_contains(member.key()) : nullptr;
      if (member.value().is_null() ? old == nullptr : old && same(*old, member.value())) continue;
      note(member.key(), old ? *old : json::value(), member.value());
      if (old && old->is_object() && member.value().is_object()) {
        patch[member.key()] = replacing(*old, member.value());
      }
    }
    if (stored) {
      for (const auto& member : *stored) {
        if (!wanted->contains(member.key())) note(member.key(), member.value(), {});
      }
    }
    if (!patch.empty()) change.body["settings"] = std::move(patch);
  }

  Change change;

 private:
  // Merging objects keeps what the new one does not name (RFC 7396), unless it is said to go.
  static json::value replacing(const json::value& old, const json::value& wanted) {
    if (!old.is_object() || !wanted.is_object()) return wanted;
    json::object patch;
    for (const auto& member : wanted.get_object()) {
      const auto* before = old.get_object().if_contains(member.key());
      patch[member.key()] = before ? replacing(*before, member.value()) : member.value();
    }
    for (const auto& member : old.get_object()) {
      if (!wanted.get_object().contains(member.key())) patch[member.key()] = nullptr;
    }
    return patch;
  }

  const json::value& stored_;
};

Change addition(std::string_view resource, const std::string& name, json::object body) {
  return {.kind = Change::Kind::add,
          .resource = std::string(resource),
          .name = name,
          .differences = {},
          .method = "POST",
          .target = fmt::format("/api/v1/{}s", resource),
          .body = std::move(body)};
}

std::string path_of(std::string_view resource, const json::value& stored) {
  return fmt::format("/api/v1/{}s/{}", resource, escape_for_url(field_text(stored, "id")));
}

void add_if_different(Plan& plan, Comparison comparison, std::string_view resource,
                      const std::string& name, const json::value& stored) {
  if (comparison.change.differences.empty()) return;
  comparison.change.kind = Change::Kind::change;
  comparison.change.resource = resource;
  comparison.change.name = name;
  comparison.change.method = "PATCH";
  comparison.change.target = path_of(resource, stored);
  plan.push_back(std::move(comparison.change));
}

void plan_frontend(Plan& plan, const DesiredFrontend& wanted, const Existing& existing) {
  const auto found = existing.find(wanted.key);
  const auto account = wanted.account_ref.and_then(
      [](const auto& ref) { return std::optional(ref ? json::value(*ref) : json::value()); });
  if (found == existing.end()) {
    json::object bbb{{"key", wanted.key}};
    if (wanted.secret) bbb["secret"] = *wanted.secret;
    json::object body{{"bbb", std::move(bbb)}};
    if (wanted.active) body["active"] = *wanted.active;
    if (account && !account->is_null()) body["account_ref"] = *account;
    if (wanted.settings) body["settings"] = *wanted.settings;
    plan.push_back(addition("frontend", wanted.key, std::move(body)));
    return;
  }
  Comparison comparison{*found->second};
  if (wanted.active) comparison.field("active", *wanted.active);
  if (account) comparison.field("account_ref", *account);
  comparison.settings(wanted.settings);
  comparison.secret(wanted.secret);
  add_if_different(plan, std::move(comparison), "frontend", wanted.key, *found->second);
}

std::expected<void, Failure> plan_backend(Plan& plan, const DesiredBackend& wanted,
                                          const Existing& existing) {
  const auto found = existing.find(wanted.host);
  if (found == existing.end()) {
    if (!wanted.secret) {
      return std::unexpected(
          Failure{fmt::format("the backend {} is new and has no secret in the file", wanted.host),
                  "give its secret, for example as ${BBB_SECRET} from the environment"});
    }
    json::object body{{"bbb", {{"host", wanted.host}, {"secret", *wanted.secret}}}};
    if (wanted.admin_state) body["admin_state"] = *wanted.admin_state;
    if (wanted.load_factor) body["load_factor"] = *wanted.load_factor;
    if (wanted.settings) body["settings"] = *wanted.settings;
    plan.push_back(addition("backend", wanted.host, std::move(body)));
    return {};
  }
  Comparison comparison{*found->second};
  if (wanted.admin_state) comparison.field("admin_state", json::string(*wanted.admin_state));
  if (wanted.load_factor) comparison.field("load_factor", *wanted.load_factor);
  comparison.settings(wanted.settings);
  comparison.secret(wanted.secret);
  add_if_different(plan, std::move(comparison), "backend", wanted.host, *found->second);
  return {};
}

void plan_removals(Plan& plan, std::string_view resource, const Existing& existing,
                   const std::set<std::string>& wanted) {
  for (const auto& [name, stored] : existing) {
    if (wanted.contains(name) || field_text(*stored, "admin_state") == "decommissioned") continue;
    plan.push_back({.kind = Change::Kind::remove,
                    .resource = std::string(resource),
                    .name = name,
                    .differences = {},
                    .method = "DELETE",
                    .target = path_of(resource, *stored),
                    .body = {}});
  }
}

std::string value_text(const json::value& value) {
  return value.is_null() ? "-" : printable(to_json_text(value));
}

std::string tinted(std::string_view text, std::string_view escape, bool colour) {
  return colour ? fmt::format("{}{}\033[0m", escape, text) : std::string(text);
}

std::string headline(const Change& change, bool colour) {
  const auto name = fmt::format("{} {}", change.resource, printable(change.name));
  switch (change.kind) {
    case Change::Kind::add:
      return tinted("+ " + name, "\033[32m", colour);
    case Change::Kind::remove:
      return tinted("- " + name, "\033[31m", colour);
    case Change::Kind::change:
      break;
  }
  return tinted("~ " + name, "\033[33m", colour);
}

}  // namespace

std::expected<Plan, Failure> make_plan(const DesiredCluster& desired, const json::value& frontends,
                                       const json::value& backends, bool prune) {
  Plan plan;
  const auto stored_backends = by_field(backends, "bbb.host");
  const auto stored_frontends = by_field(frontends, "bbb.key");
  std::set<std::string> hosts;
  std::set<std::string> keys;
  for (const auto& backend : desired.backends.value_or(std::vector<DesiredBackend>{})) {
    hosts.insert(backend.host);
    if (auto planned = plan_backend(plan, backend, stored_backends); !planned) {
      return std::unexpected(std::move(planned.error()));
    }
  }
  for (const auto& frontend : desired.frontends.value_or(std::vector<DesiredFrontend>{})) {
    keys.insert(frontend.key);
    plan_frontend(plan, frontend, stored_frontends);
  }
  if (prune && desired.frontends) plan_removals(plan, "frontend", stored_frontends, keys);
  if (prune && desired.backends) plan_removals(plan, "backend", stored_backends, hosts);
  return plan;
}

std::string render_plan(const Plan& plan, const Style& style) {
  std::string text;
  for (const auto& change : plan) {
    text += headline(change, style.colour) + '\n';
    for (const auto& [field, from, to] : change.differences) {
      text += field == "secret" ? std::string("    secret: changed\n")
                                : fmt::format("    {}: {} -> {}\n", printable(field),
                                              value_text(from), value_text(to));
    }
  }
  return text;
}

json::value plan_as_json(const Plan& plan) {
  constexpr std::string_view names[] = {"add", "change", "remove"};
  json::array list;
  for (const auto& change : plan) {
    json::array differences;
    for (const auto& [field, from, to] : change.differences) {
      json::object difference{{"field", field}};
      if (field != "secret") difference["from"] = from;
      if (field != "secret") difference["to"] = to;
      differences.push_back(std::move(difference));
    }
    list.push_back({{"action", names[std::size_t(change.kind)]},
                    {"kind", change.resource},
                    {"name", change.name},
                    {"differences", std::move(differences)}});
  }
  return list;
}

}  // namespace b3::ctl
