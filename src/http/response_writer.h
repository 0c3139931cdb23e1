// Responses as bytes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace b3::http {

struct ResponseContext {
  std::string_view date;  // RFC 9110 section 5.6.7
  std::string_view request_id;
  bool head = false;    // answers a HEAD request: no body
  bool http10 = false;  // keep-alive must be said
  bool close = false;
};

// Appends the response to `out`. A response with a control character in a header (a splitting
// attempt that got past the handler) becomes a bare 500; false is returned then. Headers that are
// the server's own (Content-Length, Connection, ...) are left out of response.headers.
bool append_response(std::string& out, const Response& response, const ResponseContext& context);

}  // namespace b3::http
