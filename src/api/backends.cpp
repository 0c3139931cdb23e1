// /api/v1/backends
#include <algorithm>
#include <expected>
#include <unordered_map>

#include "api/audit.h"
#include "api/backend_json.h"
#include "api/json.h"
#include "api/resources.h"
#include "base/log.h"
#include "base/url.h"

namespace b3::api {
namespace {

struct BackendFilter {
  std::optional<std::string> host;
  std::optional<std::string> host_prefix;
  std::optional<std::string> host_prefix_any_case;
  std::optional<std::string> tag;
  std::optional<AdminState> admin_state;
  std::optional<NodeState> node_state;

  bool admits(const view::BackendEntry& entry) const;
};

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
  return text;
}

// With or without the scheme in front.
bool host_starts_with(std::string_view host, std::string_view prefix) {
  if (host.starts_with(prefix)) return true;
  const auto scheme_end = host.find("://");
  return scheme_end != std::string_view::npos && host.substr(scheme_end + 3).starts_with(prefix);
}

bool BackendFilter::admits(const view::BackendEntry& entry) const {
  const Backend& backend = entry.backend;
  if (host && backend.host != *host) return false;
  if (host_prefix && !host_starts_with(backend.host, *host_prefix)) return false;
  if (host_prefix_any_case && !host_starts_with(lower_case(backend.host), *host_prefix_any_case)) {
    return false;
  }
  if (admin_state && backend.admin_state != *admin_state) return false;
  if (node_state && backend.node_state != *node_state) return false;
  const auto& tags = entry.settings.tags;
  return !tag || std::ranges::find(tags, *tag) != tags.end();
}

BackendFilter read_filter(Filters& filters) {
  BackendFilter filter;
  if (const auto host = filters.text("host")) {
    filter.host = normalize_backend_host(*host).value_or(*host);
  }
  filter.host_prefix = filters.text("host__prefix");
  filter.host_prefix_any_case = filters.text("host__iprefix").transform(lower_case);
  filter.tag = filters.text("tag");
  if (const auto text = filters.text("admin_state")) {
    filter.admin_state = parse_admin_state(*text);
    if (!filter.admin_state) filters.refuse("admin_state", "is not an admin state");
  }
  if (const auto text = filters.text("node_state")) {
    filter.node_state = parse_node_state(*text);
    if (!filter.node_state) filters.refuse("node_state", "is not a node state");
  }
  return filter;
}

void log_change(const Exchange& exchange, std::string_view what, const Backend& backend) {
  log::info(what,
            {{"who", exchange.caller.subject},
             {"backend_id", backend.id},
             {"host", backend.host},
             {"admin_state", to_string(backend.admin_state)},
             {"forced_health", backend.forced_health ? to_string(*backend.forced_health) : ""},
             {"request_id", exchange.request.id}});
}

std::expected<Backend, Problem> change_stored(store::Store& store, const std::string& id,
                                              const store::BackendPatch& patch,
                                              const std::optional<std::string>& agent_ref,
                                              const Author& author) {
  const auto stored = store.find_backend(id);
  if (!stored || (agent_ref && stored->agent_ref != agent_ref)) return refuse_unknown("backend");
  if (auto errors = check_merged_settings(*stored, patch); !errors.empty()) {
    return refuse_fields(std::move(errors));
  }
  if (patch.agent_ref && *patch.agent_ref) {
    const auto owned = store.find_backend_of_agent(**patch.agent_ref);
    if (owned && owned->id != id) {
      return refuse(409, "conflict", "another backend has this agent_ref already");
    }
  }
  // Changing nothing takes the row's lock: what the audit calls before is what this change
  // replaces.
  const auto before = store.update_backend(id, {}, stored->updated_at);
  if (!before) return std::unexpected(problem_of(before.error(), "backend"));
  if (agent_ref && before->agent_ref != agent_ref) return refuse_unknown("backend");
  auto written = store.update_backend(id, patch, author.at);
  if (!written) return std::unexpected(problem_of(written.error(), "backend"));
  store.record_audit(record_of(author, &*before, &*written));
  return std::move(*written);
}

struct Registration {
  Backend backend;
  bool created = false;
};

// A backend for its agent, `wanted.agent_ref`: a new one, or the one with this host and secret.
std::expected<Registration, Problem> register_stored(store::Store& store, const Backend& wanted,
                                                     const Author& author) {
  const auto all = store.list_backends();
  const auto known = std::ranges::find(all, wanted.host, &Backend::host);
  const auto owned = store.find_backend_of_agent(*wanted.agent_ref);
  if (owned && (known == all.end() || known->id != owned->id)) {
    return refuse(409, "conflict", "this agent has a backend already; change its bbb.host instead");
  }
  if (known == all.end()) {
    auto written = store.insert_backend(wanted);
    if (!written) return std::unexpected(problem_of(written.error(), "backend"));
    store.record_audit(record_of(author, nullptr, &*written));
    return Registration{std::move(*written), true};
  }
  const bool ours = !known->agent_ref || known->agent_ref == wanted.agent_ref;
  if (!ours || known->secret != wanted.secret) {
    return refuse(409, "conflict",
                  "another backend has this host already, with another agent or secret");
  }
  if (known->agent_ref) return Registration{*known, false};
  store::BackendPatch adopt;
  adopt.agent_ref = wanted.agent_ref;
  auto written = store.update_backend(known->id, adopt, author.at);
  if (!written) return std::unexpected(problem_of(written.error(), "backend"));
  store.record_audit(record_of(author, &*known, &*written));
  return Registration{std::move(*written), false};
}

std::expected<Registration, Problem> insert_stored(store::Store& store, const Backend& backend,
                                                   const Author& author) {
  if (backend.agent_ref && store.find_backend_of_agent(*backend.agent_ref)) {
    return refuse(409, "conflict", "another backend has this agent_ref already");
  }
  auto written = store.insert_backend(backend);
  if (!written) return std::unexpected(problem_of(written.error(), "backend"));
  store.record_audit(record_of(author, nullptr, &*written));
  return Registration{std::move(*written), true};
}

struct Removal {
  Backend backend;
  bool gone = false;  // false: decommissioned, its last meeting takes it along
};

std::expected<Removal, store::WriteError> remove_stored(store::Store& store, const std::string& id,
                                                        bool force, const Author& author) {
  const auto stored = store.find_backend(id);
  if (!stored) return std::unexpected(store::WriteError::not_found);
  auto deleted = store.delete_backend(id, force);
  if (deleted) {
    store.record_audit(record_of(author, &*stored, nullptr));
    return Removal{std::move(*deleted), true};
  }
  if (deleted.error() != store::WriteError::in_use) return std::unexpected(deleted.error());
  store::BackendPatch decommission;
  decommission.admin_state = AdminState::decommissioned;
  auto kept = store.update_backend(id, decommission, author.at);
  if (!kept) return std::unexpected(kept.error());
  store.record_audit(record_of(author, &*stored, &*kept));
  return Removal{std::move(*kept), false};
}

}  // namespace

// A backend that is not (or no longer) in the view carries nothing.
json::object shown_backend(const Exchange& exchange, const Backend& backend) {
  auto candidate = exchange.view.candidate(backend.id, exchange.now);
  if (!candidate) {
    candidate.emplace();
    candidate->backend_id = backend.id;
    candidate->host = backend.host;
    candidate->admin_state = backend.admin_state;
    candidate->node_state = backend.node_state;
    candidate->health = backend.effective_health();
    candidate->last_error = backend.last_error;
    candidate->synced = backend.synced_at.has_value();
    candidate->load_factor = backend.load_factor;
  }
  return to_json(backend, *candidate, exchange.now.wall);
}

boost::asio::awaitable<Answer> list_backends(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const auto filter = read_filter(*filters);

  const WallTime now = exchange.now.wall;
  std::unordered_map<std::string_view, placement::Candidate> candidates;
  for (auto& candidate : exchange.view.candidates(exchange.now)) {
    candidates.emplace(candidate.backend_id, std::move(candidate));
  }
  json::array found;
  for (const auto* entry : exchange.view.backends()) {
    if (!filter.admits(*entry)) continue;
    found.push_back(to_json(entry->backend, candidates.at(entry->backend.id), now));
  }
  co_return list_answer(std::move(found), *filters);
}

boost::asio::awaitable<Answer> create_backend(Exchange& exchange) {
  const auto body = co_await read_object(exchange);
  if (!body) co_return std::unexpected(body.error());
  auto backend = new_backend(*body, exchange.now.wall);
  if (!backend) co_return std::unexpected(backend.error());
  const bool is_node = !exchange.caller.admin;
  if (is_node) {
    const json::object alone{{"load_factor", backend->load_factor}};
    if (auto problem = forbids_node(alone)) co_return std::unexpected(std::move(*problem));
    backend->admin_state = AdminState::init;
    backend->settings_json = "{}";
    backend->agent_ref = exchange.caller.subject;
  }

  const auto author = author_of(exchange);
  auto written = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(store, [&](store::Store& inside) {
      return is_node ? register_stored(inside, *backend, author)
                     : insert_stored(inside, *backend, author);
    });
  });
  if (!written) co_return std::unexpected(std::move(written.error()));

  exchange.view.put(written->backend);
  log_change(exchange, written->created ? "backend created" : "backend registered",
             written->backend);
  auto response =
      json_response(written->created ? 201 : 200, shown_backend(exchange, written->backend));
  response.headers.push_back({"Location", "/api/v1/backends/" + written->backend.id});
  co_return response;
}

boost::asio::awaitable<Answer> show_backend(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "backend");
  if (!id) co_return std::unexpected(id.error());
  const auto* entry = exchange.view.backend(*id);
  if (!entry) co_return refuse_unknown("backend");
  co_return json_response(200, shown_backend(exchange, entry->backend));
}

boost::asio::awaitable<Answer> change_backend(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "backend");
  if (!id) co_return std::unexpected(id.error());
  const auto body = co_await read_object(exchange);
  if (!body) co_return std::unexpected(body.error());
  std::optional<std::string> agent_ref;  // set: the backend must be this agent's
  if (!exchange.caller.admin) {
    const auto* entry = exchange.view.backend(*id);
    if (entry && entry->backend.agent_ref != exchange.caller.subject) {
      co_return refuse_unknown("backend");
    }
    if (auto problem = forbids_node(*body)) co_return std::unexpected(std::move(*problem));
    agent_ref = exchange.caller.subject;
  }
  const auto patch = backend_patch(*body);
  if (!patch) co_return std::unexpected(patch.error());

  const auto author = author_of(exchange);
  auto written = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(store, [&](store::Store& inside) {
      return change_stored(inside, *id, *patch, agent_ref, author);
    });
  });
  if (!written) co_return std::unexpected(std::move(written.error()));

  exchange.view.put(*written);
  log_change(exchange, "backend changed", *written);
  co_return json_response(200, shown_backend(exchange, *written));
}

boost::asio::awaitable<Answer> delete_backend(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "backend");
  if (!id) co_return std::unexpected(id.error());
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const bool force = filters->boolean("force").value_or(false);
  if (auto problem = filters->problem()) co_return std::unexpected(std::move(*problem));

  const auto author = author_of(exchange);
  auto removal = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(
        store, [&](store::Store& inside) { return remove_stored(inside, *id, force, author); });
  });
  if (!removal) co_return std::unexpected(problem_of(removal.error(), "backend"));

  if (removal->gone) {
    auto response = json_response(200, shown_backend(exchange, removal->backend));
    exchange.view.erase_backend(*id);
    log_change(exchange, "backend deleted", removal->backend);
    co_return response;
  }
  exchange.view.put(removal->backend);
  log_change(exchange, "backend decommissioned", removal->backend);
  co_return json_response(202, shown_backend(exchange, removal->backend));
}

}  // namespace b3::api
