#include "base/url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace b3 {

namespace {

using Unexpected = std::unexpected<std::string>;

constexpr std::size_t max_url_length = 2048;
constexpr std::size_t max_host_length = 253;  // RFC 1035 section 2.3.4, without the final dot
constexpr std::size_t max_label_length = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string to_lower(std::string_view text) {
  std::string lower{text};
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::uint16_t default_port(bool tls) {
  return tls ? 443 : 80;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// RFC 3986 section 3.3: pchar and '/'.
bool is_valid_path(std::string_view path) {
  constexpr std::string_view marks = "-._~!$&'()*+,;=:@/";
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%') {
      if (path.size() - i < 3 || !is_hex_digit(path[i + 1]) || !is_hex_digit(path[i + 2]))
        return false;
      i += 2;
    } else if (!is_letter(c) && !is_digit(c) && !marks.contains(c)) {
      return false;
    }
  }
  return true;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

std::optional<std::string> canonical_ipv6(std::string_view text) {
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (text.contains('\0') || inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1 ||
      inet_ntop(AF_INET6, &address, canonical.data(), canonical.size()) == nullptr)
    return std::nullopt;
  return std::string(canonical.data());
}

bool is_valid_label(std::string_view label) {
  return !label.empty() && label.size() <= max_label_length && label.front() != '-' &&
         label.back() != '-' && std::ranges::all_of(label, [](char c) {
           return is_letter(c) || is_digit(c) || c == '-' || c == '_';
         });
}

// A name or an IPv4 address. A name whose last label is a number would be read as a strange
// spelling of an IPv4 address by some resolvers ("127.1"), so only the dotted quad passes.
bool is_valid_host_name(std::string_view host) {
  if (host.empty() || host.size() > max_host_length) return false;
  std::string_view rest = host;
  std::string_view label;
  while (true) {
    const std::size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!is_valid_label(label)) return false;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  const bool numeric = std::ranges::all_of(label, is_digit) || to_lower(label).starts_with("0x");
  in_addr address{};
  return !numeric || inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

struct Authority {
  std::string host;
  std::optional<std::uint16_t> port;
};

std::expected<Authority, std::string> parse_authority(std::string_view text) {
  Authority authority;
  std::string_view after_host;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    const auto address =
        close == std::string_view::npos ? std::nullopt : canonical_ipv6(text.substr(1, close - 1));
    if (!address) return Unexpected("The URL's IPv6 address is not valid.");
    authority.host = *address;
    after_host = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view host = text.substr(0, colon);
    if (host.empty()) return Unexpected("The URL has no host.");
    if (!is_valid_host_name(host)) return Unexpected("The URL's host name is not valid.");
    authority.host = to_lower(host);
    after_host = text.substr(colon);
  }
  if (after_host.empty()) return authority;
  authority.port = after_host[0] == ':' ? parse_port(after_host.substr(1)) : std::nullopt;
  if (!authority.port) return Unexpected("The URL's port must be a number from 1 to 65535.");
  return authority;
}

}  // namespace

std::string Url::authority() const {
  std::string text;
  text.reserve(host.size() + std::string_view("[]:65535").size());
  const bool is_ipv6 = host.contains(':');
  if (is_ipv6) text += '[';
  text += host;
  if (is_ipv6) text += ']';
  if (port != default_port(tls)) text.append(1, ':').append(std::to_string(port));
  return text;
}

std::string Url::origin() const {
  return (tls ? "https://" : "http://") + authority();
}

std::expected<Url, std::string> parse_url(std::string_view text) {
  if (text.empty()) return Unexpected("The URL is empty.");
  if (text.size() > max_url_length)
    return Unexpected(fmt::format("The URL is longer than {} bytes.", max_url_length));
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
    return Unexpected("The URL contains control characters.");

  const std::size_t scheme_end = text.find("://");
  const std::string scheme = to_lower(text.substr(0, scheme_end));
  if (scheme_end == std::string_view::npos || (scheme != "http" && scheme != "https"))
    return Unexpected("The URL must begin with http:// or https://.");
  const std::string_view rest = text.substr(scheme_end + 3);
  if (rest.contains('?')) return Unexpected("The URL must not have a query.");
  if (rest.contains('#')) return Unexpected("The URL must not have a fragment.");

  const std::size_t path_begin = std::min(rest.find('/'), rest.size());
  const std::string_view authority_text = rest.substr(0, path_begin);
  if (authority_text.contains('@'))
    return Unexpected("The URL must not contain a user name or password.");
  const auto authority = parse_authority(authority_text);
  if (!authority) return Unexpected(authority.error());
  const std::string_view path = rest.substr(path_begin);
  if (!is_valid_path(path)) return Unexpected("The URL's path contains characters it cannot hold.");
  if (has_dot_segment(path))
    return Unexpected("The URL's path must not contain '.' or '..' parts.");

  const bool tls = scheme == "https";
  return Url{tls, authority->host, authority->port.value_or(default_port(tls)),
             path.empty() ? "/" : std::string(path)};
}

std::expected<std::string, std::string> normalize_backend_host(std::string_view text) {
  const auto url = parse_url(text);
  if (!url) return Unexpected(url.error());
  std::string_view path = url->path;
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) path = "/bigbluebutton/api";  // where BBB's own packages put it
  return fmt::format("{}{}/", url->origin(), path);
}

}  // namespace b3
