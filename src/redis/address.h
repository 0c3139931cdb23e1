// Where a redis server is. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace b3::redis {

struct Address {
  std::string host = "127.0.0.1";  // without brackets for IPv6
  std::uint16_t port = 6379;
  std::string user{};      // of redis 6's access lists; "" the default user
  std::string password{};  // "" none; never logged
  // "host:port", for logs.
  std::string display() const;
  bool operator==(const Address&) const = default;
};

// "redis://[[user]:password@]host[:port][/database]", the user information percent-encoded. The
// database is checked and left out: channels have none. TLS ("rediss") is refused. The error is a
// sentence for people and contains nothing of the text.
std::expected<Address, std::string> parse_address(std::string_view url);

}  // namespace b3::redis
