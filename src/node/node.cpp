#include "node/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/url.h"
#include "bbb/checksum.h"

namespace b3::node {

namespace asio = boost::asio;

namespace {

constexpr std::size_t max_answer_bytes = 16 * 1024 * 1024;
// The nginx of a node refuses request lines of more than 8 KiB.
constexpr std::size_t max_query_bytes = 4'000;

CallFailure to_call_failure(http::ClientFailure failure) {
  switch (failure) {
    case http::ClientFailure::connect:
    case http::ClientFailure::tls:
      return CallFailure::not_sent;
    case http::ClientFailure::timeout:
    case http::ClientFailure::broken:
      return CallFailure::no_answer;
    case http::ClientFailure::malformed:
    case http::ClientFailure::too_large:
      return CallFailure::garbage;
  }
  return CallFailure::no_answer;
}

// The media type a stranger sent, made fit for a log line.
std::string printable_content_type(const http::ClientResponse& response) {
  const std::string* value = http::find_header(response.headers, "Content-Type");
  if (value == nullptr) return "no content type";
  constexpr std::size_t enough = 60;
  std::string text = value->substr(0, std::min(value->find(';'), enough));
  std::erase_if(text, [](char c) { return c < 0x20 || c > 0x7e; });
  return text.empty() ? "no content type" : text;
}

CallError garbage(const Target& target, const Call& call, const http::ClientResponse& response,
                  std::string_view why) {
  return {CallFailure::garbage,
          fmt::format("{} from {}: {} (status {}, {})", call.name, target.backend_id, why,
                      response.status, printable_content_type(response)),
          response.status};
}

void append_encoded(std::string& form, std::string_view text, char literal) {
  for (const char c : text) {
    if (c == literal) {
      form += c;
    } else if (c == '~') {
      form += "%7E";
    } else {
      append_form_encoded(form, {&c, 1});
    }
  }
}

// BBB does not sign the bytes of a form but puts a text together from what it has read: sorted by
// name, the names as they are, the values as java.net.URLEncoder writes them. The form is this very
// text, so that nodes that look at the bytes agree.
std::string to_form(const bbb::Parameters& parameters) {
  std::vector<const bbb::Parameter*> sorted;
  for (const bbb::Parameter& parameter : parameters) sorted.push_back(&parameter);
  std::ranges::sort(sorted, {}, [](const bbb::Parameter* parameter) -> std::string_view {
    return parameter->name;
  });
  std::string form;
  for (const bbb::Parameter* parameter : sorted) {
    if (!form.empty()) form += '&';
    append_encoded(form, parameter->name, ':');
    form += '=';
    append_encoded(form, parameter->value, '*');
  }
  return form;
}

void put_parameters(http::ClientRequest& request, const Target& target, Call& call) {
  const auto sign = [&](std::string_view query) {
    return bbb::signed_query(target.checksum, call.name, query, target.secret);
  };
  const std::string query = call.parameters.encode();
  if (call.body.empty() && query.size() > max_query_bytes) {
    call.content_type = "application/x-www-form-urlencoded";
    call.body = sign(to_form(call.parameters));
  } else {
    request.target += '?' + sign(query);
  }
}

http::ClientRequest to_request(const Target& target, Call& call, Url base, Timeouts timeouts) {
  http::ClientRequest request;
  request.target = base.path + call.name;
  request.url = std::move(base);
  put_parameters(request, target, call);
  request.headers.push_back({"Accept", "application/xml, text/xml, */*;q=0.1"});
  if (!call.request_id.empty()) request.headers.push_back({"X-Request-ID", call.request_id});
  if (!call.accept_language.empty()) {
    request.headers.push_back({"Accept-Language", call.accept_language});
  }
  if (!call.content_type.empty()) {
    request.method = "POST";
    request.headers.push_back({"Content-Type", call.content_type});
    request.body = std::move(call.body);
  }
  request.connect_timeout = timeouts.connect;
  request.response_timeout = timeouts.response;
  request.max_body = max_answer_bytes;
  return request;
}

std::string join_url(std::string_view base_url, HashAlgorithm checksum, std::string_view secret,
                     std::string_view call, std::string_view query) {
  const auto digest = bbb::sign(checksum, call, query, secret);
  std::string url;
  url.reserve(base_url.size() + call.size() + query.size() + digest.size() + 12);
  url.append(base_url).append(call).append("?").append(query);
  if (!query.empty()) url += '&';
  return url.append("checksum=").append(digest);
}

}  // namespace

Target target_of(const Backend& backend, const BackendSettings& settings) {
  return {.backend_id = backend.id,
          .base_url = backend.host,
          .secret = backend.secret,
          .checksum = settings.checksum};
}

std::string signed_url(const Target& target, std::string_view call,
                       const bbb::Parameters& parameters) {
  return join_url(target.base_url, target.checksum, target.secret, call, parameters.encode());
}

std::string signed_url(const Backend& backend, const BackendSettings& settings,
                       std::string_view call, std::string_view query) {
  return join_url(backend.host, settings.checksum, backend.secret, call, query);
}

bool Nodes::open(std::string_view backend_id) const {
  const auto found = breakers_.find(backend_id);
  return found != breakers_.end() && found->second.is_open(clock_().steady);
}

// Being slower than an impatient caller would like is no reason to keep other calls away.
void Nodes::note(const std::string& backend_id, bool counts, Breaker::Admission admission,
                 const CallResult& result) {
  const bool reached = result || result.error().failure == CallFailure::garbage;
  if (reached) {
    breakers_.erase(backend_id);
  } else if (!counts) {
    if (const auto found = breakers_.find(backend_id); found != breakers_.end()) {
      found->second.note_nothing(admission);
    }
  } else if (breakers_[backend_id].note_failure(admission, clock_().steady)) {
    log::warn("calls to a backend do not get through",
              {{"backend_id", backend_id}, {"reason", result.error().detail}});
    if (observer_) observer_(backend_id);
  }
}

asio::awaitable<std::expected<NodeAnswer, CallError>> Nodes::call(
    Target target, Call call, std::optional<Timeouts> timeouts) {
  const bool is_poll = call.is_poll;
  auto admission = Breaker::Admission::passed;
  if (const auto found = breakers_.find(target.backend_id); found != breakers_.end() && !is_poll) {
    admission = found->second.admit(clock_().steady);
  }
  if (admission == Breaker::Admission::refused) {
    co_return std::unexpected(
        CallError{CallFailure::not_sent,
                  fmt::format("{} to {}: not tried, the last calls did not get through", call.name,
                              target.backend_id),
                  0});
  }
  try {
    const auto patience = timeouts.value_or(timeouts_);
    auto result = co_await send(target, std::move(call), patience);
    const bool impatient = !result && result.error().failure == CallFailure::no_answer &&
                           patience.response < timeouts_.response;
    note(target.backend_id, !is_poll && !impatient, admission, result);
    co_return result;
  } catch (...) {
    const auto found = breakers_.find(target.backend_id);
    if (found != breakers_.end()) found->second.note_nothing(admission);
    throw;
  }
}

asio::awaitable<std::expected<NodeAnswer, CallError>> Nodes::send(const Target& target, Call call,
                                                                  Timeouts timeouts) {
  std::expected<Url, std::string> base = parse_url(target.base_url);
  if (!base) {
    co_return std::unexpected(
        CallError{CallFailure::not_sent,
                  fmt::format("address of {}: {}", target.backend_id, base.error()), 0});
  }
  http::ClientRequest request = to_request(target, call, std::move(*base), timeouts);
  const auto response = co_await sender_.send(std::move(request));
  if (!response) {
    co_return std::unexpected(CallError{
        to_call_failure(response.error().failure),
        fmt::format("{} to {}: {}", call.name, target.backend_id, response.error().detail), 0});
  }
  if (response->status != 200) {
    co_return std::unexpected(garbage(target, call, *response, "not a BBB answer"));
  }
  auto answer = bbb::Answer::parse(response->body);
  if (!answer) {
    const bool malformed = answer.error() == bbb::XmlError::malformed;
    co_return std::unexpected(
        garbage(target, call, *response, malformed ? "not well-formed XML" : "not a BBB answer"));
  }
  co_return NodeAnswer{std::move(*answer), response->status};
}

}  // namespace b3::node
