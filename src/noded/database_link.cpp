#include "noded/database_link.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>
#include <optional>
#include <utility>

#include "base/encoding.h"
#include "base/log.h"
#include "events/apply.h"
#include "events/parse.h"

namespace b3::noded {
namespace {

using agent::LinkError;
using agent::Outcome;
using Kind = LinkError::Kind;

LinkError away(const std::exception& failure) {
  // What a database says may quote its URL.
  log::debug("database call failed", {{"reason", failure.what()}});
  return {Kind::away, "the database does not answer"};
}

LinkError unknown() {
  return {Kind::unknown, "no backend has this node's host; register it or use -a"};
}

Backend new_backend(const agent::Identity& identity, double load_factor, WallTime now) {
  Backend backend;
  backend.id = random_uuid();
  backend.host = identity.host;
  backend.secret = identity.secret;
  backend.load_factor = load_factor;
  backend.created_at = backend.updated_at = now;
  return backend;
}

std::expected<std::string, LinkError> answer_of(
    const std::expected<Backend, store::WriteError>& written) {
  if (written) return written->id;
  if (written.error() == store::WriteError::not_found) return std::unexpected(unknown());
  return std::unexpected(
      LinkError{Kind::away, "another backend took this node's host at the same time"});
}

// What is to be done to the backend that we own, or find by its host; its id.
std::expected<std::string, LinkError> enroll_in(store::Store& store, const std::string& own_id,
                                                const agent::Identity& identity, double load_factor,
                                                bool may_register) {
  const WallTime now = read_clocks().wall;
  const auto backends = store.list_backends();
  auto found = std::ranges::find(backends, identity.host, &Backend::host);
  if (found == backends.end() && !own_id.empty()) {  // the host has changed
    found = std::ranges::find(backends, own_id, &Backend::id);
  }
  if (found == backends.end()) {
    if (!may_register) return std::unexpected(unknown());
    log::info("registered", {{"host", identity.host}});
    return answer_of(store.insert_backend(new_backend(identity, load_factor, now)));
  }
  if (found->host == identity.host && found->secret == identity.secret) return found->id;
  store::BackendPatch patch;
  patch.host = identity.host;
  patch.secret = identity.secret;
  log::info("host or secret updated", {{"host", identity.host}});
  return answer_of(store.update_backend(found->id, patch, now));
}

// The events of one meeting, with the places of their outcomes.
struct Work {
  std::vector<events::Event> events;
  std::vector<std::size_t> places;
};

// Every call as an event under its meeting; what cannot be one keeps the outcome refused.
std::map<std::string, Work> sort_calls(const std::vector<agent::Call>& calls) {
  std::map<std::string, Work> by_meeting;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    auto parsed = events::parse_call(calls[i].body);
    if (!parsed || calls[i].scoped_id.empty()) continue;
    Work& work = by_meeting[calls[i].scoped_id];
    for (auto& event : *parsed) {
      work.events.push_back(std::move(event));
      work.places.push_back(i);
    }
  }
  return by_meeting;
}

// The housekeeping instance takes on commands that nobody holds.
void request_refresh(store::Store& store, const std::string& backend_id) {
  constexpr std::string_view action = "refresh";
  const auto commands = store.list_commands();
  const bool is_requested = std::ranges::any_of(commands, [&](const store::CommandRow& command) {
    return command.action == action && command.backend_id == backend_id &&
           command.state == store::CommandState::requested;
  });
  if (is_requested) return;
  store::CommandRow command;
  command.id = random_uuid();
  command.action = action;
  command.backend_id = backend_id;
  command.requested_by = "b3scalenoded";
  command.created_at = read_clocks().wall;
  store.insert_command(command);
}

std::vector<Outcome> apply(store::Store& store, const std::string& backend_id,
                           const std::vector<agent::Call>& calls) {
  std::vector<Outcome> outcomes(calls.size(), Outcome::refused);
  std::vector<std::string> scoped_ids;
  std::vector<Work> works;
  for (auto& [scoped_id, work] : sort_calls(calls)) {
    scoped_ids.push_back(scoped_id);
    works.push_back(std::move(work));
  }
  const auto revise = [&](std::size_t index, Meeting& meeting) {
    const Work& work = works[index];
    events::MeetingEdit edit{meeting};
    for (std::size_t i = 0; i < work.events.size(); ++i) {
      const auto outcome = edit.apply(backend_id, work.events[i]);
      outcomes[work.places[i]] =
          outcome.kind == events::Outcome::Kind::done ? Outcome::done : Outcome::refused;
    }
    return edit.finish();
  };
  if (!works.empty()) store.revise_meetings(scoped_ids, revise, read_clocks().wall);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (!agent::is_refresh(calls[i])) continue;
    request_refresh(store, backend_id);
    outcomes[i] = Outcome::done;
  }
  return outcomes;
}

}  // namespace

agent::Answer<void> DatabaseLink::enroll(agent::Identity identity, double load_factor,
                                         bool may_register) {
  try {
    const auto id = co_await store_.run([=, own = backend_id_](store::Store& store) {
      std::expected<std::string, LinkError> result;
      store.in_transaction([&](store::Store& inside) {
        result = enroll_in(inside, own, identity, load_factor, may_register);
      });
      return result;
    });
    if (!id) co_return std::unexpected(id.error());
    backend_id_ = *id;
    co_return std::expected<void, LinkError>();
  } catch (const std::runtime_error& failure) {
    co_return std::unexpected(away(failure));
  }
}

agent::Answer<void> DatabaseLink::heartbeat(boost::json::object report) {
  try {
    const auto known = co_await store_.run(
        [id = backend_id_, text = boost::json::serialize(report)](store::Store& store) {
          return store.record_heartbeats({{id, text, read_clocks().wall}});
        });
    if (known.empty()) co_return std::unexpected(unknown());
    co_return std::expected<void, LinkError>();
  } catch (const std::runtime_error& failure) {
    co_return std::unexpected(away(failure));
  }
}

agent::Answer<std::vector<Outcome>> DatabaseLink::send(const std::vector<agent::Call>& calls) {
  try {
    co_return co_await store_.run(
        [calls, id = backend_id_](store::Store& store) { return apply(store, id, calls); });
  } catch (const std::runtime_error& failure) {
    co_return std::unexpected(away(failure));
  }
}

}  // namespace b3::noded
