#include "http/response_writer.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <cstring>

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

// Writes into room that is known to suffice.
class Pen {
 public:
  explicit Pen(char* at) : at_(at) {}
  char* at() const { return at_; }

  Pen& write(std::string_view text) {
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  Pen& write_number(std::size_t number) {
    at_ = std::to_chars(at_, at_ + most_digits, number).ptr;
    return *this;
  }
  static constexpr std::size_t most_digits = 20;

 private:
  char* at_;
};

// Of a head without its headers and what comes from outside.
constexpr std::size_t fixed_head_bytes = 256;

std::size_t room_for(const Response& response, const ResponseContext& context) {
  std::size_t size = fixed_head_bytes + context.date.size() + context.request_id.size();
  for (const Header& header : response.headers) {
    size += header.name.size() + header.value.size() + std::string_view(": \r\n").size();
  }
  return size + response.body.size();
}

void write_status_line(Pen& pen, int status) {
  if (status == 200) {
    pen.write("HTTP/1.1 200 OK\r\n");
  } else if (status == 302) {
    pen.write("HTTP/1.1 302 Found\r\n");
  } else {
    pen.write("HTTP/1.1 ").write_number(static_cast<std::size_t>(status));
    pen.write(" ").write(reason_phrase(status)).write("\r\n");
  }
}

void write_response(Pen& pen, const Response& response, const ResponseContext& context) {
  write_status_line(pen, response.status);
  pen.write("Server: b3scale\r\nDate: ").write(context.date);
  pen.write("\r\nX-Request-ID: ").write(context.request_id).write("\r\n");
  for (const Header& header : response.headers) {
    if (is_our_own(header.name)) continue;
    pen.write(header.name).write(": ").write(header.value).write("\r\n");
  }
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) {
    pen.write("Content-Length: ").write_number(response.body.size()).write("\r\n");
  }
  if (context.close) {
    pen.write("Connection: close\r\n");
  } else if (context.http10) {
    pen.write("Connection: keep-alive\r\n");
  }
  pen.write("\r\n");
  if (!context.head && !bodiless) pen.write(response.body);
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
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + room_for(response, context), [&](char* text, std::size_t) {
    Pen pen{text + before};
    write_response(pen, response, context);
    return static_cast<std::size_t>(pen.at() - text);
  });
  return true;
}

}  // namespace b3::http
