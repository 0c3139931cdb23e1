#include "http/response_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/impl/basic_parser.hpp>

namespace b3::http {

using Failure = boost::beast::http::error;

ResponseParser::ResponseParser(ClientResponse& target, bool to_head_request, std::size_t max_body)
    : target_(target) {
  header_limit(max_header_bytes);
  body_limit(max_body);
  skip(to_head_request);
  eager(true);
}

std::size_t ResponseParser::parse(std::string_view data, Error& error) {
  error = {};
  // No chunked body ends within fewer bytes than "0 CRLF CRLF", and Beast asserts that it is not
  // given fewer once it has seen the last chunk's line.
  constexpr std::size_t least_chunked_end = 5;
  if (data.empty() || (head_done_ && chunked() && data.size() < least_chunked_end)) return 0;
  begun_ = true;
  const bool in_head = !head_done_;
  std::size_t used = put({data.data(), data.size()}, error);
  const bool needs_more = error == Failure::need_more;
  if (needs_more) error = {};
  (in_head ? head_size_ : body_wire_size_) += used;
  if (!error) error = check_bounds(needs_more, data.size() - used);
  return used;
}

ResponseParser::Error ResponseParser::check_bounds(bool needs_more, std::size_t unused) const {
  if (!head_done_) {
    return head_size_ + unused >= max_header_bytes ? Failure::header_limit : Error{};
  }
  if (!chunked()) return {};
  if (needs_more && unused >= max_chunk_line) return Failure::bad_chunk;
  const std::size_t body = target_.body.size();
  const bool is_padded = body_wire_size_ > body + max_framing + max_framing_per_byte * body;
  return is_padded ? Failure::bad_chunk : Error{};
}

ResponseParser::Error ResponseParser::parse_end() {
  Error error;
  if (!begun_) return Failure::end_of_stream;
  if (!head_done_) return Failure::partial_message;
  put_eof(error);
  return error;
}

void ResponseParser::on_response_impl(int status, View, int, Error& error) {
  target_.status = status;
  target_.headers.reserve(16);
  error = {};
}

void ResponseParser::on_field_impl(Field, View name, View value, Error& error) {
  error = {};
  if (++fields_ > max_headers) {
    error = Failure::header_limit;
    return;
  }
  if (head_done_) return;  // trailers must not pass for headers
  target_.headers.push_back(
      {std::string(name.data(), name.size()), std::string(value.data(), value.size())});
}

void ResponseParser::on_header_impl(Error& error) {
  head_done_ = true;
  error = {};
}

void ResponseParser::on_body_init_impl(boost::optional<std::uint64_t> const& size, Error& error) {
  constexpr std::uint64_t trusted = 1024 * 1024;  // what a peer announces may never come
  if (size) target_.body.reserve(static_cast<std::size_t>(std::min(*size, trusted)));
  error = {};
}

std::size_t ResponseParser::on_body_impl(View data, Error& error) {
  target_.body.append(data.data(), data.size());
  error = {};
  return data.size();
}

std::size_t ResponseParser::on_chunk_body_impl(std::uint64_t, View data, Error& error) {
  return on_body_impl(data, error);
}

}  // namespace b3::http
