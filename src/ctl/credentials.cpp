#include "ctl/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <system_error>

#include "base/encoding.h"
#include "base/url.h"
#include "ctl/render.h"
#include "token/jwt.h"

namespace b3::ctl {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_token = 16 * 1024;

std::string look_up(const config::Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string{} : found->second;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(space) - begin + 1));
}

Failure io_failure(const std::string& what, const fs::path& path) {
  return {fmt::format("{} {}: {}", what, path.string(),
                      std::error_code(errno, std::generic_category()).message()),
          "check the file's place and permissions, or set B3SCALE_API_ACCESS_TOKEN"};
}

std::expected<std::string, Failure> read_token_file(const fs::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(io_failure("cannot read the token file", path));
  std::string text(longest_token + 1, '\0');
  file.read(text.data(), std::streamsize(text.size()));
  text.resize(std::size_t(file.gcount()));
  auto token = trimmed(text);
  const bool is_one_word =
      std::ranges::all_of(token, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (token.empty() || token.size() > longest_token || !is_one_word) {
    return std::unexpected(Failure{fmt::format("{} does not hold a token", path.string()),
                                   "make one with \"b3scalectl auth authorize\""});
  }
  return token;
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(std::size_t(written));
  }
  return true;
}

std::expected<std::string, Failure> find_jwt_secret(const Invocation& invocation,
                                                    const config::Environment& environment,
                                                    const AskSecret& ask) {
  if (!invocation.secret_file.empty()) return read_secret_file(invocation.secret_file);
  if (invocation.secret && *invocation.secret != "-") return *invocation.secret;
  auto configured = look_up(environment, "B3SCALE_API_JWT_SECRET");
  if (!invocation.secret && !configured.empty()) return configured;
  return ask("The daemon's B3SCALE_API_JWT_SECRET: ");
}

// The token for programs: --json or --yaml.
std::string token_data(const Invocation& invocation, const std::string& token,
                       const token::Claims& claims) {
  boost::json::array scopes;
  for (const auto& scope : claims.scopes) scopes.push_back(boost::json::string(scope));
  const boost::json::object data{{"token", token},
                                 {"id", claims.id},
                                 {"subject", claims.subject},
                                 {"scopes", std::move(scopes)},
                                 {"expires_at", to_rfc3339(*claims.expires_at)}};
  return invocation.yaml ? render_yaml(data) : render_json(data);
}

std::expected<std::vector<std::string>, Failure> scopes_of(const Invocation& invocation) {
  if (invocation.action == Action::authorize) {
    return std::vector{std::string(token::scope_user), std::string(token::scope_admin)};
  }
  if (invocation.action == Action::authorize_node_agent) {
    return std::vector{std::string(token::scope_node)};
  }
  if (invocation.scopes.empty()) return std::vector{std::string(token::scope_user)};
  for (const auto& scope : invocation.scopes) {
    if (scope != token::scope_user && scope != token::scope_admin && scope != token::scope_node) {
      return std::unexpected(Failure{fmt::format("there is no scope \"{}\"", scope),
                                     fmt::format("use {}, {} or {}", token::scope_user,
                                                 token::scope_admin, token::scope_node)});
    }
  }
  return invocation.scopes;
}

}  // namespace

std::expected<fs::path, Failure> token_path(std::string_view api_url,
                                            const config::Environment& environment) {
  const auto url = parse_url(api_url);
  if (!url) {
    return std::unexpected(Failure{fmt::format("the API's address is not usable: {}", url.error()),
                                   "give it with --api or B3SCALE_API_URL"});
  }
  std::string name = url->authority();
  std::ranges::replace_if(
      name,
      [](char c) {
        const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-';
        return !kept;
      },
      '_');
  fs::path base = look_up(environment, "XDG_CONFIG_HOME");
  if (!base.is_absolute()) {  // XDG Base Directory Specification: relative paths are to be ignored
    const auto home = look_up(environment, "HOME");
    if (home.empty()) {
      return std::unexpected(Failure{"there is no home folder to keep a token in",
                                     "set HOME, or give the token in B3SCALE_API_ACCESS_TOKEN"});
    }
    base = fs::path(home) / ".config";
  }
  return base / "b3scale" / (name + ".access_token");
}

std::expected<void, Failure> store_token(const fs::path& path, std::string_view token) {
  std::error_code error;
  const fs::path folder = path.parent_path();
  fs::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(io_failure("cannot make the folder", folder));
  }
  const fs::path draft = path.string() + "." + random_hex(6);
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return std::unexpected(io_failure("cannot write", draft));
  const bool written = write_all(file, token) && write_all(file, "\n");
  if (::close(file) != 0 || !written || ::rename(draft.c_str(), path.c_str()) != 0) {
    auto failure = io_failure("cannot write", path);
    ::unlink(draft.c_str());
    return std::unexpected(std::move(failure));
  }
  return {};
}

std::expected<std::string, Failure> find_token(const Invocation& invocation,
                                               const config::Environment& environment) {
  if (auto token = trimmed(look_up(environment, "B3SCALE_API_ACCESS_TOKEN")); !token.empty()) {
    return token;
  }
  if (!invocation.token_file.empty()) return read_token_file(invocation.token_file);
  const auto path = token_path(invocation.api_url, environment);
  if (!path) return std::unexpected(path.error());
  std::error_code error;
  if (!fs::exists(*path, error) && !error) {
    return std::unexpected(
        Failure{fmt::format("there is no access token for {}", invocation.api_url),
                "get one with \"b3scalectl auth authorize\" or set B3SCALE_API_ACCESS_TOKEN"});
  }
  return read_token_file(*path);
}

bool is_auth(Action action) {
  return action == Action::authorize || action == Action::create_access_token ||
         action == Action::authorize_node_agent;
}

std::expected<std::string, Failure> read_secret_file(const std::string& path) {
  errno = 0;
  std::ifstream opened;
  if (path != "-") opened.open(path, std::ios::binary);
  std::istream& file = path == "-" ? std::cin : opened;
  if (!file) {
    auto failure = io_failure("cannot read the secret file", path);
    failure.next = "check the file's place and permissions";
    return std::unexpected(std::move(failure));
  }
  std::string line;
  std::getline(file, line);
  auto secret = trimmed(line);
  if (secret.empty()) {
    return std::unexpected(Failure{fmt::format("the first line of {} is empty", path),
                                   "write the secret there, alone on the line"});
  }
  return secret;
}

std::expected<std::string, Failure> run_auth(const Invocation& invocation,
                                             const config::Environment& environment,
                                             const AskSecret& ask, const TryToken& try_token,
                                             WallTime now) {
  auto scopes = scopes_of(invocation);
  if (!scopes) return std::unexpected(std::move(scopes.error()));
  std::expected<fs::path, Failure> path;
  if (invocation.action == Action::authorize) {
    path = token_path(invocation.api_url, environment);
    if (!path) return std::unexpected(path.error());
  }
  const auto secret = find_jwt_secret(invocation, environment, ask);
  if (!secret) return std::unexpected(secret.error());
  if (secret->empty()) {
    return std::unexpected(
        Failure{"the secret is empty", "use the B3SCALE_API_JWT_SECRET that b3scaled runs with"});
  }

  const token::Claims claims{.subject = invocation.ref,
                             .scopes = std::move(*scopes),
                             .id = random_uuid(),
                             .issued_at = now,
                             .not_before = std::nullopt,
                             .expires_at = now + invocation.lifetime};
  const auto token = token::issue(claims, *secret);
  const bool as_data = invocation.json || invocation.yaml;
  if (invocation.action != Action::authorize) {
    return as_data ? token_data(invocation, token, claims) : token + '\n';
  }
  const auto remark = try_token(token);
  if (!remark) return std::unexpected(remark.error());
  if (auto stored = store_token(*path, token); !stored) return std::unexpected(stored.error());
  if (as_data) return token_data(invocation, token, claims);
  return fmt::format("The token for {} is kept in {} and good until {}.\nIts id is {}.\n{}",
                     invocation.ref, path->string(), to_rfc3339(*claims.expires_at), claims.id,
                     *remark);
}

}  // namespace b3::ctl
