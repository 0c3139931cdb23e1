// Hostile URLs: what is accepted prints to a URL that reads back the same, on one line.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/log.h"
#include "base/url.h"

using namespace b3;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  expect(log::redact_url(text).size() <= std::max<std::size_t>(size, text.find("://") + 6));

  const auto url = parse_url(text);
  if (!url) {
    expect(!url.error().empty() && !normalize_backend_host(text));
    return 0;
  }
  const std::string printed = url->origin() + url->path;
  expect(is_printable(printed) && url->path.starts_with('/') && url->port != 0);
  expect(parse_url(printed) == url);
  expect(log::redact_url(printed) == printed || url->path.contains('@'));

  const auto host = normalize_backend_host(text);
  expect(host && host->ends_with('/') && !host->ends_with("//"));
  expect(normalize_backend_host(*host) == host);
  return 0;
}
