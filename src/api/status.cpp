#include <algorithm>

#include "api/audit.h"
#include "api/json.h"
#include "api/resources.h"
#include "base/log.h"

namespace b3::api {
namespace {

json::object count_visible(const Exchange& exchange) {
  const auto& view = exchange.view;
  std::size_t frontends = 0;
  std::size_t meetings = 0;
  for (const auto* entry : view.frontends()) {
    if (!exchange.caller.may_see(entry->frontend.account_ref)) continue;
    ++frontends;
    if (!exchange.caller.admin) meetings += view.meetings_of_frontend(entry->frontend.id).size();
  }
  if (exchange.caller.admin) meetings = view.meeting_count();
  return {{"frontends", frontends}, {"backends", view.backends().size()}, {"meetings", meetings}};
}

}  // namespace

boost::asio::awaitable<Answer> show_status(Exchange& exchange) {
  json::object database{{"schema_version", nullptr}, {"ok", false}};
  try {
    database["schema_version"] =
        co_await exchange.store.run([](store::Store& store) { return store.schema_version(); });
    database["ok"] = true;
  } catch (const store::StoreUnavailable& failure) {
    log::warn("the database does not answer a status request",
              {{"error", failure.what()}, {"request_id", exchange.request.id}});
  }
  json::object body{{"version", exchange.options.version},
                    {"build", exchange.options.build},
                    {"api", "v1"},
                    {"instance_id", exchange.options.instance_id},
                    {"instances", json::array{}},
                    {"account_ref", exchange.caller.subject},
                    {"is_admin", exchange.caller.admin},
                    {"database", std::move(database)}};
  if (exchange.options.instances) {
    for (auto& id : exchange.options.instances()) {
      body["instances"].get_array().push_back(json::string(id));
    }
  }
  for (auto& [name, count] : count_visible(exchange)) body[name] = count;
  co_return json_response(200, body);
}

boost::asio::awaitable<Answer> migrate(Exchange& exchange) {
  const auto author = author_of(exchange);
  const auto status = co_await exchange.store.run([&author](store::Store& store) {
    return in_one_transaction(store, [&author](store::Store& inside) {
      const auto migrated = inside.migrate(author.at);
      inside.record_audit(record_of(author, "migrate", {"database", "", ""},
                                    json::object{{"schema_version", migrated.before}},
                                    json::object{{"schema_version", migrated.current}}));
      return migrated;
    });
  });
  log::info("database migrated", {{"who", exchange.caller.subject},
                                  {"before", status.before},
                                  {"current", status.current},
                                  {"request_id", exchange.request.id}});
  co_return json_response(200, {{"before", status.before}, {"current", status.current}});
}

}  // namespace b3::api
