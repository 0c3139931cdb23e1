#include "sim/sim_node.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/encoding.h"
#include "sim/xml.h"

namespace b3::sim {
namespace {

namespace asio = boost::asio;

constexpr milliseconds longest_hang{600'000};
constexpr std::size_t max_body_bytes = std::size_t{32} << 20;
constexpr std::string_view client_path = "/html5client/join";

std::string bracketed(const std::string& host) {
  return host.contains(':') ? "[" + host + "]" : host;
}

void fill_page(http::Response& response, int status, std::string body) {
  response.status = status;
  response.headers = {{"Content-Type", "text/html;charset=utf-8"}};
  response.body = std::move(body);
}

void fill_xml(http::Response& response, std::string xml) {
  response.status = 200;
  response.headers = {{"Content-Type", "text/xml;charset=utf-8"}};
  response.body = std::move(xml);
}

std::string error_page(int status) {
  return fmt::format(
      "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} {1}</h1>"
      "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
      status, http::reason_phrase(status));
}

http::Response aborted() {
  http::Response response;
  response.abort = true;
  return response;
}

// What a call counts as, in faults and figures; unknown ones together, so that figures stay small.
std::string_view counted_name(std::string_view call) {
  if (call.empty()) return "index";
  return is_known_call(call) ? call : std::string_view("unknown");
}

}  // namespace

std::optional<std::string_view> api_call(std::string_view path) {
  constexpr std::string_view base = "/bigbluebutton/api";
  if (!path.starts_with(base)) return std::nullopt;
  path.remove_prefix(base.size());
  if (path.empty()) return path;
  if (path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  return path.contains('/') ? std::nullopt : std::optional(path);
}

http::Response distort(const Treatment& treatment, http::Response response,
                       std::size_t oversized_bytes) {
  switch (treatment.mode) {
    case FaultMode::ok:
      break;
    case FaultMode::hang:
    case FaultMode::close:
      return aborted();
    case FaultMode::garbage:
      fill_page(response, 200, "<html><head><title>It works!</title><body><p>Not what you want");
      break;
    case FaultMode::truncated:
      response.truncate_to = response.body.size() / 2;
      break;
    case FaultMode::http_status:
      fill_page(response, treatment.status, error_page(treatment.status));
      break;
    case FaultMode::failed:
      fill_xml(response, failed_xml({"internalError", "Something went wrong inside the node."}));
      break;
    case FaultMode::oversized:
      fill_xml(response, oversized_xml(oversized_bytes));
      break;
    case FaultMode::wrong_checksum:
      fill_xml(response, checksum_error().xml);
      break;
  }
  return response;
}

SimNode::SimNode(asio::io_context& loop, SimNodeOptions options)
    : loop_(loop),
      options_(std::move(options)),
      address_{.origin = {}, .secret = options_.secret},
      port_(options_.port),
      random_(options_.seed),
      state_(options_.name, options_.seed ^ 0x9e3779b97f4a7c15) {
  adopt(options_.faults);
  if (!options_.redis) return;
  state_.records_events = true;
  publisher_.emplace(*options_.redis);
}

void SimNode::start() {
  if (server_) return;
  const std::string host = bracketed(options_.host);
  auto server = std::make_unique<http::Server>(loop_, *this);
  server->listen(fmt::format("{}:{}", host, port_));
  port_ = server->port();
  address_.origin = fmt::format("http://{}:{}", host, port_);
  server_ = std::move(server);
}

void SimNode::stop(bool lose) {
  if (server_) server_->stop();
  server_.reset();
  wake(*hanging_);
  wake(*delayed_);
  if (lose) state_.lose_all_meetings();
}

std::expected<void, std::string> SimNode::set_faults(std::string_view json) {
  auto faults = parse_faults(json, options_.faults);
  if (!faults) return std::unexpected(std::move(faults.error()));
  adopt(*std::move(faults));
  return {};
}

void SimNode::reset_faults() {
  adopt(options_.faults);
}

void SimNode::adopt(Faults faults) {
  faults_ = std::move(faults);
  state_.settings = faults_.settings;
  wake(*hanging_);
}

NodeFigures SimNode::figures() const {
  NodeFigures figures = figures_;
  if (server_) {
    figures.open_connections = server_->open_connections();
    figures.running_requests = server_->running_requests();
  }
  return figures;
}

bool SimNode::answer_now(const http::Request& request, http::Response& response) {
  const auto call = api_call(request.path());
  if (!call) {
    const auto page = request.path() == client_path
                          ? client_page(state_, request.query(), read_clocks())
                          : std::nullopt;
    fill_page(response, page ? 200 : 404, page.value_or(error_page(404)));
    return true;
  }
  if (request.has_body || touches(faults_, counted_name(*call))) return false;
  ++figures_.calls[std::string(counted_name(*call))];
  work(request, *call, {}, response);
  return true;
}

asio::awaitable<http::Response> SimNode::answer(const http::Request& request,
                                                http::BodyReader& body_reader) {
  const std::string call(*api_call(request.path()));
  ++figures_.calls[std::string(counted_name(call))];
  std::string body;
  if (request.has_body) {
    auto read = co_await body_reader.read_all(max_body_bytes);
    if (!read) {
      http::Response response;
      fill_page(response, 413, error_page(413));
      response.abort = read.error() != http::BodyError::too_large;
      co_return response;
    }
    body = *std::move(read);
  }
  const Treatment treatment = take_treatment(faults_, counted_name(call), random_);
  if (!co_await wait(loop_, delayed_, treatment.wait_before)) co_return aborted();
  http::Response response;
  if (treatment.effect) work(request, call, body, response);
  if (!co_await wait(loop_, delayed_, treatment.wait_after)) co_return aborted();
  if (treatment.mode == FaultMode::hang) co_await wait(loop_, hanging_, longest_hang);
  co_return distort(treatment, std::move(response), faults_.oversized_bytes);
}

void SimNode::publish_events() {
  if (!publisher_) return;
  for (const StateEvent& event : state_.take_events()) {
    for (auto& text : distort(event_quirks_, to_messages(event))) {
      publisher_->publish(std::string(event_channel), std::move(text));
    }
  }
}

void SimNode::set_events(const EventSettings& settings) {
  event_quirks_ = settings.quirks;
  if (settings.reconnect && publisher_) publisher_->reconnect();
}

void SimNode::work(const http::Request& request, std::string_view call, std::string_view body,
                   http::Response& response) {
  CallReply reply = answer_call(state_, address_,
                                {.name = call,
                                 .query = request.query(),
                                 .body = body,
                                 .content_type = request.content_type()},
                                read_clocks());
  publish_events();
  if (reply.location.empty()) return fill_xml(response, std::move(reply.xml));
  response.status = 302;
  const std::string session = digest_hex(HashAlgorithm::sha1, reply.session_token).substr(0, 32);
  response.headers = {{"Location", std::move(reply.location)},
                      {"Set-Cookie", "JSESSIONID=" + session + "; Path=/bigbluebutton; HttpOnly"}};
}

asio::awaitable<bool> SimNode::wait(asio::io_context& loop, std::shared_ptr<Waiting> waiting,
                                    milliseconds time) {
  if (time.count() <= 0) co_return true;
  asio::steady_timer timer(loop, time);
  struct Entry {
    Waiting& set;
    asio::steady_timer* timer;
    ~Entry() { set.erase(timer); }
  };
  waiting->insert(&timer);
  const Entry entry{*waiting, &timer};
  const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return !error;
}

void SimNode::wake(const Waiting& waiting) {
  for (asio::steady_timer* timer : waiting) timer->cancel();
}

}  // namespace b3::sim
