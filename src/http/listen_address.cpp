#include "http/listen_address.h"

#include <charconv>
#include <stdexcept>

namespace b3::http {

ListenAddress parse_listen_address(const std::string& text) {
  const auto fail = [&](const std::string& why) {
    return std::invalid_argument("listen address \"" + text + "\": " + why);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw fail("expected HOST:PORT or :PORT");
  ListenAddress address{.host = text.substr(0, colon)};
  const char* const first = text.data() + colon + 1;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(first, last, address.port);
  if (error != std::errc{} || end != last) throw fail("the port must be a number up to 65535");
  if (address.host.starts_with('[')) {
    if (!address.host.ends_with(']') || address.host.size() < 4) throw fail("missing ']'");
    address.host = address.host.substr(1, address.host.size() - 2);
  } else if (address.host.find(':') != std::string::npos) {
    throw fail("an IPv6 address needs brackets, as in [::1]:80");
  }
  return address;
}

}  // namespace b3::http
