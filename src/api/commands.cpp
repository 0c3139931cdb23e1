// /api/v1/commands
#include "api/audit.h"
#include "api/json.h"
#include "api/resources.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/url.h"
#include "command/actions.h"

namespace b3::api {
namespace {

bool is_finished(const store::CommandRow& command) {
  return command.state == store::CommandState::success ||
         command.state == store::CommandState::error;
}

json::object to_json(const store::CommandRow& command, const view::View& view) {
  const auto* backend = view.backend(command.backend_id);
  return {{"id", command.id},
          {"action", command.action},
          {"backend_id", command.backend_id},
          {"backend_host", text_or_null(backend ? backend->backend.host : "")},
          {"state", to_string(command.state)},
          {"parameters", stored_document(command.parameters_json)},
          {"progress", stored_document(command.progress_json)},
          {"result", stored_document(command.result_json)},
          {"requested_by", command.requested_by},
          {"instance_id", text_or_null(command.holder)},
          {"created_at", to_rfc3339(command.created_at)},
          {"started_at", time_or_null(command.started_at)},
          {"finished_at", time_or_null(command.finished_at)}};
}

const view::BackendEntry* find_backend(const view::View& view, const std::string& name) {
  if (const auto* entry = view.backend(name)) return entry;
  const auto host = normalize_backend_host(name);
  return host ? view.backend_by_host(*host) : nullptr;
}

std::expected<store::CommandRow, Problem> new_command(const json::object& body,
                                                      const Exchange& exchange) {
  FieldErrors errors;
  Fields fields{body, "", errors};
  fields.refuse_others(schema("CommandInput"));
  fields.require("action");
  const auto action = fields.filled_text("action");
  if (action && !command::is_action(*action)) {
    fields.refuse("action", "must be end_all_meetings, drain or refresh");
  }
  const auto id = fields.filled_text("backend_id");
  const auto name = fields.filled_text("backend");
  if (fields.has("backend_id") == fields.has("backend")) {
    fields.refuse("backend_id", "or backend is required, and only one of them");
  }
  const auto* parameters = fields.object("parameters");
  if (parameters && !parameters->empty()) {
    fields.refuse("parameters", "must be empty: no action has any");
  }
  if (!errors.empty()) return refuse_fields(std::move(errors));

  const auto* backend = find_backend(exchange.view, id ? *id : *name);
  if (!backend) return refuse_unknown("backend");
  store::CommandRow command;
  command.id = random_uuid();
  command.action = *action;
  command.backend_id = backend->backend.id;
  command.requested_by = exchange.caller.subject;
  command.created_at = exchange.now.wall;
  return command;
}

store::AuditRecord audit_of(const Exchange& exchange, const store::CommandRow& command) {
  const auto& backend = exchange.view.backend(command.backend_id)->backend;
  json::object before;
  json::object after{{"action", command.action}, {"backend_id", command.backend_id}};
  const auto drained = command::drained_state(backend.admin_state);
  if (command.action == command::drain_action && drained) {
    before["admin_state"] = to_string(backend.admin_state);
    after["admin_state"] = to_string(*drained);
  }
  return record_of(author_of(exchange), command.action, {"command", command.id, backend.host},
                   before.empty() ? std::nullopt : std::optional(before), after);
}

}  // namespace

boost::asio::awaitable<Answer> list_commands(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const auto backend_id = filters->text("backend_id");
  std::optional<store::CommandState> state;
  if (const auto text = filters->text("state")) {
    state = store::parse_command_state(*text);
    if (!state) filters->refuse("state", "must be requested, running, success or error");
  }
  if (auto problem = filters->problem()) co_return std::unexpected(std::move(*problem));

  const auto commands =
      co_await exchange.store.run([](store::Store& store) { return store.list_commands(); });
  json::array found;
  for (const auto& command : commands) {
    if (state && command.state != *state) continue;
    if (backend_id && command.backend_id != *backend_id) continue;
    found.push_back(to_json(command, exchange.view));
  }
  co_return list_answer(std::move(found), *filters);
}

boost::asio::awaitable<Answer> request_command(Exchange& exchange) {
  const auto body = co_await read_object(exchange);
  if (!body) co_return std::unexpected(body.error());
  auto command = new_command(*body, exchange);
  if (!command) co_return std::unexpected(std::move(command.error()));

  auto audit = audit_of(exchange, *command);
  const auto begun = co_await exchange.commands.request(std::move(*command), std::move(audit));
  if (!begun) co_return refuse_unknown("backend");
  auto response = json_response(202, to_json(*begun, exchange.view));
  response.headers.push_back({"Location", "/api/v1/commands/" + begun->id});
  co_return response;
}

boost::asio::awaitable<Answer> show_command(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "command");
  if (!id) co_return std::unexpected(id.error());
  const auto command =
      co_await exchange.store.run([&id](store::Store& store) { return store.find_command(*id); });
  if (!command) co_return refuse_unknown("command");
  co_return json_response(200, to_json(*command, exchange.view));
}

boost::asio::awaitable<Answer> cancel_command(Exchange& exchange) {
  const auto id = uuid_argument(exchange, "command");
  if (!id) co_return std::unexpected(id.error());
  const auto author = author_of(exchange);
  const auto result =
      json::serialize(json::object{{"error", "cancelled"}, {"cancelled_by", author.subject}});
  const auto cancelled = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(
        store, [&](store::Store& inside) -> std::expected<store::CommandRow, Problem> {
          const auto command = inside.find_command(*id);
          if (!command) return refuse_unknown("command");
          if (command->action != command::drain_action) {
            return refuse(409, "conflict", "only a drain can be cancelled");
          }
          if (is_finished(*command) ||
              !inside.finish_command(*id, "", store::CommandState::error, result, author.at)) {
            return refuse(409, "conflict", "the command has ended already");
          }
          inside.record_audit(record_of(author, "cancel", {"command", command->id, ""},
                                        json::object{{"state", to_string(command->state)}},
                                        json::object{{"state", "error"}}));
          return inside.find_command(*id).value_or(*command);
        });
  });
  if (!cancelled) co_return std::unexpected(cancelled.error());
  exchange.commands.cancelled(*id);
  log::info("command cancelled",
            {{"who", author.subject}, {"command_id", *id}, {"request_id", exchange.request.id}});
  co_return json_response(200, to_json(*cancelled, exchange.view));
}

}  // namespace b3::api
