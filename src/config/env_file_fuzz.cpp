// Any bytes are either refused with a place or give an environment that could be exported.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto environment = b3::config::parse_env_file(text, "file");
  if (!environment) {
    if (!environment.error().starts_with("file:")) std::abort();
    return 0;
  }
  for (const auto& [name, value] : *environment) {
    if (name.empty() || name.find_first_of("= \t\n\0") != std::string::npos) std::abort();
    if (value.find('\0') != std::string::npos) std::abort();
  }
  // Neither reading the settings nor looking for mistakes may fail on what a file can hold.
  (void)b3::config::read_daemon_config(*environment);
  (void)b3::config::find_warnings(*environment);
  return 0;
}
