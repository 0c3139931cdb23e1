#include "config/sources.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "config/values.h"

namespace b3::config {
namespace {

constexpr std::size_t largest_file = 1024 * 1024;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

struct ReadFailure {
  int code = 0;  // errno
  std::string sentence;
};

std::expected<std::string, ReadFailure> read_file(const std::string& name) {
  const auto failure = [&name](int code) {
    return std::unexpected(ReadFailure{code, fmt::format("{}: {}", name, std::strerror(code))});
  };
  const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(name.c_str(), "re")};
  if (!file) return failure(errno);
  std::string text(largest_file + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get())) return failure(errno);
  if (text.size() > largest_file) return failure(EFBIG);
  return text;
}

// Lays one file over `environment`; the problem with it, if there is one.
std::optional<std::string> lay_file(const std::string& name, bool required,
                                    Environment& environment) {
  const auto text = read_file(name);
  if (!text) {
    const bool is_absent = text.error().code == ENOENT || text.error().code == ENOTDIR;
    if (is_absent && !required) return std::nullopt;
    return text.error().sentence;
  }
  auto values = parse_env_file(*text, name);
  if (!values) return values.error();
  values->merge(environment);  // keeps what the file says
  environment = std::move(*values);
  return std::nullopt;
}

}  // namespace

std::expected<Environment, std::vector<std::string>> combine(const Sources& sources) {
  Environment environment;
  std::vector<std::string> problems;
  const auto lay = [&](const std::vector<std::string>& files, bool required) {
    for (const auto& file : files) {
      if (auto problem = lay_file(file, required, environment)) {
        problems.push_back(std::move(*problem));
      }
    }
  };
  lay(sources.optional_files, false);
  lay(sources.required_files, true);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  for (const auto& [name, value] : sources.exported) environment.insert_or_assign(name, value);
  return environment;
}

Environment select_exported(const char* const* entries) {
  Environment selected;
  for (; entries && *entries; ++entries) {
    const std::string_view entry = *entries;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = entry.substr(0, equals);
    if (!name.starts_with("B3SCALE_") && !find_variable(name)) continue;
    selected.try_emplace(std::string(name), entry.substr(equals + 1));  // getenv(3) takes the first
  }
  return selected;
}

std::expected<Environment, std::vector<std::string>> read_environment(
    const std::vector<std::string>& explicit_files) {
  return combine({.optional_files = {"/etc/default/b3scale", "/etc/sysconfig/b3scale"},
                  .required_files = explicit_files,
                  .exported = select_exported(environ)});
}

}  // namespace b3::config
