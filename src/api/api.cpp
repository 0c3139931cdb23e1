#include "api/api.h"

#include <exception>

#include "api/auth.h"
#include "api/exchange.h"
#include "api/problem.h"
#include "api/router.h"
#include "base/log.h"

namespace b3::api {
namespace {

void log_store_failure(const std::exception& failure, const http::Request& request) {
  log::error("the database failed an administrative request", {{"error", failure.what()},
                                                               {"method", request.method},
                                                               {"path", request.path()},
                                                               {"request_id", request.id}});
}

}  // namespace

Api::Api(store::Executor& store, view::View& view, events::Events& events,
         command::Runner& commands, Revocations& revocations, ApiOptions options)
    : store_(store),
      view_(view),
      events_(events),
      commands_(commands),
      revocations_(revocations),
      options_(std::move(options)) {}

boost::asio::awaitable<Answer> Api::dispatch(const http::Request& request, http::BodyReader& body) {
  const Now now = options_.clock();
  auto match = find_route(routes(), request.method, request.path());
  const bool open = match && match->route->access == Access::open;
  const Authority authority{options_.jwt_secret, options_.previous_jwt_secret,
                            [this](std::string_view id) { return revocations_.contains(id); }};
  auto caller = open ? Caller{} : authenticate(request, authority, now.wall);
  if (!caller) co_return std::unexpected(std::move(caller.error()));
  if (!match) co_return std::unexpected(std::move(match.error()));
  if (auto problem = forbids(*caller, match->route->access)) {
    co_return std::unexpected(std::move(*problem));
  }
  Exchange exchange{.request = request,
                    .body = body,
                    .store = store_,
                    .view = view_,
                    .events = events_,
                    .commands = commands_,
                    .revocations = revocations_,
                    .options = options_,
                    .now = now,
                    .caller = std::move(*caller),
                    .arguments = std::move(match->arguments),
                    .route = *match->route};
  co_return co_await match->route->handler(exchange);
}

bool Api::owns(std::string_view path) {
  return path == "/api" || path.starts_with("/api/");
}

boost::asio::awaitable<http::Response> Api::answer(const http::Request& request,
                                                   http::BodyReader& body) {
  try {
    auto answer = co_await dispatch(request, body);
    if (answer) co_return std::move(*answer);
    co_return to_response(answer.error(), request.id);
  } catch (const store::StoreUnavailable& failure) {
    log_store_failure(failure, request);
    co_return to_response(database_away(), request.id);
  } catch (const store::StoreCorrupt& failure) {
    log_store_failure(failure, request);
    co_return to_response({.status = 500,
                           .error = "internal_error",
                           .message = "the database refused; the log of b3scaled says why"},
                          request.id);
  }
}

}  // namespace b3::api
