// Reads one request (RFC 9112) from bytes into a reused Request. Pure: no I/O, no clock.
// Boost.Beast tokenises; what Beast lets through but a server must refuse is refused here.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace b3::http {

// A Request whose strings keep their memory from one request to the next.
struct ReusedRequest {
  Request request;
  std::vector<Header> spare;

  void clear();  // keeps remote_address
  void add_header(std::string_view name, std::string_view value);
};

// What the connection answers itself, and then closes.
struct Refusal {
  int status = 0;
  std::string_view reason;  // static text, fit to be shown to the sender
};

enum class Progress { more, done, refused };
struct Step {
  Progress progress = Progress::more;
  std::size_t consumed = 0;  // bytes of the input used up; the caller keeps the rest
};

class RequestParser final : private boost::beast::http::basic_parser<true> {
 public:
  static constexpr std::size_t max_headers = 256;
  // One chunk-size line with its extensions, or all trailers.
  static constexpr std::size_t max_chunk_line = 16 * 1024;

  // For one request; make a new parser for the next one. `target` must outlive the parser.
  RequestParser(ReusedRequest& target, std::size_t header_bytes);

  // Call with the unconsumed bytes plus new ones until it is not `more`.
  Step parse_head(std::string_view data);
  // After parse_head() said done and while !body_done(). Decoded bytes are appended to `body`
  // (nullptr: counted and thrown away). More than `limit` of them is refused with 413.
  Step parse_body(std::string_view data, std::string* body, std::size_t limit);

  const Refusal& refusal() const { return refusal_; }
  bool head_begun() const { return begun_; }
  // The rest is known once parse_head() said done.
  bool body_done() const { return is_done(); }
  bool is_http10() const { return version_ < 11; }
  bool is_head() const { return is_head_; }
  bool wants_keep_alive() const { return keep_alive(); }
  bool expects_continue() const { return expects_continue_; }
  // nullopt for a chunked body; 0 for none.
  std::optional<std::uint64_t> announced_length() const { return announced_length_; }

 private:
  using Verb = boost::beast::http::verb;
  using Field = boost::beast::http::field;
  using View = boost::beast::string_view;
  using Error = boost::beast::error_code;

  void on_request_impl(Verb verb, View method, View target, int version, Error& error) override;
  void on_response_impl(int, View, int, Error&) override {}
  void on_field_impl(Field field, View name, View value, Error& error) override;
  void on_header_impl(Error& error) override;
  void on_body_init_impl(boost::optional<std::uint64_t> const&, Error& error) override;
  std::size_t on_body_impl(View data, Error& error) override;
  void on_chunk_header_impl(std::uint64_t, View, Error& error) override { error = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, View data, Error& error) override;
  void on_finish_impl(Error& error) override { error = {}; }

  bool set_target(std::string_view raw);
  void refuse(int status, std::string_view reason, Error& error);
  Step refused(std::size_t consumed, const Error& error, std::string_view data);

  ReusedRequest& target_;
  const std::size_t header_bytes_;
  std::size_t head_size_ = 0;
  Refusal refusal_;
  std::string authority_;  // of an absolute-form target
  int version_ = 11;
  std::size_t hosts_ = 0;
  bool begun_ = false;
  bool head_done_ = false;
  bool is_head_ = false;
  bool expects_continue_ = false;
  bool chunked_ = false;
  std::optional<std::uint64_t> announced_length_ = 0;
  std::string* body_ = nullptr;
  std::size_t body_size_ = 0;
  std::size_t body_limit_ = 0;
};

}  // namespace b3::http
