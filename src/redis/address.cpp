#include "redis/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/encoding.h"

namespace b3::redis {
namespace {

using Refused = std::unexpected<std::string>;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// '+' stands for itself in user information.
std::optional<std::string> percent_decode(std::string_view text) {
  std::string escaped;
  for (const char c : text) c == '+' ? escaped += "%2B" : escaped += c;
  auto decoded = form_decode(escaped);
  if (decoded && decoded->contains('\0')) return std::nullopt;
  return decoded;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

bool read_user_information(std::string_view text, Address& address) {
  const auto colon = text.find(':');
  if (colon == text.npos) return false;
  auto user = percent_decode(text.substr(0, colon));
  auto password = percent_decode(text.substr(colon + 1));
  if (!user || !password) return false;
  address.user = *std::move(user);
  address.password = *std::move(password);
  return !address.password.empty();
}

// "host", "host:port", "[::1]:port".
bool read_host(std::string_view text, Address& address) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return false;
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    address.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  const auto ordinary = [](char c) { return c > ' ' && c < 0x7F && c != '/' && c != '@'; };
  if (address.host.empty() || !std::ranges::all_of(address.host, ordinary)) return false;
  return port.empty() || (port.front() == ':' && read_port(port.substr(1), address.port));
}

}  // namespace

std::string Address::display() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::expected<Address, std::string> parse_address(std::string_view url) {
  constexpr std::string_view scheme = "redis://";
  if (url.starts_with("rediss://")) return Refused("TLS to redis (rediss://) is not supported");
  if (!url.starts_with(scheme)) return Refused("the URL of redis must begin with redis://");
  url.remove_prefix(scheme.size());

  const auto slash = std::min(url.find('/'), url.size());
  std::string_view authority = url.substr(0, slash);
  const std::string_view database = url.substr(std::min(slash + 1, url.size()));
  if (!std::ranges::all_of(database, is_digit)) {
    return Refused("after the host of redis only the number of a database may follow");
  }
  Address address;
  if (const auto at = authority.rfind('@'); at != authority.npos) {
    if (!read_user_information(authority.substr(0, at), address)) {
      return Refused("the user information in the URL of redis must be [user]:password");
    }
    authority.remove_prefix(at + 1);
  }
  if (!read_host(authority, address)) return Refused("the URL of redis has no usable host");
  return address;
}

}  // namespace b3::redis
