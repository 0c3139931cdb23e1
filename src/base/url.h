// Absolute http(s) URLs, as far as this system needs them (RFC 3986).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace b3 {

struct Url {
  bool tls = false;
  std::string host;  // lower case, without brackets for IPv6
  std::uint16_t port = 0;
  std::string path;  // begins with '/', without query and fragment

  // "https://host[:port]" with the port left out where it is the scheme's default.
  std::string origin() const;
  // The Host header's value.
  std::string authority() const;
  bool operator==(const Url&) const = default;
};

// Refuses user information, a query, a fragment, control characters and anything but http(s).
// The error is a sentence for people.
std::expected<Url, std::string> parse_url(std::string_view text);

// The BBB API base of a node: parsed, path ends with exactly one '/'. "https://node" alone gets
// BBB's standard path "/bigbluebutton/api/".
std::expected<std::string, std::string> normalize_backend_host(std::string_view text);

}  // namespace b3
