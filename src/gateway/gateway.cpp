#include "gateway/gateway.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>

#include "base/log.h"
#include "base/timer.h"
#include "bbb/meeting_id.h"
#include "feed/synchronize.h"
#include "gateway/replies.h"
#include "gateway/route.h"

namespace b3::gateway {
namespace {

constexpr std::string_view retry_prefix = "/b3s/retry-join/";
// Read before the checksum in it can be verified, so kept small.
constexpr std::size_t form_body_limit = 256 * 1024;
constexpr std::size_t xml_body_limit = 32 * 1024 * 1024;

bool is_read(const http::Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

http::Response body_failure(http::BodyError error) {
  if (error == http::BodyError::timeout) {
    auto response = refuse("validationError", "The request body did not arrive in time");
    response.status = 408;
    response.close = true;
    return response;
  }
  if (error == http::BodyError::too_large) {
    auto response = refuse("validationError", "The request body is too large");
    response.status = 413;
    response.close = true;
    return response;
  }
  auto response = refuse("validationError", "The request body is not complete");
  response.status = 400;
  response.close = true;
  return response;
}

bool is_retry(std::string_view path) {
  return path.starts_with(retry_prefix);
}

CallKind kind_of(const std::optional<Route>& route, std::string_view path) {
  static_assert(int(CallKind::create) == int(CallName::create));
  static_assert(int(CallKind::unsupported) == int(CallName::unsupported));
  if (route) return CallKind(int(route->call));
  return is_retry(path) ? CallKind::retry_join : CallKind::unsupported;
}

}  // namespace

Gateway::Gateway(store::Executor& store, view::View& view, view::InFlight& in_flight,
                 node::Nodes& nodes, GatewayOptions options)
    : store_(store),
      view_(view),
      in_flight_(in_flight),
      nodes_(nodes),
      options_(std::move(options)),
      writes_(store) {
  view_.on_meeting_changed([this](std::string_view scoped_id) {
    waiters_.notify(scoped_id);
    listings_.forget_unused(options_.clock().steady);
  });
}

bool Gateway::owns(std::string_view path) {
  return path == "/bbb" || path.starts_with("/bbb/") || path.starts_with(retry_prefix) ||
         parse_route(path).has_value();
}

bool Gateway::answer_now(const http::Request& request, http::Response& response) {
  const auto began = std::chrono::steady_clock::now();
  const auto path = request.path();
  const auto route = is_retry(path) ? std::nullopt : parse_route(path);
  const bool answered = answer_kind_now(request, route, response);
  if (answered) {
    statistics_.note(kind_of(route, path), std::chrono::steady_clock::now() - began, response);
  }
  return answered;
}

bool Gateway::answer_kind_now(const http::Request& request, const std::optional<Route>& route,
                              http::Response& response) {
  if (is_retry(request.path())) {
    return retry_join_now(request, response, options_.shared_store ? Known::part : Known::view);
  }
  if (!route) {
    response = refuse("unsupportedRequest", "This request is not supported.");
    return true;
  }
  if (route->call == CallName::index) {
    write_xml(response, bbb::index_answer());
    return true;
  }
  if (route->call == CallName::unsupported) {
    response = refuse("unsupportedRequest", "This request is not supported.");
    return true;
  }
  if (request.method == "POST") return false;
  if (!is_read(request)) {
    response = refuse("unsupportedRequest", "This request is not supported.");
    response.status = 405;
    response.headers.push_back({"Allow", "GET, HEAD, POST"});
    return true;
  }
  if (request.has_body) return false;

  // Calls that need a node are authenticated again by answer(): they can afford it, and the
  // fast path stays free of state.
  if (route->call == CallName::create || route->call == CallName::end ||
      route->call == CallName::get_meeting_info) {
    return false;
  }
  const auto call = authenticate(view_, *route, request.query());
  if (!call) {
    response = refuse(call.error());
    return true;
  }
  const bool sure = !options_.shared_store;
  if (route->call == CallName::join) {
    return join_now(request, *call, response, sure ? Known::view : Known::part);
  }
  const bool unread = route->call == CallName::get_meetings && !view_.documents_read() &&
                      view_.lacks_documents(call->frontend_id);
  if (unread) return false;
  return read_now(*call, response, sure);
}

boost::asio::awaitable<http::Response> Gateway::answer(const http::Request& request,
                                                       http::BodyReader& body) {
  const auto began = std::chrono::steady_clock::now();
  const auto path = request.path();
  auto route = is_retry(path) ? std::nullopt : parse_route(path);
  const auto kind = kind_of(route, path);
  try {
    auto response = co_await answer_kind(request, body, std::move(route));
    statistics_.note(kind, std::chrono::steady_clock::now() - began, response);
    co_return response;
  } catch (...) {
    statistics_.note_broken(kind, std::chrono::steady_clock::now() - began);
    throw;
  }
}

// No coroutine itself: most calls need only the one that does their work.
boost::asio::awaitable<http::Response> Gateway::answer_kind(const http::Request& request,
                                                            http::BodyReader& body,
                                                            std::optional<Route> route) {
  if (is_retry(request.path())) return retry_join(request);
  if (!route) return answer_with(meeting_not_found());
  if (request.has_body) return answer_body(request, body, *route);
  auto call = authenticate(view_, *route, request.query());
  if (!call) return answer_with(refuse(call.error()));
  if (route->call == CallName::create) return create({request, {}, {}}, std::move(*call));
  return dispatch({request, {}, {}}, route->call, std::move(*call));
}

void Gateway::keep_statistics_of(const std::function<bool(const std::string&)>& exists) {
  std::erase_if(statistics_.placements, [&](const auto& each) { return !exists(each.first); });
}

boost::asio::awaitable<http::Response> Gateway::answer_with(http::Response response) {
  co_return response;
}

boost::asio::awaitable<http::Response> Gateway::answer_body(const http::Request& request,
                                                            http::BodyReader& body, Route route) {
  Exchange exchange{request, {}, {}};
  const auto type = request.content_type();
  const bool is_form = type == "application/x-www-form-urlencoded";
  const bool is_xml = type == "application/xml" || type == "text/xml";

  if (is_form) {
    auto form = co_await body.read_all(form_body_limit);
    if (!form) co_return body_failure(form.error());
    auto call = authenticate_form(view_, route, request.query(), *form);
    if (!call) co_return refuse(call.error());
    co_return co_await dispatch(exchange, route.call, std::move(*call));
  }

  auto call = authenticate(view_, route, request.query());
  if (!call) co_return refuse(call.error());
  if (route.call == CallName::create) {
    auto content = co_await body.read_all(xml_body_limit);
    if (!content) co_return body_failure(content.error());
    if (!content->empty() && !is_xml) {
      co_return refuse("unsupportedContentType",
                       "POST request Content-Type is missing or unsupported");
    }
    if (!content->empty()) {
      exchange.body = std::move(*content);
      exchange.content_type = "application/xml";
    }
  }
  co_return co_await dispatch(std::move(exchange), route.call, std::move(*call));
}

boost::asio::awaitable<http::Response> Gateway::dispatch(Exchange exchange, CallName name,
                                                         TenantCall call) {
  http::Response response;
  if (name != CallName::create && name != CallName::get_meetings) {
    co_await look_up(exchange.request,
                     bbb::scope(call.frontend_key, call.parameters.get("meetingID")));
  }
  switch (name) {
    case CallName::create:
      co_return co_await create(std::move(exchange), std::move(call));
    case CallName::end:
      co_return co_await end(std::move(exchange), std::move(call));
    case CallName::get_meeting_info:
      co_return co_await get_meeting_info(std::move(exchange), std::move(call));
    case CallName::join:
      co_return co_await join(exchange.request, std::move(call));
    case CallName::get_meetings:
      co_return co_await get_meetings(std::move(exchange), std::move(call));
    case CallName::is_meeting_running:
      if (read_now(call, response, true)) co_return response;
      co_return co_await is_meeting_running(std::move(exchange), std::move(call));
    case CallName::index:
    case CallName::unsupported:
      break;
  }
  co_return refuse("unsupportedRequest", "This request is not supported.");
}

const view::MeetingEntry* Gateway::find(std::string_view frontend_id,
                                        std::string_view scoped_id) const {
  const auto* entry = view_.meeting(scoped_id);
  return entry != nullptr && entry->frontend_id() == frontend_id ? entry : nullptr;
}

bool Gateway::may_be_behind(std::string_view scoped_id) const {
  if (!options_.shared_store) return false;
  const auto* entry = view_.meeting(scoped_id);
  if (entry == nullptr) return true;
  return entry->phase() == MeetingPhase::reserved && !in_flight_.contains(scoped_id);
}

boost::asio::awaitable<void> Gateway::look_up(const http::Request& request, std::string scoped_id) {
  if (may_be_behind(scoped_id)) co_await look_up_again(request, std::move(scoped_id));
}

boost::asio::awaitable<bool> Gateway::look_up_again(const http::Request& request,
                                                    std::string scoped_id) {
  if (options_.shared_store) return look_up_in_store(request.id, std::move(scoped_id));
  return [] -> Awaitable<bool> { co_return true; }();  // the view is all there is
}

boost::asio::awaitable<bool> Gateway::look_up_in_store(std::string request_id,
                                                       std::string scoped_id) {
  struct Progress {
    explicit Progress(boost::asio::any_io_executor loop) : patience(std::move(loop)) {}
    Timer patience;
    bool ended = false;
    bool found_out = false;
  };
  const auto loop = co_await boost::asio::this_coro::executor;
  const auto progress = std::make_shared<Progress>(loop);
  // Goes on by itself when it takes too long: what it finds is true all the same.
  const auto look = [](Gateway& gateway, std::string request, std::string id,
                       std::shared_ptr<Progress> mine) -> Awaitable<void> {
    try {
      co_await feed::synchronize(gateway.store_, gateway.view_, {std::move(id)});
      mine->found_out = true;
    } catch (const store::StoreUnavailable& error) {
      log::warn("a meeting could not be looked up",
                {{"request_id", request}, {"reason", error.what()}});
    }
    mine->ended = true;
    mine->patience.cancel();
  };
  boost::asio::co_spawn(loop, look(*this, std::move(request_id), std::move(scoped_id), progress),
                        boost::asio::detached);
  if (!progress->ended) {
    progress->patience.expires_after(options_.look_up_limit);
    co_await progress->patience.wait();
  }
  co_return progress->found_out;
}

}  // namespace b3::gateway
