#include "http/client.h"

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <compare>
#include <map>
#include <tuple>
#include <utility>

#include "http/client_exchange.h"
#include "http/client_stream.h"

namespace b3::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

ClientFailure classify(const error_code& error) {
  if (error == asio::error::timed_out) return ClientFailure::timeout;
  if (is_local(error)) return ClientFailure::local;  // if nothing was sent; see send()
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
    case ClientFailure::local:
      return "out of descriptors, ports or memory here";
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

constexpr std::array<bool, 256> token_characters = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x21; c < 0x7f; ++c) table[c] = true;
  for (const char c : std::string_view("()<>@,;:\\\"/[]?={}")) {
    table[static_cast<unsigned char>(c)] = false;
  }
  return table;
}();

bool is_token(std::string_view text) {
  bool plain = !text.empty();
  for (const char c : text) plain &= token_characters[static_cast<unsigned char>(c)];
  return plain;
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

bool is_repeatable(const ClientRequest& request) {
  return !request.acts && (request.method == "GET" || request.method == "HEAD");
}

// How much of the body head_of() adds.
std::size_t head_body_size(const ClientRequest& request) {
  return request.body.size() <= small_body_bytes ? request.body.size() : 0;
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

}  // namespace

std::string_view to_string(ClientFailure failure) {
  switch (failure) {
    case ClientFailure::connect:
      return "connect";
    case ClientFailure::tls:
      return "tls";
    case ClientFailure::look_up:
      return "look_up";
    case ClientFailure::local:
      return "local";
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

// Whom a connection leads to.
struct Origin {
  explicit Origin(const Url& url) : host(url.host), port(url.port), tls(url.tls) {}
  friend auto operator<=>(const Origin&, const Origin&) = default;
  friend auto operator<=>(const Origin& origin, const Url& url) {
    return std::tie(origin.host, origin.port, origin.tls) <=> std::tie(url.host, url.port, url.tls);
  }
  friend bool operator==(const Origin& origin, const Url& url) { return origin <=> url == 0; }

  std::string host;
  std::uint16_t port;
  bool tls;
};

struct Client::State {
  State(asio::io_context& the_loop, ClientOptions the_options)
      : loop(the_loop),
        options(std::move(the_options)),
        tls(make_tls_context(options.ca_file)),
        resolver(the_loop),
        deadlines(std::make_shared<Deadlines>(the_loop)) {}

  static asio::awaitable<Result> send(std::shared_ptr<State> self, ClientRequest request);
  StreamPointer take_idle(const Url& url, Clock::time_point now);
  void keep(const Url& url, StreamPointer stream);
  void drop_old(Clock::time_point now);

  asio::io_context& loop;
  const ClientOptions options;
  asio::ssl::context tls;
  Resolver resolver;
  const std::shared_ptr<Deadlines> deadlines;
  std::map<Origin, std::vector<StreamPointer>, std::less<>> idle;  // oldest first
  Clock::time_point last_drop = Clock::now();
};

StreamPointer Client::State::take_idle(const Url& url, Clock::time_point now) {
  drop_old(now);
  const auto found = idle.find(url);
  if (found == idle.end()) return nullptr;
  while (!found->second.empty()) {
    StreamPointer stream = std::move(found->second.back());
    found->second.pop_back();
    if (now - stream->idle_since < options.idle_timeout && stream->is_alive()) return stream;
  }
  return nullptr;
}

void Client::State::keep(const Url& url, StreamPointer stream) {
  auto found = idle.find(url);
  if (found == idle.end()) found = idle.try_emplace(Origin(url)).first;
  std::vector<StreamPointer>& streams = found->second;
  if (streams.size() >= options.idle_per_origin) return;
  stream->expires_never();
  stream->idle_since = Clock::now();
  streams.push_back(std::move(stream));
}

void Client::State::drop_old(Clock::time_point now) {
  if (now - last_drop < std::chrono::seconds(1)) return;
  last_drop = now;
  for (auto& [origin, streams] : idle) {
    std::erase_if(streams, [&](const StreamPointer& stream) {
      return now - stream->idle_since >= options.idle_timeout;
    });
  }
  std::erase_if(idle, [](const auto& item) { return item.second.empty(); });
}

// What an attempt, or two, came to. `sent`: the peer may have seen something.
Result conclude(Result result, bool sent) {
  // Nothing was handed over, however far the connection had come.
  if (!result && !sent && result.error().failure == ClientFailure::broken) {
    result.error().failure = ClientFailure::connect;
  }
  // The first attempt may have reached the peer although the second one did not.
  if (!result && sent && !result.error().request_sent()) {
    result.error().failure = ClientFailure::broken;
  }
  return result;
}

// One coroutine for it all, so that a call on a kept connection costs few allocations.
asio::awaitable<Result> Client::State::send(std::shared_ptr<State> self, ClientRequest request) {
  bool sent = false;
  try {
    if (!is_sendable(request)) {
      co_return std::unexpected(
          ClientError{ClientFailure::connect, "not a request that can be sent"});
    }
    const std::string head = head_of(request, self->options.user_agent);
    auto now = Clock::now();
    StreamPointer stream = self->take_idle(request.url, now);
    for (bool fresh = stream == nullptr;; fresh = true) {
      if (fresh) {
        auto opened = co_await open_stream(self->loop, self->deadlines, self->resolver, self->tls,
                                           request.url, Clock::now() + request.connect_timeout);
        if (!opened) co_return conclude(std::unexpected(opened.error()), sent);
        stream = std::move(*opened);
        now = Clock::now();
      }
      stream->expires_at(now + request.response_timeout);
      const bool sent_before = std::exchange(sent, true);
      Exchange exchange = co_await exchange_over(*stream, request, head);
      sent = sent_before || exchange.sent > 0;
      if (!exchange.error) {
        if (exchange.reusable) self->keep(request.url, std::move(stream));
        co_return std::move(exchange.response);
      }
      const bool was_closed =
          !fresh && !exchange.answered && classify(exchange.error) == ClientFailure::broken;
      // Nobody can have acted on a part of a head.
      const bool may_repeat =
          is_repeatable(request) || exchange.sent < head.size() - head_body_size(request);
      if (!was_closed || !may_repeat) {
        co_return conclude(std::unexpected(failed(request.url, exchange.error)), sent);
      }
    }
  } catch (const std::exception& error) {
    // Peers throw nothing.
    co_return conclude(std::unexpected(ClientError{ClientFailure::local, error.what()}), sent);
  }
}

Client::Client(asio::io_context& loop, ClientOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

Client::~Client() = default;

asio::awaitable<Result> Client::send(ClientRequest request) {
  return State::send(state_, std::move(request));
}

}  // namespace b3::http
