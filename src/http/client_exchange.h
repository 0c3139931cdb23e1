// One request and its answer on one connection of the client. Private to this room; event loop
// thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <string>

#include "http/client.h"
#include "http/client_stream.h"

namespace b3::http {

inline constexpr std::size_t small_body_bytes = 64 * 1024;  // sent together with the head

// What became of one attempt on one connection.
struct Exchange {
  boost::system::error_code error;
  ClientResponse response;
  std::size_t sent = 0;   // bytes of the request handed to the system
  bool answered = false;  // at least one byte came back
  bool reusable = false;
};

// `head` begins with the request's head and ends with its body where that is small. All three
// must live until the end; the stream's deadline holds.
boost::asio::awaitable<Exchange> exchange_over(ClientStream& connection,
                                               const ClientRequest& request,
                                               const std::string& head);

}  // namespace b3::http
