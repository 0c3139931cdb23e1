#include "http/client.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <utility>

#include "http/client_stream.h"

namespace b3::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto as_awaitable_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t max_header_bytes = 64 * 1024;
constexpr int max_interim_answers = 16;

ClientFailure classify(const error_code& error) {
  if (error == beast::error::timeout) return ClientFailure::timeout;
  if (error == wire::error::body_limit) return ClientFailure::too_large;
  if (error == wire::error::end_of_stream || error == wire::error::partial_message) {
    return ClientFailure::broken;
  }
  const bool is_about_http = error.category() == error_code(wire::error::bad_version).category();
  return is_about_http ? ClientFailure::malformed : ClientFailure::broken;
}

std::string_view describe(ClientFailure failure) {
  switch (failure) {
    case ClientFailure::timeout:
      return "no complete answer in time";
    case ClientFailure::too_large:
      return "the answer is too large";
    case ClientFailure::malformed:
      return "the answer is not HTTP";
    default:
      return "the connection broke";
  }
}

ClientError failed(const Url& url, const error_code& error) {
  const ClientFailure failure = classify(error);
  std::string detail = url.authority() + ": ";
  detail += describe(failure);
  if (failure == ClientFailure::broken || failure == ClientFailure::malformed) {
    detail += " (" + error.message() + ')';
  }
  return {failure, std::move(detail)};
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
  });
}

bool is_sendable(const ClientRequest& request) {
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  const auto is_text = [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  };
  return is_token(request.method) && request.target.starts_with('/') &&
         std::ranges::all_of(request.target, is_visible) && !request.url.host.empty() &&
         std::ranges::all_of(request.headers, [&](const Header& header) {
           return is_token(header.name) && std::ranges::all_of(header.value, is_text);
         });
}

bool is_our_own(std::string_view name) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"Host", "Content-Length", "Connection", "User-Agent",
                                              "Transfer-Encoding"},
      [name](std::string_view own) {
        return beast::iequals({own.data(), own.size()}, {name.data(), name.size()});
      });
}

std::string head_of(const ClientRequest& request, const std::string& user_agent) {
  std::string head = request.method + ' ' + request.target +
                     " HTTP/1.1\r\nHost: " + request.url.authority() +
                     "\r\nUser-Agent: " + user_agent + "\r\nConnection: keep-alive\r\n";
  for (const Header& header : request.headers) {
    if (!is_our_own(header.name)) head += header.name + ": " + header.value + "\r\n";
  }
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return head += "\r\n";
}

// What became of one attempt on one connection.
struct Exchange {
  error_code error;
  ClientResponse response;
  std::size_t sent = 0;   // bytes of the request handed to the system
  bool answered = false;  // at least one byte came back
  bool reusable = false;
};

using ResponseParser = wire::response_parser<wire::string_body>;

void take_response(ResponseParser& parser, ClientResponse& response) {
  auto message = parser.release();
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    response.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  response.body = std::move(message.body());
}

template <typename Stream>
asio::awaitable<Exchange> exchange_over(Stream& stream, const ClientRequest& request,
                                        const std::string& head) {
  Exchange result;
  const std::array<asio::const_buffer, 2> bytes{asio::buffer(head), asio::buffer(request.body)};
  error_code write_error;
  std::tie(write_error, result.sent) =
      co_await asio::async_write(stream, bytes, as_awaitable_tuple);
  result.error = write_error;
  // A peer may refuse a body by answering and closing before it has read it all.
  if (write_error == beast::error::timeout || (write_error && result.sent == 0)) co_return result;

  beast::flat_buffer buffer;
  for (int interim = 0; interim <= max_interim_answers; ++interim) {
    ResponseParser parser;
    parser.header_limit(max_header_bytes);
    parser.body_limit(request.max_body);
    parser.skip(request.method == "HEAD");
    std::size_t size = 0;
    std::tie(result.error, size) =
        co_await wire::async_read_header(stream, buffer, parser, as_awaitable_tuple);
    result.answered = result.answered || size > 0 || buffer.size() > 0 || parser.got_some();
    if (result.error) break;
    if (parser.get().result_int() / 100 == 1) {
      // Nobody asked to switch protocols.
      if (parser.get().result_int() == 101) break;
      continue;
    }
    if (!parser.is_done()) {
      std::tie(result.error, size) =
          co_await wire::async_read(stream, buffer, parser, as_awaitable_tuple);
      if (result.error) break;
    }
    result.reusable =
        !write_error && parser.keep_alive() && !parser.need_eof() && buffer.size() == 0;
    take_response(parser, result.response);
    co_return result;
  }
  if (!result.error) result.error = wire::error::bad_status;
  if (write_error && !result.answered) result.error = write_error;
  co_return result;
}

}  // namespace

std::string_view to_string(ClientFailure failure) {
  switch (failure) {
    case ClientFailure::connect:
      return "connect";
    case ClientFailure::tls:
      return "tls";
    case ClientFailure::timeout:
      return "timeout";
    case ClientFailure::broken:
      return "broken";
    case ClientFailure::malformed:
      return "malformed";
    case ClientFailure::too_large:
      return "too_large";
  }
  return "unknown";
}

using Result = std::expected<ClientResponse, ClientError>;
using StreamPointer = std::unique_ptr<ClientStream>;

struct Client::State {
  State(asio::io_context& the_loop, ClientOptions the_options)
      : loop(the_loop),
        options(std::move(the_options)),
        tls(make_tls_context(options.ca_file)),
        resolver(the_loop) {}

  static asio::awaitable<Result> send(std::shared_ptr<State> self, ClientRequest request);
  asio::awaitable<Result> attempt(const ClientRequest& request, bool& sent);
  StreamPointer take_idle(const std::string& origin);
  void keep(const std::string& origin, StreamPointer stream);
  void drop_old();

  asio::io_context& loop;
  const ClientOptions options;
  asio::ssl::context tls;
  Resolver resolver;
  std::map<std::string, std::vector<StreamPointer>> idle;  // oldest first
  Clock::time_point last_drop = Clock::now();
};

StreamPointer Client::State::take_idle(const std::string& origin) {
  drop_old();
  const auto found = idle.find(origin);
  if (found == idle.end()) return nullptr;
  while (!found->second.empty()) {
    StreamPointer stream = std::move(found->second.back());
    found->second.pop_back();
    if (Clock::now() - stream->idle_since < options.idle_timeout && stream->is_alive()) {
      return stream;
    }
  }
  return nullptr;
}

void Client::State::keep(const std::string& origin, StreamPointer stream) {
  std::vector<StreamPointer>& streams = idle[origin];
  if (streams.size() >= options.idle_per_origin) return;
  stream->tcp.expires_never();
  stream->idle_since = Clock::now();
  streams.push_back(std::move(stream));
}

void Client::State::drop_old() {
  const auto now = Clock::now();
  if (now - last_drop < std::chrono::seconds(1)) return;
  last_drop = now;
  for (auto& [origin, streams] : idle) {
    std::erase_if(streams, [&](const StreamPointer& stream) {
      return now - stream->idle_since >= options.idle_timeout;
    });
  }
  std::erase_if(idle, [](const auto& item) { return item.second.empty(); });
}

asio::awaitable<Result> Client::State::attempt(const ClientRequest& request, bool& sent) {
  const std::string origin = request.url.origin();
  const std::string head = head_of(request, options.user_agent);
  StreamPointer stream = take_idle(origin);
  for (bool fresh = stream == nullptr;; fresh = true) {
    if (fresh) {
      auto opened = co_await open_stream(loop, resolver, tls, request.url,
                                         Clock::now() + request.connect_timeout);
      if (!opened) co_return std::unexpected(opened.error());
      stream = std::move(*opened);
    }
    stream->tcp.expires_after(request.response_timeout);
    const bool sent_before = std::exchange(sent, true);
    Exchange exchange = stream->tls ? co_await exchange_over(*stream->tls, request, head)
                                    : co_await exchange_over(stream->tcp, request, head);
    sent = sent_before || exchange.sent > 0;
    if (!exchange.error) {
      if (exchange.reusable) keep(origin, std::move(stream));
      co_return std::move(exchange.response);
    }
    const bool was_closed =
        !fresh && !exchange.answered && classify(exchange.error) == ClientFailure::broken;
    if (!was_closed) co_return std::unexpected(failed(request.url, exchange.error));
  }
}

asio::awaitable<Result> Client::State::send(std::shared_ptr<State> self, ClientRequest request) {
  bool sent = false;
  Result result = std::unexpected(ClientError{});
  try {
    if (!is_sendable(request)) {
      co_return std::unexpected(
          ClientError{ClientFailure::connect, "not a request that can be sent"});
    }
    result = co_await self->attempt(request, sent);
  } catch (const std::exception& error) {
    result = std::unexpected(ClientError{ClientFailure::connect, error.what()});
  }
  // The first attempt may have reached the peer although the second one did not.
  if (!result && sent && !result.error().request_sent()) {
    result.error().failure = ClientFailure::broken;
  }
  co_return result;
}

Client::Client(asio::io_context& loop, ClientOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

Client::~Client() = default;

asio::awaitable<Result> Client::send(ClientRequest request) {
  return State::send(state_, std::move(request));
}

}  // namespace b3::http
