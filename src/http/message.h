// HTTP/1.1 messages (RFC 9110, RFC 9112) as the rest of the system sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace b3::http {

struct Header {
  std::string name;  // as received or as to be sent
  std::string value;
};

// Case-insensitive; nullptr when absent. The first one wins.
const std::string* find_header(const std::vector<Header>& headers, std::string_view name);

struct Request {
  std::string method;
  std::string target;  // raw request-target in origin form, exactly as received
  std::vector<Header> headers;
  std::string remote_address;
  std::string id;  // correlation id, made by the server for each request
  bool has_body = false;

  std::string_view path() const;   // raw, up to '?'
  std::string_view query() const;  // raw, after the first '?', without it
  const std::string* header(std::string_view name) const { return find_header(headers, name); }
  // The media type without parameters, lower case; "" when absent.
  std::string content_type() const;
};

struct Response {
  int status = 200;
  std::vector<Header> headers;  // without Content-Length, Date, Server and Connection
  std::string body;
  bool close = false;  // end the connection after this response

  // What a broken server does; only the simulator asks for these.
  bool abort = false;  // send nothing at all and close the connection
  // Send only so many bytes of the body under the full Content-Length, then close.
  std::optional<std::size_t> truncate_to;
};

std::string_view reason_phrase(int status);

}  // namespace b3::http
