#include <fmt/format.h>

#include "base/log.h"
#include "bbb/meeting_id.h"
#include "gateway/gateway.h"
#include "gateway/replies.h"

namespace b3::gateway {
namespace {

constexpr std::string_view retry_prefix = "/b3s/retry-join/";

Language language_of(const http::Request& request) {
  const auto* accepted = request.header("Accept-Language");
  return choose_language(accepted ? *accepted : std::string_view{});
}

// Clients that handle the redirect themselves want BBB's XML instead of pages.
bool wants_xml(const bbb::Parameters& parameters) {
  return parameters.get("redirect") == "false";
}

// May people be sent to this node now? Its administrative state does not matter: a stopped
// backend keeps serving the meetings it has. Most nodes have no agent: then nobody asks the clock.
bool is_usable(const view::BackendEntry& entry, const std::function<Now()>& clock) {
  const auto state = entry.backend.node_state;
  if (state == NodeState::error || state == NodeState::stopped) return false;
  if (!entry.backend.agent_heartbeat) return true;
  return entry.agent_silence(clock().steady) <= placement::agent_silence_limit;
}

}  // namespace

Gateway::JoinPlan Gateway::plan_join(std::string_view frontend_id,
                                     std::string_view scoped_id) const {
  const auto* entry = find(frontend_id, scoped_id);
  if (entry == nullptr) return {JoinStep::missing};
  if (entry->phase() != MeetingPhase::bound) return {JoinStep::undecided};
  const auto* backend = view_.backend(entry->backend_id());
  if (backend == nullptr || !is_usable(*backend, options_.clock)) return {JoinStep::wait};
  return {JoinStep::redirect, backend};
}

void Gateway::write_redirect(const TenantCall& call, std::string_view scoped_id,
                             const view::BackendEntry& backend, http::Response& response) {
  redirect(response,
           node::signed_url(backend.backend, backend.settings, "join", call.parameters, scoped_id));
}

bool Gateway::join_now(const http::Request& request, const TenantCall& call,
                       http::Response& response, Known known) {
  const bool xml = wants_xml(call.parameters);
  if (const auto problem = check_id(call)) {
    response = refuse(*problem);
    return true;
  }
  const auto scoped_id = bbb::scope(call.frontend_key, call.parameters.get("meetingID"));
  if (known == Known::part && may_be_behind(scoped_id)) return false;
  const auto plan = plan_join(call.frontend_id, scoped_id);
  switch (plan.step) {
    case JoinStep::missing:
      response = xml ? meeting_not_found() : not_found_page(language_of(request), request.id);
      return true;
    case JoinStep::undecided:
      if (known != Known::all) return false;
      [[fallthrough]];
    case JoinStep::wait:
      if (xml) {
        response = internal_failure("The meeting is not ready yet.", request.id);
      } else {
        response = waiting(request, call.frontend_id, call.parameters, options_.clock().wall, 0);
      }
      return true;
    case JoinStep::redirect:
      if (xml) return false;
      write_redirect(call, scoped_id, *plan.backend, response);
      return true;
  }
  return false;
}

http::Response Gateway::waiting(const http::Request& request, std::string_view frontend_id,
                                const bbb::Parameters& parameters, WallTime first_seen,
                                int attempt) {
  const token::RetryJoin join{std::string(frontend_id), parameters.encode(), first_seen, attempt};
  const auto path = std::string(retry_prefix) + token::seal(join, options_.retry_key);
  return waiting_page(language_of(request), path, request.id);
}

std::optional<token::RetryJoin> Gateway::open_retry(const http::Request& request) const {
  auto token = request.path();
  token.remove_prefix(retry_prefix.size());
  auto join =
      token::open(token, options_.retry_key, options_.clock().wall, options_.waiting_page_lifetime);
  if (!join) return std::nullopt;
  return std::move(*join);
}

bool Gateway::retry_join_now(const http::Request& request, http::Response& response, Known known) {
  const auto language = language_of(request);
  const auto join = open_retry(request);
  const auto* frontend = join ? view_.frontend(join->frontend_id) : nullptr;
  auto parameters = bbb::parse_parameters(join ? std::string_view(join->query) : "");
  if (frontend == nullptr || !frontend->frontend.active || !parameters) {
    response = expired_page(language, request.id);
    return true;
  }
  const TenantCall call{frontend->frontend.id, frontend->frontend.key, "join",
                        std::move(*parameters)};
  const auto scoped_id = bbb::scope(call.frontend_key, call.parameters.get("meetingID"));
  if (known == Known::part && may_be_behind(scoped_id)) return false;
  const auto plan = plan_join(call.frontend_id, scoped_id);
  switch (plan.step) {
    case JoinStep::missing:
      response = not_found_page(language, request.id);
      break;
    case JoinStep::undecided:
      if (known != Known::all) return false;
      [[fallthrough]];
    case JoinStep::wait:
      response =
          waiting(request, call.frontend_id, call.parameters, join->first_seen, join->attempt + 1);
      break;
    case JoinStep::redirect:
      write_redirect(call, scoped_id, *plan.backend, response);
      break;
  }
  return true;
}

boost::asio::awaitable<http::Response> Gateway::retry_join(const http::Request& request) {
  http::Response response;
  const auto join = open_retry(request);
  const auto* frontend = join ? view_.frontend(join->frontend_id) : nullptr;
  const auto parameters = bbb::parse_parameters(join ? std::string_view(join->query) : "");
  if (frontend != nullptr && parameters) {
    const TenantCall call{frontend->frontend.id, frontend->frontend.key, "join", *parameters};
    const auto scoped_id = bbb::scope(call.frontend_key, call.parameters.get("meetingID"));
    co_await look_up(request, scoped_id);
    if (const auto* backend = co_await find_its_node(request, call, scoped_id)) {
      write_redirect(call, scoped_id, *backend, response);
      co_return response;
    }
  }
  retry_join_now(request, response, Known::all);
  co_return response;
}

boost::asio::awaitable<http::Response> Gateway::join(const http::Request& request,
                                                     TenantCall call) {
  http::Response response;
  const auto scoped_id = bbb::scope(call.frontend_key, call.parameters.get("meetingID"));
  if (const auto* backend = co_await find_its_node(request, call, scoped_id)) {
    if (wants_xml(call.parameters)) co_return co_await relay_join(request, std::move(call));
    write_redirect(call, scoped_id, *backend, response);
    co_return response;
  }
  if (join_now(request, call, response, Known::all)) co_return response;
  co_return co_await relay_join(request, std::move(call));
}

// Whoever made the reservation may have told its tenant of the meeting, and died before the store
// knew.
boost::asio::awaitable<const view::BackendEntry*> Gateway::find_its_node(
    const http::Request& request, const TenantCall& call, const std::string& scoped_id) {
  if (plan_join(call.frontend_id, scoped_id).step != JoinStep::undecided) co_return nullptr;
  const auto* entry = find(call.frontend_id, scoped_id);
  if (is_begun_here(*entry)) co_return nullptr;
  const auto epoch = entry->epoch();
  const auto* backend = view_.backend(entry->backend_id());
  if (backend == nullptr || !is_usable(*backend, options_.clock)) co_return nullptr;
  const auto backend_id = backend->backend.id;
  bbb::Parameters parameters;
  parameters.set("meetingID", scoped_id);
  const auto found = co_await nodes_.call(
      node::target_of(backend->backend, backend->settings),
      {"getMeetingInfo", std::move(parameters), {}, {}, request.id, {}}, options_.probe_timeouts);
  if (!found || !found->answer.success()) co_return nullptr;
  const auto internal_id = found->answer.text("internalMeetingID");
  if (co_await may_have_ended(backend_id, internal_id)) co_return nullptr;
  entry = find(call.frontend_id, scoped_id);
  if (entry == nullptr || entry->epoch() != epoch) co_return nullptr;
  co_return view_.backend(entry->backend_id());
}

// join with redirect=false: the node's XML names the URL and the session to use.
boost::asio::awaitable<http::Response> Gateway::relay_join(const http::Request& request,
                                                           TenantCall call) {
  const auto scoped_id = scope_ids(call);
  const auto* entry = find(call.frontend_id, scoped_id);
  const auto* backend = entry ? view_.backend(entry->backend_id()) : nullptr;
  if (backend == nullptr) co_return meeting_not_found();
  const auto target = node::target_of(backend->backend, backend->settings);
  const auto key = call.frontend_key;
  auto result = co_await nodes_.call(
      target, {"join", std::move(call.parameters), {}, {}, request.id, {}}, options_.timeouts);
  if (!result || result->answer.text("messageKey") == "checksumError") {
    log::warn("join not relayed",
              {{"request_id", request.id},
               {"backend_id", target.backend_id},
               {"meeting_id", scoped_id},
               {"reason", result ? "the node refuses our secret" : result.error().detail}});
    co_return internal_failure("The meeting can not be reached at the moment.", request.id);
  }
  result->answer.unscope_ids(key);
  co_return xml_response(result->answer.xml());
}

}  // namespace b3::gateway
