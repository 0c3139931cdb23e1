#include "agent/api_link.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/json.h"
#include "base/log.h"

namespace b3::agent {
namespace {

namespace json = boost::json;
using Kind = LinkError::Kind;

constexpr std::size_t max_answer_bytes = std::size_t{16} << 20;

Kind kind_of(int status) {
  if (status == 404) return Kind::unknown;
  return status >= 500 || status == 429 || status == 401 ? Kind::away : Kind::refused;
}

LinkError error_of(int status, const std::optional<json::object>& body) {
  const auto* message = body ? find_string(*body, "message") : nullptr;
  std::string detail = message ? fmt::format("HTTP {}: {}", status, std::string_view(*message))
                               : fmt::format("HTTP {}", status);
  if (status == 401) detail = "the token (B3SCALE_API_ACCESS_TOKEN) is not accepted";
  return {kind_of(status), std::move(detail)};
}

std::string text_in(const json::object& object, std::string_view outer, std::string_view key) {
  const auto* value = object.if_contains(outer);
  const auto* inner = value ? value->if_object() : nullptr;
  const auto* text = inner ? find_string(*inner, key) : nullptr;
  return text ? std::string(*text) : std::string();
}

json::object bbb_fields(const Identity& identity) {
  return {{"host", identity.host}, {"secret", identity.secret}};
}

std::vector<Outcome> read_outcomes(const json::object& answer, std::size_t calls) {
  std::vector<Outcome> outcomes(calls, Outcome::done);
  const auto* result = answer.if_contains("result");
  const auto* list = result ? result->if_array() : nullptr;
  for (std::size_t i = 0; list && i < std::min(calls, list->size()); ++i) {
    const auto* one = (*list)[i].if_object();
    const auto* status = one ? find_string(*one, "status") : nullptr;
    if (!status || *status == "ok") continue;
    outcomes[i] = Outcome::refused;
    log::debug("call refused", {{"answer", json::serialize(*one)}});
  }
  return outcomes;
}

}  // namespace

Answer<json::object> ApiLink::call(std::string_view method, std::string_view path,
                                   json::object body, Timeouts timeouts) {
  std::string target = base_.path;
  while (target.ends_with('/')) target.pop_back();
  http::ClientRequest request;
  request.method = method;
  request.url = base_;
  request.target = target + "/api/v1" + std::string(path);
  request.headers = {{"Authorization", "Bearer " + token_}, {"Accept", "application/json"}};
  request.connect_timeout = timeouts.connect;
  request.response_timeout = timeouts.response;
  request.max_body = max_answer_bytes;
  if (method != "GET") {
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = json::serialize(body);
  }
  const auto answer = co_await sender_.send(std::move(request));
  if (!answer) {
    const auto& error = answer.error();
    co_return std::unexpected(
        LinkError{Kind::away, fmt::format("{}: {}", http::to_string(error.failure), error.detail)});
  }
  auto parsed = parse_json_object(answer->body);
  if (answer->status < 200 || answer->status > 299) {
    co_return std::unexpected(error_of(answer->status, parsed));
  }
  if (!parsed) co_return std::unexpected(LinkError{Kind::away, "the answer is not b3scale's"});
  co_return *std::move(parsed);
}

Answer<void> ApiLink::enroll(Identity identity, double load_factor, bool may_register) {
  const auto backend = co_await call("GET", "/agent/backend", {}, {});
  if (backend) co_return co_await update(*backend, identity);
  if (backend.error().kind != Kind::unknown || !may_register) {
    co_return std::unexpected(backend.error());
  }
  co_return co_await create(identity, load_factor);
}

Answer<void> ApiLink::create(const Identity& identity, double load_factor) {
  const auto made = co_await call(
      "POST", "/backends", {{"bbb", bbb_fields(identity)}, {"load_factor", load_factor}}, {});
  if (!made) co_return std::unexpected(made.error());
  told_ = identity;
  log::info("registered", {{"host", identity.host}});
  co_return std::expected<void, LinkError>();
}

Answer<void> ApiLink::update(const json::object& backend, const Identity& identity) {
  const auto secret = text_in(backend, "bbb", "secret");
  const Identity known{text_in(backend, "bbb", "host"), secret};
  const auto* id = find_string(backend, "id");
  if (known == identity || told_ == identity || !id) {
    told_ = identity;
    co_return std::expected<void, LinkError>();
  }
  const auto changed =
      co_await call("PATCH", "/backends/" + std::string(*id), {{"bbb", bbb_fields(identity)}}, {});
  if (!changed) co_return std::unexpected(changed.error());
  told_ = identity;
  log::info("host or secret updated", {{"host", identity.host}});
  co_return std::expected<void, LinkError>();
}

Answer<void> ApiLink::heartbeat(json::object report) {
  const auto answer = co_await call("POST", "/agent/heartbeat", {{"report", std::move(report)}},
                                    {.connect = milliseconds{400}, .response = milliseconds{500}});
  if (!answer) co_return std::unexpected(answer.error());
  co_return std::expected<void, LinkError>();
}

Answer<std::vector<Outcome>> ApiLink::send(const std::vector<Call>& calls) {
  json::array list;
  for (const Call& one : calls) list.push_back(one.body);
  const auto answer = co_await call(
      "POST", "/agent/rpc", {{"action", "batch"}, {"payload", {{"calls", std::move(list)}}}}, {});
  if (!answer) co_return std::unexpected(answer.error());
  co_return read_outcomes(*answer, calls.size());
}

}  // namespace b3::agent
