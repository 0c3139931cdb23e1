// What listen() is given, taken apart. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace b3::http {

struct ListenAddress {
  std::string host;  // without brackets; empty: all addresses
  std::uint16_t port = 0;
};

// "127.0.0.1:80", "[::1]:0", "localhost:80", ":8080". Throws std::invalid_argument.
ListenAddress parse_listen_address(const std::string& text);

}  // namespace b3::http
