#include "http/response_writer.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <charconv>

namespace b3::http {

namespace {

// Bytes >= 0x80 are allowed (obs-text); control characters are not.
bool is_clean(std::string_view text) {
  bool clean = true;
  for (const char c : text) {  // without branches, so that it vectorises
    const auto byte = static_cast<unsigned char>(c);
    clean &= (byte >= 0x20 || byte == '\t') && byte != 0x7f;
  }
  return clean;
}

bool is_clean(const Response& response) {
  return std::ranges::all_of(response.headers, [](const Header& header) {
    return !header.name.empty() && is_clean(header.name) && is_clean(header.value);
  });
}

bool is_our_own(std::string_view name) {
  const auto is = [name](std::string_view own) {
    return boost::beast::iequals({name.data(), name.size()}, {own.data(), own.size()});
  };
  switch (name.size()) {
    case 4:
      return is("Date");
    case 6:
      return is("Server");
    case 10:
      return is("Connection");
    case 12:
      return is("X-Request-ID");
    case 14:
      return is("Content-Length");
    case 17:
      return is("Transfer-Encoding");
    default:
      return false;
  }
}

void append_number(std::string& out, std::size_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void append_status_line(std::string& out, int status) {
  if (status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else if (status == 302) {
    out += "HTTP/1.1 302 Found\r\n";
  } else {
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::size_t>(status));
    out += ' ';
    out += reason_phrase(status);
    out += "\r\n";
  }
}

}  // namespace

bool append_response(std::string& out, const Response& response, const ResponseContext& context) {
  if (response.status < 200 || response.status > 599 || !is_clean(response)) {
    Response replacement;
    replacement.status = 500;
    replacement.body = "internal error\n";
    append_response(out, replacement, context);
    return false;
  }
  append_status_line(out, response.status);
  out.append("Server: b3scale\r\nDate: ").append(context.date);
  out.append("\r\nX-Request-ID: ").append(context.request_id).append("\r\n");
  for (const Header& header : response.headers) {
    if (is_our_own(header.name)) continue;
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) {
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  if (context.close) {
    out += "Connection: close\r\n";
  } else if (context.http10) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (!context.head && !bodiless) out += response.body;
  return true;
}

}  // namespace b3::http
