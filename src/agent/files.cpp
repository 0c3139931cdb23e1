#include "agent/files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace b3::agent {
namespace {

std::optional<std::string> read(const std::string& path) {
  if (path.empty()) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return file.bad() ? std::nullopt : std::optional(std::move(text));
}

}  // namespace

std::string fingerprint(const std::string& path) {
  struct stat found{};
  if (path.empty() || ::stat(path.c_str(), &found) != 0) return {};
  return fmt::format("{}:{}:{}:{}.{}", found.st_dev, found.st_ino, found.st_size,
                     found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
}

std::expected<Identity, std::string> read_identity_files(const std::string& default_path,
                                                         const std::string& override_path) {
  const auto defaults = read(default_path);
  const auto override = read(override_path);
  if (!defaults && !override) {
    return std::unexpected(
        fmt::format("neither {} (BBB_CONFIG) nor {} (B3SCALE_BBB_CONFIG_DEFAULT) can be read",
                    override_path, default_path));
  }
  return read_identity(defaults.value_or(""), override.value_or(""));
}

}  // namespace b3::agent
