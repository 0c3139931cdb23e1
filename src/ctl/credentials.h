// Access tokens of b3scalectl: making them, keeping them in a file, finding them.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "ctl/invocation.h"

namespace b3::ctl {

// $XDG_CONFIG_HOME/b3scale/<host>.access_token, with ~/.config where the variable is not set.
// "host" carries the port where it is not the scheme's; what is not a letter, digit, '.' or '-'
// becomes '_'. A Failure when the URL is not one or there is no home.
std::expected<std::filesystem::path, Failure> token_path(std::string_view api_url,
                                                         const config::Environment& environment);

// Readable by the owner only (0600, its folder 0700), replaced in one step.
std::expected<void, Failure> store_token(const std::filesystem::path& path, std::string_view token);

// B3SCALE_API_ACCESS_TOKEN, else --token-file, else the stored token.
std::expected<std::string, Failure> find_token(const Invocation& invocation,
                                               const config::Environment& environment);

// Asks a person for a secret without showing it, or reads a line of standard input.
using AskSecret = std::function<std::expected<std::string, Failure>(std::string_view prompt)>;

// The first line of a file ("-": of standard input), without white space around it.
std::expected<std::string, Failure> read_secret_file(const std::string& path);

// Asks the API whether it takes a new administrator's token. A Failure: it does not, and the token
// is not kept. A text: what is to be said besides, "" for nothing.
using TryToken = std::function<std::expected<std::string, Failure>(const std::string& token)>;

// The commands under "auth": what to print.
std::expected<std::string, Failure> run_auth(const Invocation& invocation,
                                             const config::Environment& environment,
                                             const AskSecret& ask, const TryToken& try_token,
                                             WallTime now);
bool is_auth(Action action);

}  // namespace b3::ctl
