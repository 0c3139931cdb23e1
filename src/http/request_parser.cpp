#include "http/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/impl/basic_parser.hpp>
#include <utility>

namespace b3::http {

namespace {

using Failure = boost::beast::http::error;

bool is_visible_ascii(std::string_view text) {
  bool visible = true;
  for (const char c : text) visible &= c > 0x20 && c < 0x7f;  // without branches: it vectorises
  return visible;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         boost::beast::iequals({text.data(), prefix.size()}, {prefix.data(), prefix.size()});
}

// "HTTP/" digit "." digit at the end of the request line: well-formed, only not ours to speak.
bool names_other_version(std::string_view data) {
  const std::string_view line = data.substr(0, data.find("\r\n"));
  if (line.size() < 9) return false;
  const std::string_view version = line.substr(line.size() - 9);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!version.starts_with(" HTTP/") || !digit(version[6]) || version[7] != '.' ||
      !digit(version[8])) {
    return false;
  }
  // "GET /a b HTTP/1.1" fails on its version as well, but is malformed.
  return std::ranges::count(line, ' ') == 2;
}

std::string_view describe(const boost::beast::error_code& error) {
  if (error == Failure::bad_method) return "bad request: method";
  if (error == Failure::bad_target) return "bad request: target";
  if (error == Failure::bad_version) return "bad request: request line";
  if (error == Failure::bad_field) return "bad request: header name";
  if (error == Failure::bad_value) return "bad request: header value";
  if (error == Failure::bad_line_ending) return "bad request: line ending";
  if (error == Failure::bad_content_length || error == Failure::multiple_content_length) {
    return "bad request: Content-Length";
  }
  if (error == Failure::bad_transfer_encoding) return "bad request: Transfer-Encoding";
  if (error == Failure::bad_chunk || error == Failure::bad_chunk_extension) {
    return "bad request: chunk";
  }
  return "bad request: malformed";
}

}  // namespace

void ReusedRequest::clear() {
  request.method.clear();
  request.target.clear();
  request.id.clear();
  request.has_body = false;
  constexpr std::size_t kept_spares = 32;
  for (Header& header : request.headers) {
    if (spare.size() < kept_spares) spare.push_back(std::move(header));
  }
  request.headers.clear();
}

void ReusedRequest::add_header(std::string_view name, std::string_view value) {
  if (spare.empty()) {
    request.headers.emplace_back();
  } else {
    request.headers.push_back(std::move(spare.back()));
    spare.pop_back();
  }
  Header& header = request.headers.back();
  header.name.assign(name);
  header.value.assign(value);
}

RequestParser::RequestParser(ReusedRequest& target, std::size_t header_bytes)
    : target_(target), header_bytes_(header_bytes) {
  header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(header_bytes + 4, 1u << 30)));
  basic_parser::body_limit(boost::none);
  eager(false);
}

Step RequestParser::parse_head(std::string_view data) {
  std::size_t skipped = 0;
  if (!begun_) {
    // RFC 9112 section 2.2: empty lines before the request line are ignored.
    while (data.substr(skipped).starts_with("\r\n")) skipped += 2;
    head_size_ += skipped;
    const std::string_view rest = data.substr(skipped);
    if (head_size_ < header_bytes_ && (rest.empty() || rest == "\r")) {
      return {Progress::more, skipped};
    }
    begun_ = true;
  }
  const std::string_view rest = data.substr(skipped);
  Error error;
  const std::size_t used = put({rest.data(), rest.size()}, error);
  head_size_ += used;
  const std::size_t consumed = skipped + used;
  if (error == Failure::need_more) {
    if (head_size_ + (rest.size() - used) < header_bytes_) return {Progress::more, consumed};
    error = Failure::header_limit;
  }
  if (!error && head_size_ > header_bytes_) error = Failure::header_limit;
  if (error) return refused(consumed, error, rest);
  head_done_ = true;
  eager(true);
  return {Progress::done, consumed};
}

Step RequestParser::parse_body(std::string_view data, std::string* body, std::size_t limit) {
  if (is_done()) return {Progress::done, 0};
  // No chunked body ends within fewer bytes than "0 CRLF CRLF", and Beast asserts that it is not
  // given fewer once it has seen the last chunk's line.
  constexpr std::size_t least_chunked_end = 5;
  if (data.empty() || (chunked_ && data.size() < least_chunked_end)) return {Progress::more, 0};
  body_ = body;
  body_limit_ = limit;
  Error error;
  const std::size_t consumed = put({data.data(), data.size()}, error);
  if (error == Failure::need_more) {
    if (data.size() - consumed < max_chunk_line) return {Progress::more, consumed};
    error = Failure::bad_chunk;
  }
  if (error) return refused(consumed, error, {});
  return {is_done() ? Progress::done : Progress::more, consumed};
}

Step RequestParser::refused(std::size_t consumed, const Error& error, std::string_view data) {
  if (refusal_.status == 0) {
    if (error == Failure::header_limit) {
      refusal_ = {431, "request header too large"};
    } else if (error == Failure::body_limit) {
      refusal_ = {413, "request body too large"};
    } else if (error == Failure::bad_version && names_other_version(data)) {
      refusal_ = {505, "HTTP version not supported"};
    } else {
      refusal_ = {400, describe(error)};
    }
  }
  return {Progress::refused, consumed};
}

void RequestParser::refuse(int status, std::string_view reason, Error& error) {
  refusal_ = {status, reason};
  error = Failure::bad_value;
}

// RFC 9112 section 3.2: origin-form is kept, absolute-form reduced to it.
bool RequestParser::set_target(std::string_view raw) {
  if (!is_visible_ascii(raw)) return false;
  std::string& target = target_.request.target;
  if (raw.starts_with('/')) {
    target.assign(raw);
    return true;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_ignoring_case(raw, scheme)) continue;
    raw.remove_prefix(scheme.size());
    const std::size_t end = std::min(raw.find_first_of("/?#"), raw.size());
    authority_ = raw.substr(0, end);
    if (authority_.empty() || authority_.find('@') != std::string::npos) return false;
    raw.remove_prefix(end);
    target.assign(raw.starts_with('/') ? "" : "/").append(raw);
    return true;
  }
  return false;
}

void RequestParser::on_request_impl(Verb verb, View method, View target, int version,
                                    Error& error) {
  version_ = version;
  is_head_ = verb == Verb::head;
  target_.request.method.assign(method.data(), method.size());
  if (!set_target({target.data(), target.size()})) {
    refuse(400, "bad request: target", error);
  }
}

void RequestParser::on_field_impl(Field field, View name, View value, Error& error) {
  if (head_done_) return;  // trailers must not pass for headers
  if (target_.request.headers.size() >= max_headers) {
    return refuse(431, "too many request headers", error);
  }
  target_.add_header({name.data(), name.size()}, {value.data(), value.size()});
  switch (field) {
    case Field::host:
      ++hosts_;
      break;
    case Field::expect:
      if (!boost::beast::iequals(value, "100-continue")) {
        return refuse(417, "expectation not supported", error);
      }
      expects_continue_ = version_ >= 11;  // RFC 9110 section 10.1.1
      break;
    case Field::transfer_encoding:
      if (version_ < 11) return refuse(400, "bad request: Transfer-Encoding", error);
      if (!boost::beast::iequals(value, "chunked")) {
        return refuse(501, "transfer encoding not supported", error);
      }
      chunked_ = true;
      break;
    default:
      break;
  }
}

void RequestParser::on_header_impl(Error& error) {
  if (hosts_ > 1 || (hosts_ == 0 && version_ >= 11)) {  // RFC 9112 section 3.2
    return refuse(400, "bad request: Host", error);
  }
  if (!authority_.empty()) {
    for (Header& header : target_.request.headers) {
      if (boost::beast::iequals(header.name, "Host")) header.value = authority_;
    }
  }
  if (chunked_) {
    announced_length_.reset();
  } else {
    announced_length_ = content_length().value_or(0);
  }
  target_.request.has_body = chunked_ || *announced_length_ > 0;
}

void RequestParser::on_body_init_impl(boost::optional<std::uint64_t> const&, Error& error) {
  error = {};
}

std::size_t RequestParser::on_body_impl(View data, Error& error) {
  if (body_limit_ - std::min(body_size_, body_limit_) < data.size()) {
    error = Failure::body_limit;
    return 0;
  }
  body_size_ += data.size();
  if (body_ != nullptr) body_->append(data.data(), data.size());
  return data.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, View data, Error& error) {
  return on_body_impl(data, error);
}

}  // namespace b3::http
