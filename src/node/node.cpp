#include "node/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
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
    case http::ClientFailure::look_up:
    case http::ClientFailure::local:
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

FailureLabel failure_label(CallFailure failure) {
  switch (failure) {
    case CallFailure::not_sent:
      return FailureLabel::not_sent;
    case CallFailure::no_answer:
      return FailureLabel::no_answer;
    case CallFailure::garbage:
      break;
  }
  return FailureLabel::garbage;
}

Evidence evidence_of(http::ClientFailure failure) {
  if (failure == http::ClientFailure::local) return Evidence::none;
  return failure == http::ClientFailure::look_up ? Evidence::weak : Evidence::full;
}

// Calls that change nothing, so that they may be repeated.
bool is_read(std::string_view name) {
  return name.empty() || name.starts_with("get") || name == "isMeetingRunning";
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
  std::string& text = request.target;
  const std::size_t mark = text.size();
  text += '?';
  call.parameters.append_encoded(text);
  if (call.body.empty() && text.size() - mark - 1 > max_query_bytes) {
    text.resize(mark);
    call.content_type = "application/x-www-form-urlencoded";
    call.body = to_form(call.parameters);
    bbb::append_checksum(call.body, 0, target.checksum, call.name, target.secret);
  } else {
    bbb::append_checksum(text, mark + 1, target.checksum, call.name, target.secret);
  }
}

http::ClientRequest to_request(const Target& target, Call& call, const Url& base,
                               Timeouts timeouts) {
  http::ClientRequest request;
  constexpr std::size_t usual_query = 320;
  request.target.reserve(base.path.size() + call.name.size() + usual_query);
  request.target.append(base.path).append(call.name);
  request.url = base;
  put_parameters(request, target, call);
  request.headers.reserve(4);
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
  request.acts = !is_read(call.name);
  return request;
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
  std::string url = target.base_url;
  url.append(call).append("?");
  const std::size_t query = url.size();
  parameters.append_encoded(url);
  bbb::append_checksum(url, query, target.checksum, call, target.secret);
  return url;
}

std::string signed_url(const Backend& backend, const BackendSettings& settings,
                       std::string_view call, const bbb::Parameters& parameters,
                       std::string_view meeting_id) {
  constexpr std::size_t usual_query = 320;  // with the checksum
  std::string url;
  url.reserve(backend.host.size() + usual_query);
  url.append(backend.host).append(call).append("?");
  const std::size_t query = url.size();
  parameters.append_encoded_with(url, "meetingID", meeting_id);
  bbb::append_checksum(url, query, settings.checksum, call, backend.secret);
  return url;
}

bool Nodes::open(std::string_view backend_id) const {
  const auto found = breakers_.find(backend_id);
  return found != breakers_.end() && found->second.is_open(clock_().steady);
}

// Being slower than an impatient caller would like is no reason to keep other calls away.
void Nodes::note(const Subject& subject, bool counts, Breaker::Admission admission,
                 const CallResult& result) {
  const auto& backend_id = subject.backend_id;
  const bool reached = result || result.error().failure == CallFailure::garbage;
  if (reached) {
    breakers_.erase(backend_id);
  } else if (!counts) {
    if (const auto found = breakers_.find(backend_id); found != breakers_.end()) {
      found->second.note_nothing(admission);
    }
  } else if (breakers_[backend_id].note_failure(admission, clock_().steady)) {
    log::warn("calls to a backend do not get through", {{"request_id", subject.request_id},
                                                        {"backend_id", backend_id},
                                                        {"reason", result.error().detail}});
    if (observer_) observer_(backend_id);
  }
}

void Nodes::count(const Subject& subject, SteadyTime began, const CallResult& result) {
  const auto duration = clock_().steady - began;
  for (auto* each : {&statistics_.by_call[std::size_t(call_label(subject.call))],
                     &statistics_.by_backend[subject.backend_id]}) {
    each->duration.observe(duration);
    if (!result) each->failures.add(failure_label(result.error().failure));
  }
}

void Nodes::count_refused(const Subject& subject) {
  statistics_.by_call[std::size_t(call_label(subject.call))].failures.add(FailureLabel::not_tried);
  statistics_.by_backend[subject.backend_id].failures.add(FailureLabel::not_tried);
}

void Nodes::keep_statistics_of(const std::function<bool(const std::string&)>& exists) {
  std::erase_if(statistics_.by_backend, [&](const auto& each) { return !exists(each.first); });
}

// Parsing one costs more than the rest of a request; there are as many as there are nodes.
const std::expected<Url, std::string>& Nodes::address_of(const std::string& base_url) {
  constexpr std::size_t most_kept = 10'000;
  if (const auto found = addresses_.find(base_url); found != addresses_.end()) {
    return found->second;
  }
  if (addresses_.size() >= most_kept) addresses_.clear();
  return addresses_.emplace(base_url, parse_url(base_url)).first->second;
}

asio::awaitable<std::expected<NodeAnswer, CallError>> Nodes::call(
    const Target& target, Call call, std::optional<Timeouts> timeouts) {
  const auto patience = timeouts.value_or(timeouts_);
  const auto& address = address_of(target.base_url);
  std::expected<http::ClientRequest, CallError> request;
  if (address) {
    request = to_request(target, call, *address, patience);
  } else {
    request = std::unexpected(
        CallError{CallFailure::not_sent,
                  fmt::format("address of {}: {}", target.backend_id, address.error()), 0});
  }
  return send({target.backend_id, std::move(call.name), std::move(call.request_id)}, call.is_poll,
              patience, std::move(request));
}

asio::awaitable<std::expected<NodeAnswer, CallError>> Nodes::send(
    Subject subject, bool is_poll, Timeouts patience,
    std::expected<http::ClientRequest, CallError> request) {
  const auto& id = subject.backend_id;
  auto admission = Breaker::Admission::passed;
  if (const auto found = breakers_.find(id); found != breakers_.end() && !is_poll) {
    admission = found->second.admit(clock_().steady);
  }
  if (admission == Breaker::Admission::refused) {
    count_refused(subject);
    co_return std::unexpected(CallError{
        CallFailure::not_sent,
        fmt::format("{} to {}: not tried, the last calls did not get through", subject.call, id),
        0});
  }
  const auto began = clock_().steady;
  try {
    std::optional<Received> response;
    if (request) response.emplace(co_await sender_.send(std::move(*request)));
    auto result = !response             ? CallResult(std::unexpected(request.error()))
                  : is_large(*response) ? co_await read_aside(subject, *response, is_poll)
                                        : read(subject, *response, is_poll);
    const bool impatient = !result && result.error().failure == CallFailure::no_answer &&
                           patience.response < timeouts_.response;
    const bool is_ours = !result && result.error().evidence == Evidence::none;
    count(subject, began, result);
    note(subject, !is_poll && !impatient && !is_ours, admission, result);
    co_return result;
  } catch (...) {
    const auto found = breakers_.find(id);
    if (found != breakers_.end()) found->second.note_nothing(admission);
    throw;
  }
}

bool Nodes::is_large(const Received& response) const {
  return readers_ && response && response->body.size() >= large_answer_bytes;
}

asio::awaitable<Nodes::CallResult> Nodes::read_aside(const Subject& subject,
                                                     const Received& response, bool is_poll) {
  std::optional<CallResult> result;
  const auto read_here = [&]() -> asio::awaitable<void> {
    result = read(subject, response, is_poll);
    co_return;
  };
  co_await asio::co_spawn(*readers_, read_here, asio::use_awaitable);
  co_return std::move(*result);
}

Nodes::CallResult Nodes::read(const Subject& subject, const Received& response, bool is_poll) {
  if (!response) {
    return std::unexpected(CallError{
        to_call_failure(response.error().failure),
        fmt::format("{} to {}: {}", subject.call, subject.backend_id, response.error().detail), 0,
        evidence_of(response.error().failure)});
  }
  if (response->status != 200) {
    return std::unexpected(garbage(subject, *response, "not a BBB answer"));
  }
  auto answer = bbb::Answer::parse(response->body);
  if (!answer) {
    const bool malformed = answer.error() == bbb::XmlError::malformed;
    return std::unexpected(
        garbage(subject, *response, malformed ? "not well-formed XML" : "not a BBB answer"));
  }
  std::vector<bbb::NodeMeeting> meetings;
  if (is_poll && answer->success()) meetings = answer->meetings();
  return CallResult(std::in_place, std::move(*answer), response->status, std::move(meetings));
}

CallError Nodes::garbage(const Subject& subject, const http::ClientResponse& response,
                         std::string_view why) {
  return {CallFailure::garbage,
          fmt::format("{} from {}: {} (status {}, {})", subject.call, subject.backend_id, why,
                      response.status, printable_content_type(response)),
          response.status};
}

}  // namespace b3::node
