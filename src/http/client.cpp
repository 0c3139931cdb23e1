#include "http/client.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <map>
#include <utility>

#include "http/client_stream.h"
#include "http/response_parser.h"

namespace b3::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto as_awaitable_tuple = asio::as_tuple(asio::use_awaitable);
constexpr int max_interim_answers = 16;
constexpr std::size_t read_size = 8 * 1024;
constexpr std::size_t small_body_bytes = 64 * 1024;  // sent together with the head

ClientFailure classify(const error_code& error) {
  if (error == asio::error::timed_out) return ClientFailure::timeout;
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

// Both without branches per character, so that they vectorise.
bool is_visible(std::string_view text) {
  bool visible = true;
  for (const char c : text) visible &= c > 0x20 && c < 0x7f;
  return visible;
}

bool is_text(std::string_view text) {
  bool clean = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    clean &= (byte >= 0x20 || byte == '\t') && byte != 0x7f;
  }
  return clean;
}

bool is_sendable(const ClientRequest& request) {
  return is_token(request.method) && request.target.starts_with('/') &&
         is_visible(request.target) && !request.url.host.empty() &&
         std::ranges::all_of(request.headers, [](const Header& header) {
           return is_token(header.name) && is_text(header.value);
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

// With the body, if that is small.
std::string head_of(const ClientRequest& request, const std::string& user_agent) {
  std::string head;
  head.reserve(request.target.size() + 512);
  head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nHost: ");
  head.append(request.url.authority()).append("\r\nUser-Agent: ").append(user_agent);
  head += "\r\nConnection: keep-alive\r\n";
  for (const Header& header : request.headers) {
    if (is_our_own(header.name)) continue;
    head.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  head += "\r\n";
  if (request.body.size() <= small_body_bytes) head += request.body;
  return head;
}

// What became of one attempt on one connection.
struct Exchange {
  error_code error;
  ClientResponse response;
  std::size_t sent = 0;   // bytes of the request handed to the system
  bool answered = false;  // at least one byte came back
  bool reusable = false;
};

// Both write and read try before they wait on a plain socket: most often there is no need to.
template <typename Stream>
asio::awaitable<error_code> write_all(Stream& stream, std::string_view bytes, std::size_t& sent) {
  while (!bytes.empty()) {
    error_code error;
    std::size_t size = 0;
    if constexpr (std::is_same_v<Stream, Socket>) {
      size = stream.write_some(asio::buffer(bytes), error);
      if (error == asio::error::would_block) {
        std::tie(error) = co_await stream.async_wait(Socket::Side::write, as_awaitable_tuple);
      }
    } else {
      std::tie(error, size) =
          co_await stream.async_write_some(asio::buffer(bytes), as_awaitable_tuple);
    }
    sent += size;
    bytes.remove_prefix(size);
    if (error) co_return error;
  }
  co_return error_code();
}

// Until the parser is done. What is left over stays in `input`.
template <typename Stream>
asio::awaitable<error_code> read_answer(Stream& stream, InputBuffer& input,
                                        ResponseParser& parser) {
  for (;;) {
    error_code error;
    input.consume(parser.parse(input.view(), error));
    if (error || parser.is_done()) co_return error;
    const InputBuffer::Space space = input.prepare(read_size);
    const asio::mutable_buffer buffer(space.data, space.size);
    std::size_t size = 0;
    if constexpr (std::is_same_v<Stream, Socket>) {
      size = stream.read_some(buffer, error);
      if (error == asio::error::would_block) {
        std::tie(error) = co_await stream.async_wait(Socket::Side::read, as_awaitable_tuple);
      }
    } else {
      std::tie(error, size) = co_await stream.async_read_some(buffer, as_awaitable_tuple);
    }
    input.commit(size);
    if (error == asio::error::eof) co_return parser.parse_end();
    if (error) co_return error;
  }
}

template <typename Stream>
asio::awaitable<Exchange> exchange_over(ClientStream& connection, Stream& stream,
                                        const ClientRequest& request, const std::string& head) {
  Exchange result;
  error_code write_error = co_await write_all(stream, head, result.sent);
  if (!write_error && request.body.size() > small_body_bytes) {
    write_error = co_await write_all(stream, request.body, result.sent);
  }
  result.error = write_error = connection.why(write_error);
  // A peer may refuse a body by answering and closing before it has read it all.
  if (write_error == asio::error::timed_out || (write_error && result.sent == 0)) co_return result;

  for (int interim = 0; interim <= max_interim_answers; ++interim) {
    ResponseParser parser(result.response, request.method == "HEAD", request.max_body);
    result.error = connection.why(co_await read_answer(stream, connection.input, parser));
    result.answered = result.answered || parser.begun();
    if (result.error) break;
    if (result.response.status / 100 == 1) {
      // Nobody asked to switch protocols.
      if (result.response.status == 101) break;
      result.response = {};
      continue;
    }
    result.reusable = !write_error && parser.leaves_open() && connection.input.empty();
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
        resolver(the_loop),
        deadlines(std::make_shared<Deadlines>(the_loop)) {}

  static asio::awaitable<Result> send(std::shared_ptr<State> self, ClientRequest request);
  asio::awaitable<Result> attempt(const ClientRequest& request, bool& sent);
  StreamPointer take_idle(const std::string& origin);
  void keep(const std::string& origin, StreamPointer stream);
  void drop_old();

  asio::io_context& loop;
  const ClientOptions options;
  asio::ssl::context tls;
  Resolver resolver;
  const std::shared_ptr<Deadlines> deadlines;
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
  stream->expires_never();
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
      auto opened = co_await open_stream(loop, deadlines, resolver, tls, request.url,
                                         Clock::now() + request.connect_timeout);
      if (!opened) co_return std::unexpected(opened.error());
      stream = std::move(*opened);
    }
    stream->expires_at(Clock::now() + request.response_timeout);
    const bool sent_before = std::exchange(sent, true);
    Exchange exchange = stream->tls ? co_await exchange_over(*stream, *stream->tls, request, head)
                                    : co_await exchange_over(*stream, *stream->tcp, request, head);
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
  // Nothing was handed over, however far the connection had come.
  if (!result && !sent && result.error().failure == ClientFailure::broken) {
    result.error().failure = ClientFailure::connect;
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
