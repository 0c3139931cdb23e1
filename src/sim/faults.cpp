#include "sim/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/json.h"

namespace b3::sim {
namespace {

namespace json = boost::json;

constexpr std::int64_t max_wait_ms = 600'000;
constexpr std::int64_t max_lifetime_ms = 7 * 86'400'000LL;

struct ModeName {
  std::string_view name;
  FaultMode mode;
  bool effect;  // unless the request says otherwise
};
constexpr std::array mode_names{
    ModeName{"ok", FaultMode::ok, true},
    ModeName{"hang", FaultMode::hang, false},
    ModeName{"hang_after_effect", FaultMode::hang, true},
    ModeName{"close", FaultMode::close, false},
    ModeName{"close_after_effect", FaultMode::close, true},
    ModeName{"garbage", FaultMode::garbage, false},
    ModeName{"truncated", FaultMode::truncated, true},
    ModeName{"failed", FaultMode::failed, false},
    ModeName{"oversized", FaultMode::oversized, true},
    ModeName{"wrong_checksum", FaultMode::wrong_checksum, false},
};

std::optional<int> http_status_of(std::string_view mode) {
  if (!mode.starts_with("http_") || mode.size() != 8) return std::nullopt;
  int status = 0;
  const auto [end, error] = std::from_chars(mode.data() + 5, mode.data() + 8, status);
  if (error != std::errc() || end != mode.data() + 8) return std::nullopt;
  return status >= 400 && status <= 599 ? std::optional(status) : std::nullopt;
}

bool set_mode(CallFault& fault, std::string_view mode) {
  if (const auto status = http_status_of(mode)) {
    fault.mode = FaultMode::http_status;
    fault.status = *status;
    fault.effect = false;
    return true;
  }
  const auto found = std::ranges::find(mode_names, mode, &ModeName::name);
  if (found == mode_names.end()) return false;
  fault.mode = found->mode;
  fault.effect = found->effect;
  return true;
}

std::string mode_name(const CallFault& fault) {
  if (fault.mode == FaultMode::http_status) return fmt::format("http_{}", fault.status);
  const auto fits = [&](const ModeName& name) {
    return name.mode == fault.mode && name.effect == fault.effect;
  };
  if (const auto exact = std::ranges::find_if(mode_names, fits); exact != mode_names.end()) {
    return std::string(exact->name);
  }
  return std::string(std::ranges::find(mode_names, fault.mode, &ModeName::mode)->name);
}

// Reads the members of one object; remembers the first thing that is wrong.
class Reader {
 public:
  Reader(const json::object& object, std::string place)
      : object_(object), place_(std::move(place)) {}

  void wait(std::string_view key, milliseconds& value, std::int64_t most = max_wait_ms) {
    if (const auto number = integer(key, 0, most)) value = milliseconds(*number);
  }
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most) {
    if (!has(key)) return std::nullopt;
    const auto number = find_integer(object_, key);
    if (number && *number >= least && *number <= most) return number;
    complain(fmt::format("{}{} must be a whole number from {} to {}", place_, key, least, most));
    return std::nullopt;
  }
  void flag(std::string_view key, bool& value) {
    if (!has(key)) return;
    const auto found = find_bool(object_, key);
    if (!found) return complain(fmt::format("{}{} must be true or false", place_, key));
    value = *found;
  }
  const json::string* text(std::string_view key) {
    if (!has(key)) return nullptr;
    const json::string* found = find_string(object_, key);
    if (!found) complain(fmt::format("{}{} must be a string", place_, key));
    return found;
  }
  const json::object* object(std::string_view key) {
    if (!has(key)) return nullptr;
    const json::object* found = object_.at(key).if_object();
    if (!found) complain(fmt::format("{}{} must be an object", place_, key));
    return found;
  }
  void complain(std::string problem) {
    if (!problem_) problem_ = std::move(problem);
  }
  // To be asked last: members that nobody asked for are wrong too.
  std::optional<std::string> problem() {
    for (const auto& [key, value] : object_) {
      if (std::ranges::find(known_, std::string_view(key)) == known_.end()) {
        complain(fmt::format("{}{} is unknown", place_, std::string_view(key)));
      }
    }
    return problem_;
  }

 private:
  bool has(std::string_view key) {
    known_.push_back(key);
    return object_.contains(key);
  }
  const json::object& object_;
  std::string place_;
  std::vector<std::string_view> known_;
  std::optional<std::string> problem_;
};

std::expected<CallFault, std::string> read_call_fault(std::string_view call,
                                                      const json::value& value) {
  const std::string place = fmt::format("calls.{}.", call);
  const json::object* object = value.if_object();
  if (!object) return std::unexpected(fmt::format("calls.{} must be an object", call));
  Reader reader(*object, place);
  CallFault fault;
  fault.effect = true;
  if (const json::string* mode = reader.text("mode"); mode && !set_mode(fault, *mode)) {
    reader.complain(place + "mode is unknown");
  }
  reader.flag("effect", fault.effect);
  if (fault.mode == FaultMode::ok) fault.effect = true;
  reader.wait("latency_ms", fault.latency);
  reader.wait("latency_after_ms", fault.latency_after);
  if (const auto times = reader.integer("times", 1, 1'000'000'000)) {
    fault.times = std::uint64_t(*times);
  }
  if (auto problem = reader.problem()) return std::unexpected(*std::move(problem));
  return fault;
}

const CallFault* find_fault(const Faults& faults, std::string_view call) {
  auto found = faults.calls.find(call);
  if (found == faults.calls.end()) found = faults.calls.find("*");
  return found == faults.calls.end() ? nullptr : &found->second;
}

}  // namespace

std::expected<Faults, std::string> parse_faults(std::string_view text, const Faults& defaults) {
  const auto object = parse_json_object(text);
  if (!object) return std::unexpected("the body must be one JSON object");
  Faults faults = defaults;
  Reader reader(*object, "");
  reader.wait("latency_ms", faults.latency);
  reader.wait("latency_jitter_ms", faults.latency_jitter);
  reader.wait("never_joined_ms", faults.settings.never_joined, max_lifetime_ms);
  reader.wait("empty_ms", faults.settings.empty, max_lifetime_ms);
  reader.wait("end_delay_ms", faults.settings.end_delay, max_lifetime_ms);
  reader.flag("cdata", faults.settings.cdata);
  if (const json::string* version = reader.text("version")) faults.settings.version = *version;
  if (const auto size = reader.integer("oversized_mib", 1, 1024)) {
    faults.oversized_bytes = std::size_t(*size) << 20;
  }
  if (const json::object* calls = reader.object("calls")) {
    faults.calls.clear();
    for (const auto& [call, value] : *calls) {
      auto fault = read_call_fault(call, value);
      if (!fault) return std::unexpected(std::move(fault.error()));
      faults.calls.emplace(call, *std::move(fault));
    }
  }
  if (auto problem = reader.problem()) return std::unexpected(*std::move(problem));
  return faults;
}

json::object to_json(const Faults& faults) {
  json::object calls;
  for (const auto& [call, fault] : faults.calls) {
    json::object entry{{"mode", mode_name(fault)},
                       {"effect", fault.effect},
                       {"latency_ms", fault.latency.count()},
                       {"latency_after_ms", fault.latency_after.count()}};
    if (fault.times) entry["times"] = *fault.times;
    calls[call] = std::move(entry);
  }
  return {{"latency_ms", faults.latency.count()},
          {"latency_jitter_ms", faults.latency_jitter.count()},
          {"never_joined_ms", faults.settings.never_joined.count()},
          {"empty_ms", faults.settings.empty.count()},
          {"end_delay_ms", faults.settings.end_delay.count()},
          {"cdata", faults.settings.cdata},
          {"version", faults.settings.version},
          {"oversized_mib", faults.oversized_bytes >> 20},
          {"calls", std::move(calls)}};
}

bool touches(const Faults& faults, std::string_view call) {
  return faults.latency.count() > 0 || faults.latency_jitter.count() > 0 ||
         find_fault(faults, call) != nullptr;
}

Treatment take_treatment(Faults& faults, std::string_view call, std::mt19937_64& random) {
  Treatment treatment;
  treatment.wait_before = faults.latency;
  if (faults.latency_jitter.count() > 0) {
    const auto most = std::uint64_t(faults.latency_jitter.count());
    treatment.wait_before += milliseconds(random() % (most + 1));
  }
  auto found = faults.calls.find(call);
  if (found == faults.calls.end()) found = faults.calls.find("*");
  if (found == faults.calls.end()) return treatment;
  CallFault& fault = found->second;
  treatment.mode = fault.mode;
  treatment.status = fault.status;
  treatment.effect = fault.effect;
  treatment.wait_before += fault.latency;
  treatment.wait_after = fault.latency_after;
  if (fault.times && --*fault.times == 0) faults.calls.erase(found);
  return treatment;
}

}  // namespace b3::sim
