#include "api/api.h"

#include <exception>

#include "api/auth.h"
#include "api/exchange.h"
#include "api/problem.h"
#include "api/router.h"
#include "base/log.h"

namespace b3::api {
namespace {

boost::asio::awaitable<Answer> dispatch(store::Executor& store, view::View& view,
                                        const ApiOptions& options, const http::Request& request,
                                        http::BodyReader& body) {
  const Now now = options.clock();
  auto caller = authenticate(request, options.jwt_secret, now.wall);
  if (!caller) co_return std::unexpected(std::move(caller.error()));
  auto match = find_route(routes(), request.method, request.path());
  if (!match) co_return std::unexpected(std::move(match.error()));
  if (auto problem = forbids(*caller, match->route->access)) {
    co_return std::unexpected(std::move(*problem));
  }
  Exchange exchange{.request = request,
                    .body = body,
                    .store = store,
                    .view = view,
                    .options = options,
                    .now = now,
                    .caller = std::move(*caller),
                    .arguments = std::move(match->arguments)};
  co_return co_await match->route->handler(exchange);
}

void log_store_failure(const std::exception& failure, const http::Request& request) {
  log::error("the database failed an administrative request", {{"error", failure.what()},
                                                               {"method", request.method},
                                                               {"path", request.path()},
                                                               {"request_id", request.id}});
}

}  // namespace

Api::Api(store::Executor& store, view::View& view, ApiOptions options)
    : store_(store), view_(view), options_(std::move(options)) {}

bool Api::owns(std::string_view path) {
  return path == "/api" || path.starts_with("/api/");
}

boost::asio::awaitable<http::Response> Api::answer(const http::Request& request,
                                                   http::BodyReader& body) {
  try {
    auto answer = co_await dispatch(store_, view_, options_, request, body);
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
