// /api/v1/agent: what the agent of a node says.
#include <cmath>

#include "api/json.h"
#include "api/resources.h"

namespace b3::api {
namespace {

constexpr std::int64_t heartbeat_interval_ms = 1'000;

// The backend of the token that asks. The view may be behind a registration with another instance.
boost::asio::awaitable<std::expected<Backend, Problem>> own_backend(Exchange& exchange) {
  const std::string& agent_ref = exchange.caller.subject;
  for (const auto* entry : exchange.view.backends()) {
    if (entry->backend.agent_ref == agent_ref) co_return entry->backend;
  }
  auto stored = co_await exchange.store.run(
      [&agent_ref](store::Store& store) { return store.find_backend_of_agent(agent_ref); });
  if (!stored) {
    co_return refuse(404, "not_found", "this token's subject has not registered a backend");
  }
  exchange.view.put(*stored);
  co_return std::move(*stored);
}

// What is known of the report; what a newer agent adds is overlooked. "" without one.
std::string read_report(const json::object& body, FieldErrors& errors) {
  Fields fields{body, "", errors};
  fields.refuse_others(schema("HeartbeatInput"));
  const auto* given = fields.document("report");
  if (!given) return {};
  Fields figures{*given, "report.", errors};
  json::object report;
  for (const Field& field : schema("Report").fields) {
    if (field.type == "text") {
      if (auto text = figures.filled_text(field.name)) report[field.name] = *text;
    } else if (const auto number = figures.number(field.name)) {
      if (!(*number >= 0)) figures.refuse(field.name, "must not be negative");
      report[field.name] = given->at(field.name);
    }
  }
  return json::serialize(report);
}

Problem problem_of(const events::Outcome& outcome) {
  using Kind = events::Outcome::Kind;
  switch (outcome.kind) {
    case Kind::no_such_meeting:
      return refuse(404, "not_found", outcome.detail).error();
    case Kind::other_backend:
      return refuse(403, "forbidden", outcome.detail).error();
    case Kind::done:
    case Kind::malformed:
      break;
  }
  return refuse(400, "bad_request", outcome.detail).error();
}

json::object to_json(const events::Outcome& outcome) {
  if (outcome.kind == events::Outcome::Kind::done) return {{"status", "ok"}};
  const auto problem = problem_of(outcome);
  return {{"status", "error"}, {"error", problem.error}, {"message", problem.message}};
}

bool is_batch(const json::object& call) {
  const auto* action = call.if_contains("action");
  return action && action->is_string() && action->get_string() == "batch";
}

}  // namespace

boost::asio::awaitable<Answer> show_own_backend(Exchange& exchange) {
  const auto backend = co_await own_backend(exchange);
  if (!backend) co_return std::unexpected(backend.error());
  co_return json_response(200, shown_backend(exchange, *backend));
}

boost::asio::awaitable<Answer> take_heartbeat(Exchange& exchange) {
  json::object body;
  if (exchange.request.has_body) {
    auto given = co_await read_object(exchange);
    if (!given) co_return std::unexpected(given.error());
    body = std::move(*given);
  }
  FieldErrors errors;
  auto report = read_report(body, errors);
  if (!errors.empty()) co_return refuse_fields(std::move(errors));
  const auto backend = co_await own_backend(exchange);
  if (!backend) co_return std::unexpected(backend.error());

  exchange.events.heartbeat(backend->id, std::move(report));
  co_return json_response(200, {{"backend_id", backend->id},
                                {"heartbeat", to_rfc3339(exchange.now.wall)},
                                {"interval_ms", heartbeat_interval_ms}});
}

boost::asio::awaitable<Answer> take_rpc(Exchange& exchange) {
  const auto body = co_await read_object(exchange);
  if (!body) co_return std::unexpected(body.error());
  auto said = events::parse_call(*body);
  if (!said) co_return refuse(400, "bad_request", said.error());
  const auto backend = co_await own_backend(exchange);
  if (!backend) co_return std::unexpected(backend.error());

  const auto outcomes = co_await exchange.events.apply(backend->id, std::move(*said));
  if (is_batch(*body)) {
    json::array results;
    for (const auto& outcome : outcomes) results.push_back(to_json(outcome));
    co_return json_response(200, {{"status", "ok"}, {"result", std::move(results)}});
  }
  if (outcomes.at(0).kind != events::Outcome::Kind::done) {
    co_return std::unexpected(problem_of(outcomes.at(0)));
  }
  co_return json_response(200, {{"status", "ok"}, {"result", nullptr}});
}

}  // namespace b3::api
