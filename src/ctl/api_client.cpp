#include "ctl/api_client.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "base/url.h"
#include "ctl/fields.h"
#include "http/client.h"

namespace b3::ctl {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr std::chrono::seconds response_timeout{60};  // a forced delete may take a while

std::string next_step(int status) {
  switch (status) {
    case 401:
      return "get a token with \"b3scalectl auth authorize\" or set B3SCALE_API_ACCESS_TOKEN";
    case 403:
      return "use an administrator's token (b3scalectl auth authorize)";
    case 404:
      return "see what there is with \"b3scalectl show\"";
    case 409:
      return "see \"b3scalectl show\" for what is in the way";
    case 503:
      return "try again in a moment; the log of b3scaled says more";
    default:
      return status >= 500 ? "the log of b3scaled says more" : "correct the command and repeat it";
  }
}

Failure unreachable(const std::string& url, const http::ClientError& error) {
  const auto detail =
      error.detail.empty() ? std::string(http::to_string(error.failure)) : error.detail;
  Failure failure{.what = fmt::format("the API at {} cannot be reached: {}", url, detail),
                  .next = "check that b3scaled runs, and the address (--api or B3SCALE_API_URL)"};
  if (error.failure == http::ClientFailure::tls) {
    failure.next = "check the certificate; B3SCALE_CA_FILE names a file with certificates to trust";
  } else if (error.request_sent()) {
    failure.what = fmt::format("the API at {} did not answer: {}", url, detail);
    failure.next = "the command may have taken effect; look with \"b3scalectl show\"";
  }
  return failure;
}

using Sent = std::expected<http::ClientResponse, http::ClientError>;

std::expected<http::ClientRequest, Failure> begin_request(const std::string& address,
                                                          std::string_view method,
                                                          const std::string& target) {
  const auto url = parse_url(address);
  if (!url) {
    return std::unexpected(Failure{fmt::format("the API's address is not usable: {}", url.error()),
                                   "give it with --api or B3SCALE_API_URL, like "
                                   "https://b3scale.example.org"});
  }
  std::string base = url->path;
  while (base.ends_with('/')) base.pop_back();
  http::ClientRequest request;
  request.method = method;
  request.url = *url;
  request.target = base + target;
  request.response_timeout = response_timeout;
  request.max_body = 256 * 1024 * 1024;
  return request;
}

}  // namespace

struct HttpApi::Line {
  explicit Line(std::string ca_file)
      : client(loop, {.ca_file = std::move(ca_file), .user_agent = "b3scalectl/" B3_VERSION}) {}

  // The event loop runs for one request and stands still until the next.
  Sent send_blocking(http::ClientRequest request) {
    std::optional<Sent> sent;
    std::exception_ptr failure;
    asio::co_spawn(loop, client.send(std::move(request)),
                   [&](std::exception_ptr thrown, Sent result) {
                     failure = thrown;
                     sent = std::move(result);
                     loop.stop();
                   });
    loop.restart();
    loop.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(sent.value());
  }
  std::expected<http::ClientResponse, Failure> send(http::ClientRequest request) {
    const auto origin = request.url.origin();
    auto sent = send_blocking(std::move(request));
    if (!sent) return std::unexpected(unreachable(origin, sent.error()));
    return std::move(*sent);
  }

  asio::io_context loop;
  http::Client client;
};

HttpApi::HttpApi(std::string url, std::string token, std::string ca_file)
    : url_(std::move(url)),
      token_(std::move(token)),
      line_(std::make_unique<Line>(std::move(ca_file))) {}

HttpApi::~HttpApi() = default;

std::expected<ApiAnswer, Failure> read_answer(int status, std::string_view body) {
  if (status == 204) return ApiAnswer{status, json::object{}};
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_structured()) {
    return std::unexpected(
        Failure{fmt::format("the answer (HTTP {}) is not from a b3scale API", status),
                "check the address (--api or B3SCALE_API_URL)"});
  }
  if (status >= 200 && status < 300) return ApiAnswer{status, std::move(value)};
  auto what = field_text(value, "message");
  if (what == "-") what = fmt::format("the API answered with HTTP {}", status);
  if (status >= 500 && find_field(value, "request_id")) {
    what += fmt::format(" (request {})", field_text(value, "request_id"));
  }
  std::string next = next_step(status);
  if (status == 404 && what.ends_with("resource")) {
    next = "this b3scaled may be older than b3scalectl; compare \"b3scalectl show status\"";
  }
  return std::unexpected(Failure{std::move(what), std::move(next), {}, status});
}

std::expected<ApiAnswer, Failure> HttpApi::call(std::string_view method, const std::string& target,
                                                const std::optional<json::object>& body) {
  auto request = begin_request(url_, method, target);
  if (!request) return std::unexpected(std::move(request.error()));
  request->headers.push_back({"Accept", "application/json"});
  if (!token_.empty()) request->headers.push_back({"Authorization", "Bearer " + token_});
  if (body) {
    request->headers.push_back({"Content-Type", "application/json"});
    request->body = json::serialize(*body);
  }
  const auto answer = line_->send(std::move(*request));
  if (!answer) return std::unexpected(answer.error());
  return read_answer(answer->status, answer->body);
}

std::expected<std::string, Failure> HttpApi::fetch(const std::string& target) {
  auto request = begin_request(url_, "GET", target);
  if (!request) return std::unexpected(std::move(request.error()));
  request->acts = true;
  auto answer = line_->send(std::move(*request));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->status != 200) {
    return std::unexpected(Failure{fmt::format("b3scaled answered with HTTP {}", answer->status),
                                   "the log of b3scaled says more"});
  }
  return std::move(answer->body);
}

}  // namespace b3::ctl
