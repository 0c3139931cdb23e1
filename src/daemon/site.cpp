#include "daemon/site.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/problem.h"
#include "gateway/replies.h"

namespace b3::daemon {
namespace {

constexpr std::string_view start_page =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<title>b3scale</title><style>body{font:1.05rem/1.6 system-ui,sans-serif;max-width:34rem;"
    "margin:12vh auto;padding:0 1.5rem;color:#1f2933}code{background:#eef2f6;padding:.1rem .3rem;"
    "border-radius:.25rem}</style></head>\n<body><h1>b3scale</h1>"
    "<p>This is a load balancer for BigBlueButton. Applications use it as their BigBlueButton "
    "server at <code>/bbb/&lt;tenant key&gt;/bigbluebutton/api</code>.</p></body></html>\n";

void write(http::Response& response, int status, std::string_view type, std::string_view body) {
  response.status = status;
  response.headers = {{"Content-Type", std::string(type)}};
  response.body = body;
}

// A browser comes again by itself.
constexpr std::string_view loading_page =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta http-equiv=\"refresh\" content=\"2\"><title>One moment</title></head>\n"
    "<body><p>One moment, please: this service has just been started.</p></body></html>\n";

bool needs_view(std::string_view path) {
  return gateway::Gateway::owns(path) || api::Api::owns(path) || path == MetricsPage::path;
}

http::Response still_loading(const http::Request& request) {
  const auto path = request.path();
  http::Response response;
  if (api::Api::owns(path)) {
    response = api::to_response({.status = 503,
                                 .error = "loading",
                                 .message = "b3scaled has just been started and is loading its "
                                            "state; try again in a moment"},
                                request.id);
  } else if (path.ends_with("/join") || path.starts_with("/b3s/")) {
    write(response, 503, "text/html; charset=utf-8", loading_page);
  } else if (gateway::Gateway::owns(path)) {
    response = gateway::refuse("notReady",
                               "The service has just been started and is loading its state. Try "
                               "again in a moment.");
  } else {
    write(response, 503, "text/plain; charset=utf-8", "loading\n");
  }
  response.headers.push_back({"Retry-After", "1"});
  return response;
}

}  // namespace

void Site::open() {
  open_ = true;
  opening_.cancel();
}

boost::asio::awaitable<void> Site::opened() {
  if (open_) co_return;
  boost::system::error_code ignored;
  co_await opening_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
}

bool Site::answer_now(const http::Request& request, http::Response& response) {
  const auto path = request.path();
  if (!open_ && needs_view(path)) return false;
  if (gateway::Gateway::owns(path)) return gateway_.answer_now(request, response);
  if (api::Api::owns(path)) return false;
  if (path == MetricsPage::path && metrics_page_ != nullptr) {
    return metrics_page_->answer_now(request, response);
  }
  if (path == "/health" || path == "/ready") {
    answer_readiness(request, response);
  } else if (path == "/docs/api/v1") {
    write(response, 200, "text/html; charset=utf-8", api::openapi_page(B3_VERSION));
  } else if (path == "/") {
    write(response, 200, "text/html; charset=utf-8", start_page);
  } else {
    write(response, 404, "text/plain; charset=utf-8", "not found\n");
  }
  return true;
}

// Without its database an instance still serves reads and joins from memory, so it stays ready.
void Site::answer_readiness(const http::Request& request, http::Response& response) const {
  if (!open_ && request.path() == "/ready") {
    write(response, 503, "application/json", R"({"status":"loading","problems":["state"]})");
    response.headers.push_back({"Retry-After", "1"});
    return;
  }
  const bool degraded = request.path() == "/ready" && database_away_();
  const auto* accept = request.header("Accept");
  if (accept && accept->contains("application/json")) {
    write(response, 200, "application/json",
          degraded ? R"({"status":"degraded","problems":["database"]})" : R"({"status":"ok"})");
  } else {
    write(response, 200, "text/plain; charset=utf-8", degraded ? "degraded: database\n" : "ok\n");
  }
}

boost::asio::awaitable<http::Response> Site::answer(const http::Request& request,
                                                    http::BodyReader& body) {
  if (!open_) return answer_late(request, body);
  if (api::Api::owns(request.path())) return answer_api(request, body);
  return gateway_.answer(request, body);
}

boost::asio::awaitable<http::Response> Site::answer_late(const http::Request& request,
                                                         http::BodyReader& body) {
  co_await opened();
  if (!open_) co_return still_loading(request);
  http::Response response;
  if (answer_now(request, response)) co_return response;
  co_return co_await answer(request, body);
}

boost::asio::awaitable<http::Response> Site::answer_api(const http::Request& request,
                                                        http::BodyReader& body) {
  const auto began = std::chrono::steady_clock::now();
  const auto note = [&](int status) {
    const auto match = api::find_route(api::routes(), request.method, request.path());
    rest_statistics_.note(match ? match->route : nullptr, std::chrono::steady_clock::now() - began,
                          status);
  };
  try {
    auto response = co_await api_.answer(request, body);
    note(response.status);
    co_return response;
  } catch (...) {
    note(500);
    throw;
  }
}

}  // namespace b3::daemon
