// /api/v1/frontends
#include <algorithm>
#include <expected>

#include "api/audit.h"
#include "api/frontend_json.h"
#include "api/json.h"
#include "api/resources.h"
#include "base/log.h"

namespace b3::api {
namespace {

void log_change(const Exchange& exchange, std::string_view what, const Frontend& frontend) {
  log::info(what, {{"who", exchange.caller.subject},
                   {"frontend_id", frontend.id},
                   {"frontend_key", frontend.key},
                   {"request_id", exchange.request.id}});
}

std::expected<Frontend, Problem> change_stored(store::Store& store, const std::string& id,
                                               const store::FrontendPatch& patch,
                                               const Author& author) {
  const auto stored = store.find_frontend(id);
  if (!stored) return refuse_unknown("frontend");
  if (auto errors = check_merged_settings(*stored, patch); !errors.empty()) {
    return refuse_fields(std::move(errors));
  }
  // Changing nothing takes the row's lock: what the audit calls before is what this change
  // replaces.
  const auto before = store.update_frontend(id, {}, stored->updated_at);
  if (!before) return std::unexpected(problem_of(before.error(), "frontend"));
  auto written = store.update_frontend(id, patch, author.at);
  if (!written && written.error() == store::WriteError::in_use) {
    return refuse(409, "conflict",
                  "the key cannot change while the frontend has meetings; end them first");
  }
  if (!written) return std::unexpected(problem_of(written.error(), "frontend"));
  store.record_audit(record_of(author, &*before, &*written));
  return std::move(*written);
}

std::expected<Frontend, store::WriteError> insert_stored(store::Store& store,
                                                         const Frontend& frontend,
                                                         const Author& author) {
  auto written = store.insert_frontend(frontend);
  if (written) store.record_audit(record_of(author, nullptr, &*written));
  return written;
}

std::expected<Frontend, store::WriteError> remove_stored(store::Store& store, const std::string& id,
                                                         bool force, const Author& author) {
  auto gone = store.delete_frontend(id, force);
  if (gone) store.record_audit(record_of(author, &*gone, nullptr));
  return gone;
}

}  // namespace

boost::asio::awaitable<Answer> list_frontends(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const auto key = filters->text("key");
  const auto account_ref = filters->text("account_ref");
  const auto active = filters->boolean("active");

  json::array found;
  for (const auto* entry : exchange.view.frontends()) {
    const Frontend& frontend = entry->frontend;
    if (!exchange.caller.may_see(frontend.account_ref)) continue;
    if (key && frontend.key != *key) continue;
    if (account_ref && frontend.account_ref != account_ref) continue;
    if (active && frontend.active != *active) continue;
    found.push_back(to_json(frontend));
  }
  co_return list_answer(std::move(found), *filters);
}

boost::asio::awaitable<Answer> create_frontend(Exchange& exchange) {
  const auto body = co_await read_object(exchange);
  if (!body) co_return std::unexpected(body.error());
  const auto frontend = new_frontend(*body, exchange.now.wall);
  if (!frontend) co_return std::unexpected(frontend.error());

  const auto author = author_of(exchange);
  auto written = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(
        store, [&](store::Store& inside) { return insert_stored(inside, *frontend, author); });
  });
  if (!written) co_return std::unexpected(problem_of(written.error(), "frontend"));

  exchange.view.put(*written);
  log_change(exchange, "frontend created", *written);
  auto response = json_response(201, to_json(*written));
  response.headers.push_back({"Location", "/api/v1/frontends/" + written->id});
  co_return response;
}

boost::asio::awaitable<Answer> show_frontend(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "frontend");
  if (!id) co_return std::unexpected(id.error());
  const auto* entry = exchange.view.frontend(*id);
  if (!entry || !exchange.caller.may_see(entry->frontend.account_ref)) {
    co_return refuse_unknown("frontend");
  }
  co_return json_response(200, to_json(entry->frontend));
}

boost::asio::awaitable<Answer> change_frontend(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "frontend");
  if (!id) co_return std::unexpected(id.error());
  const auto body = co_await read_object(exchange);
  if (!body) co_return std::unexpected(body.error());
  const auto patch = frontend_patch(*body);
  if (!patch) co_return std::unexpected(patch.error());

  const auto author = author_of(exchange);
  auto written = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(
        store, [&](store::Store& inside) { return change_stored(inside, *id, *patch, author); });
  });
  if (!written) co_return std::unexpected(std::move(written.error()));

  exchange.view.put(*written);
  log_change(exchange, "frontend changed", *written);
  co_return json_response(200, to_json(*written));
}

boost::asio::awaitable<Answer> delete_frontend(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "frontend");
  if (!id) co_return std::unexpected(id.error());
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const bool force = filters->boolean("force").value_or(false);
  if (auto problem = filters->problem()) co_return std::unexpected(std::move(*problem));

  const auto author = author_of(exchange);
  auto gone = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(
        store, [&](store::Store& inside) { return remove_stored(inside, *id, force, author); });
  });
  if (!gone) co_return std::unexpected(problem_of(gone.error(), "frontend"));

  exchange.view.erase_frontend(*id);
  log_change(exchange, "frontend deleted", *gone);
  co_return json_response(200, to_json(*gone));
}

}  // namespace b3::api
