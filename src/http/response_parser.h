// Reads one response (RFC 9112) from bytes. Pure: no I/O, no clock. Boost.Beast does the work;
// what it does not bound is bounded here.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/client.h"

namespace b3::http {

class ResponseParser final : private boost::beast::http::basic_parser<false> {
 public:
  using Error = boost::beast::error_code;
  // What a hostile peer may send. More of anything is an error.
  static constexpr std::uint32_t max_header_bytes = 64 * 1024;
  static constexpr std::size_t max_headers = 256;  // trailers included
  // One chunk-size line with its extensions, or all trailers.
  static constexpr std::size_t max_chunk_line = 16 * 1024;
  // Of a chunked body, what is not the body: so much, and for each of its bytes some more.
  static constexpr std::size_t max_framing = 256 * 1024;
  static constexpr std::size_t max_framing_per_byte = 16;

  // For one response; make a new parser for the next one. `target` must outlive the parser.
  ResponseParser(ClientResponse& target, bool to_head_request, std::size_t max_body);

  // Call with the unconsumed bytes plus new ones until is_done(); returns how many it has used up.
  // Errors are boost::beast::http::error.
  std::size_t parse(std::string_view data, Error& error);
  // The connection has ended: an error unless that completes the response.
  Error parse_end();

  using basic_parser::is_done;
  bool begun() const { return begun_; }  // at least one byte was there
  // Another request may follow on the connection.
  bool leaves_open() const { return keep_alive() && !need_eof(); }

 private:
  using Verb = boost::beast::http::verb;
  using Field = boost::beast::http::field;
  using View = boost::beast::string_view;

  void on_request_impl(Verb, View, View, int, Error&) override {}
  void on_response_impl(int status, View reason, int version, Error& error) override;
  void on_field_impl(Field field, View name, View value, Error& error) override;
  void on_header_impl(Error& error) override;
  void on_body_init_impl(boost::optional<std::uint64_t> const& size, Error& error) override;
  std::size_t on_body_impl(View data, Error& error) override;
  void on_chunk_header_impl(std::uint64_t, View, Error& error) override { error = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, View data, Error& error) override;
  void on_finish_impl(Error& error) override { error = {}; }

  Error check_bounds(bool needs_more, std::size_t unused) const;

  ClientResponse& target_;
  std::size_t head_size_ = 0;  // so far; all of it once head_done_
  std::size_t body_wire_size_ = 0;
  std::size_t fields_ = 0;
  bool begun_ = false;
  bool head_done_ = false;
};

}  // namespace b3::http
