#include "http/client_exchange.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <tuple>
#include <type_traits>

#include "http/response_parser.h"

namespace b3::http {

namespace asio = boost::asio;
namespace wire = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr auto as_awaitable_tuple = asio::as_tuple(asio::use_awaitable);
constexpr int max_interim_answers = 16;
constexpr std::size_t read_size = 8 * 1024;

using Tls = ClientStream::Tls;

// What a socket does without waiting: nearly always all of it. error::would_block: not everything.
error_code write_now(Socket& socket, std::string_view& bytes, std::size_t& sent) {
  error_code error;
  while (!bytes.empty() && !error) {
    const std::size_t size = socket.write_some(asio::buffer(bytes), error);
    sent += size;
    bytes.remove_prefix(size);
  }
  return error;
}

error_code write_now(Tls&, std::string_view& bytes, std::size_t&) {
  return bytes.empty() ? error_code() : asio::error::would_block;
}

asio::awaitable<error_code> write_rest(Socket& socket, std::string_view bytes, std::size_t& sent) {
  for (;;) {
    const auto [broken] = co_await socket.async_wait(Socket::Side::write, as_awaitable_tuple);
    if (broken) co_return broken;
    const error_code error = write_now(socket, bytes, sent);
    if (error != asio::error::would_block) co_return error;
  }
}

asio::awaitable<error_code> write_rest(Tls& stream, std::string_view bytes, std::size_t& sent) {
  while (!bytes.empty()) {
    const auto [error, size] =
        co_await stream.async_write_some(asio::buffer(bytes), as_awaitable_tuple);
    sent += size;
    bytes.remove_prefix(size);
    if (error) co_return error;
  }
  co_return error_code();
}

// Both read until the parser is done; what is left over stays in `input`. would_block: nothing more
// is there now.
error_code read_now(Socket& socket, InputBuffer& input, ResponseParser& parser) {
  for (;;) {
    error_code error;
    input.consume(parser.parse(input.view(), error));
    if (error || parser.is_done()) return error;
    const InputBuffer::Space space = input.prepare(read_size);
    input.commit(socket.read_some(asio::mutable_buffer(space.data, space.size), error));
    if (error == asio::error::eof) return parser.parse_end();
    if (error) return error;
  }
}

asio::awaitable<error_code> read_all(Tls& stream, InputBuffer& input, ResponseParser& parser) {
  for (;;) {
    error_code error;
    input.consume(parser.parse(input.view(), error));
    if (error || parser.is_done()) co_return error;
    const InputBuffer::Space space = input.prepare(read_size);
    const auto [broken, size] = co_await stream.async_read_some(
        asio::mutable_buffer(space.data, space.size), as_awaitable_tuple);
    input.commit(size);
    if (broken == asio::error::eof) co_return parser.parse_end();
    if (broken) co_return broken;
  }
}

template <typename Stream>
asio::awaitable<Exchange> exchange_on(ClientStream& connection, Stream& stream,
                                      const ClientRequest& request, const std::string& head) {
  Exchange result;
  error_code write_error;
  const bool body_apart = request.body.size() > small_body_bytes;
  for (std::string_view bytes : {std::string_view(head), std::string_view(request.body)}) {
    write_error = write_now(stream, bytes, result.sent);
    if (write_error == asio::error::would_block) {
      write_error = co_await write_rest(stream, bytes, result.sent);
    }
    if (write_error || !body_apart) break;
  }
  result.error = write_error = connection.why(write_error);
  // A peer may refuse a body by answering and closing before it has read it all.
  if (write_error == asio::error::timed_out || (write_error && result.sent == 0)) co_return result;

  for (int interim = 0; interim <= max_interim_answers; ++interim) {
    ResponseParser parser(result.response, request.method == "HEAD", request.max_body);
    if constexpr (std::is_same_v<Stream, Tls>) {
      result.error = co_await read_all(stream, connection.input, parser);
    } else {
      result.error = read_now(stream, connection.input, parser);
      while (result.error == asio::error::would_block) {
        std::tie(result.error) = co_await stream.async_wait(Socket::Side::read, as_awaitable_tuple);
        if (!result.error) result.error = read_now(stream, connection.input, parser);
      }
    }
    result.error = connection.why(result.error);
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

asio::awaitable<Exchange> exchange_over(ClientStream& connection, const ClientRequest& request,
                                        const std::string& head) {
  if (connection.tls) return exchange_on(connection, *connection.tls, request, head);
  return exchange_on(connection, *connection.tcp, request, head);
}

}  // namespace b3::http
