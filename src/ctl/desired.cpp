#include "ctl/desired.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "base/url.h"
#include "ctl/document.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

const std::set<std::string_view> text_keys{"key", "secret", "account_ref", "host", "admin_state"};

// Thrown inside this file only.
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One entry of a section: its fields, each asked for by type; what nobody asked for is refused.
class Entry {
 public:
  Entry(const json::value& value, std::string place, const LookUp& look_up)
      : place_(std::move(place)), look_up_(look_up) {
    if (!value.is_object()) throw Unusable(place_ + " is not a list of fields");
    fields_ = &value.get_object();
  }

  std::string name(std::string_view field) {
    auto text = filled_text(field);
    if (!text) throw Unusable(fmt::format("{} has no \"{}\"", place_, field));
    place_ += fmt::format(" ({})", *text);
    return std::move(*text);
  }

  std::optional<std::string> filled_text(std::string_view field) {
    const auto* value = take(field);
    if (!value) return {};
    if (!value->is_string() || value->get_string().empty()) refuse(field, "is not a text");
    return std::string(value->get_string());
  }

  std::optional<std::optional<std::string>> text_or_null(std::string_view field) {
    const auto* value = take(field);
    if (!value) return {};
    if (value->is_null()) return std::optional<std::string>{};
    if (!value->is_string() || value->get_string().empty()) refuse(field, "is not a text");
    return std::optional(std::string(value->get_string()));
  }

  std::optional<bool> boolean(std::string_view field) {
    const auto* value = take(field);
    if (value && !value->is_bool()) refuse(field, "is not true or false");
    return value ? std::optional(value->get_bool()) : std::nullopt;
  }

  std::optional<double> number(std::string_view field) {
    const auto* value = take(field);
    if (value && !value->is_number()) refuse(field, "is not a number");
    return value ? std::optional(value->to_number<double>()) : std::nullopt;
  }

  std::optional<json::object> object(std::string_view field) {
    const auto* value = take(field);
    if (value && !value->is_object()) refuse(field, "is not a list of fields");
    return value ? std::optional(value->get_object()) : std::nullopt;
  }

  // "${NAME}" is the environment's; nothing else is replaced.
  std::optional<std::string> secret(std::string_view field) {
    const auto text = filled_text(field);
    if (!text || !text->starts_with("${") || !text->ends_with('}')) return text;
    const auto name = text->substr(2, text->size() - 3);
    auto value = look_up_(name);
    if (!value || value->empty()) {
      refuse(field, fmt::format("needs the environment variable {}, which is not set", name));
    }
    return value;
  }

  void refuse_others() const {
    for (const auto& member : *fields_) {
      if (!taken_.contains(member.key())) {
        throw Unusable(
            fmt::format("{} has an unknown field \"{}\"", place_, std::string_view(member.key())));
      }
    }
  }

  const std::string& place() const { return place_; }
  [[noreturn]] void refuse(std::string_view field, std::string_view why) const {
    throw Unusable(fmt::format("{}: \"{}\" {}", place_, field, why));
  }

 private:
  const json::value* take(std::string_view field) {
    taken_.insert(std::string(field));
    return fields_->if_contains(field);
  }

  std::string place_;
  const LookUp& look_up_;
  const json::object* fields_ = nullptr;
  std::set<std::string, std::less<>> taken_;
};

DesiredFrontend read_frontend(Entry& entry) {
  DesiredFrontend frontend{.key = entry.name("key"),
                           .secret = entry.secret("secret"),
                           .active = entry.boolean("active"),
                           .account_ref = entry.text_or_null("account_ref"),
                           .settings = entry.object("settings")};
  entry.refuse_others();
  return frontend;
}

DesiredBackend read_backend(Entry& entry) {
  const auto host = normalize_backend_host(entry.name("host"));
  if (!host) entry.refuse("host", "is not usable: " + host.error());
  DesiredBackend backend{.host = *host,
                         .secret = entry.secret("secret"),
                         .admin_state = entry.filled_text("admin_state"),
                         .load_factor = entry.number("load_factor"),
                         .settings = entry.object("settings")};
  entry.refuse_others();
  constexpr std::string_view states[] = {"init", "ready", "stopped", "decommissioned"};
  if (backend.admin_state && std::ranges::find(states, *backend.admin_state) == std::end(states)) {
    entry.refuse("admin_state", "is not init, ready, stopped or decommissioned");
  }
  return backend;
}

template <typename Desired>
std::optional<std::vector<Desired>> read_section(const json::object& document,
                                                 std::string_view name, const LookUp& look_up,
                                                 Desired (*read)(Entry&),
                                                 std::string Desired::* identity) {
  const auto* section = document.if_contains(name);
  if (!section) return {};
  std::vector<Desired> all;
  if (section->is_null()) return all;  // "frontends:" with nothing below it
  if (!section->is_array()) throw Unusable(fmt::format("\"{}\" is not a list", name));
  std::set<std::string> seen;
  for (const auto& value : section->get_array()) {
    Entry entry{value, fmt::format("{}[{}]", name, all.size()), look_up};
    all.push_back(read(entry));
    if (!seen.insert(all.back().*identity).second) {
      throw Unusable(entry.place() + " is given twice");
    }
  }
  return all;
}

}  // namespace

std::expected<DesiredCluster, Failure> parse_desired(std::string_view text, const LookUp& look_up) {
  const auto unusable = [](const std::string& why) {
    return std::unexpected(Failure{"the file is not usable: " + why,
                                   "correct it; docs/b3scalectl.md shows what may be in it"});
  };
  const auto document = parse_document(text, text_keys);
  if (!document) return unusable(document.error());
  const auto* sections = document->if_object();
  if (!sections) return unusable("it has no \"frontends\" or \"backends\"");
  try {
    for (const auto& section : *sections) {
      if (section.key() != "frontends" && section.key() != "backends") {
        throw Unusable(
            fmt::format("it has an unknown section \"{}\"", std::string_view(section.key())));
      }
    }
    return DesiredCluster{.frontends = read_section(*sections, "frontends", look_up, read_frontend,
                                                    &DesiredFrontend::key),
                          .backends = read_section(*sections, "backends", look_up, read_backend,
                                                   &DesiredBackend::host)};
  } catch (const Unusable& why) {
    return unusable(why.what());
  }
}

}  // namespace b3::ctl
