// /api/v1/audit and /api/v1/tokens
#include <algorithm>

#include "api/audit.h"
#include "api/json.h"
#include "api/resources.h"
#include "base/log.h"

namespace b3::api {
namespace {

json::object to_json(const store::RevokedToken& token) {
  return {{"id", token.id},
          {"expires_at", time_or_null(token.expires_at)},
          {"revoked_at", to_rfc3339(token.revoked_at)},
          {"revoked_by", token.revoked_by}};
}

bool is_token_id(std::string_view id) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  return !id.empty() && id.size() <= 256 && std::ranges::none_of(id, is_control);
}

}  // namespace

boost::asio::awaitable<Answer> list_audit(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  store::AuditQuery query;
  query.subject = filters->text("subject");
  query.kind = filters->text("kind");
  query.object_id = filters->text("object_id");
  query.action = filters->text("action");
  query.since = filters->time("since");
  query.limit = filters->integer("limit", 0, 1'000).value_or(100);
  query.offset = filters->integer("offset", 0, 1'000'000'000).value_or(0);
  if (auto problem = filters->problem()) co_return std::unexpected(std::move(*problem));

  const auto page = co_await exchange.store.run(
      [&query](store::Store& store) { return store.list_audit(query); });
  json::array records;
  for (const auto& record : page.records) records.push_back(to_json(record));
  auto response = json_response(200, records);
  response.headers.push_back({"X-Total-Count", std::to_string(page.total)});
  co_return response;
}

boost::asio::awaitable<Answer> list_tokens(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const auto tokens =
      co_await exchange.store.run([](store::Store& store) { return store.list_revoked_tokens(); });
  json::array found;
  for (const auto& token : tokens) found.push_back(to_json(token));
  co_return list_answer(std::move(found), *filters);
}

boost::asio::awaitable<Answer> revoke_token(Exchange& exchange) {
  const std::string& id = exchange.arguments.at(0);
  if (!is_token_id(id)) co_return refuse_unknown("token");
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  store::RevokedToken token;
  token.id = id;
  token.expires_at = filters->time("expires_at");
  token.revoked_at = exchange.now.wall;
  token.revoked_by = exchange.caller.subject;
  if (auto problem = filters->problem()) co_return std::unexpected(std::move(*problem));

  const auto object = to_json(token);
  const auto record =
      record_of(author_of(exchange), "revoke", {"token", token.id, token.id}, {}, object);
  co_await exchange.store.run([&](store::Store& store) {
    store.in_transaction([&](store::Store& inside) {
      inside.revoke_token(token);
      inside.record_audit(record);
    });
  });
  exchange.revocations.add(token.id);
  log::info("token revoked", {{"who", exchange.caller.subject},
                              {"token_id", token.id},
                              {"request_id", exchange.request.id}});
  co_return json_response(200, object);
}

}  // namespace b3::api
