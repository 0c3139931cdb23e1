#include "ctl/credentials.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/encoding.h"
#include "token/jwt.h"

namespace b3::ctl {
namespace {

namespace fs = std::filesystem;

const WallTime now = from_unix_milliseconds(1'700'000'000'000);

struct Home {
  Home() : folder(fs::temp_directory_path() / ("b3-ctl-test-" + random_hex(8))) {
    fs::create_directory(folder);
    environment["HOME"] = folder.string();
  }
  ~Home() { fs::remove_all(folder); }
  fs::path write(const std::string& name, std::string_view text) const {
    std::ofstream(folder / name) << text;
    return folder / name;
  }
  fs::path folder;
  config::Environment environment;
};

std::expected<std::string, Failure> nobody_answers(std::string_view) {
  return std::unexpected(Failure{"nobody answers", ""});
}

std::expected<std::string, Failure> takes_it(const std::string&) {
  return std::string{};
}

Invocation invoke(Action action, std::string ref) {
  Invocation invocation;
  invocation.action = action;
  invocation.api_url = "http://127.0.0.1:42353";
  invocation.ref = std::move(ref);
  invocation.lifetime = std::chrono::hours(1);
  return invocation;
}

token::Claims claims_of(std::string token, std::string_view secret) {
  while (token.ends_with('\n')) token.pop_back();
  auto claims = token::verify(token, secret, now);
  REQUIRE(claims);
  return *claims;
}

unsigned mode_of(const fs::path& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

TEST_CASE("the token's place follows the address and XDG_CONFIG_HOME") {
  config::Environment environment{{"HOME", "/home/me"}};
  CHECK(token_path("https://b3.example/", environment) ==
        fs::path("/home/me/.config/b3scale/b3.example.access_token"));
  CHECK(token_path("http://127.0.0.1:42353", environment) ==
        fs::path("/home/me/.config/b3scale/127.0.0.1_42353.access_token"));
  CHECK(token_path("http://[::1]:80/", environment)->filename().string().find('/') ==
        std::string::npos);
  environment["XDG_CONFIG_HOME"] = "/etc/me";
  CHECK(token_path("https://b3.example/", environment) ==
        fs::path("/etc/me/b3scale/b3.example.access_token"));
  environment["XDG_CONFIG_HOME"] = "relative";
  CHECK(token_path("https://b3.example/", environment)->string().starts_with("/home/me/.config"));
  CHECK_FALSE(token_path("nonsense", environment));
  CHECK_FALSE(token_path("https://b3.example/", {}));
}

TEST_CASE("authorize keeps an administrator's token for its owner only") {
  Home home;
  auto invocation = invoke(Action::authorize, "alice");
  invocation.secret = "the secret";
  const auto output = run_auth(invocation, home.environment, nobody_answers, takes_it, now);
  REQUIRE(output);
  const auto path = *token_path(invocation.api_url, home.environment);
  CHECK(output->find(path.string()) != std::string::npos);
  CHECK(output->find("the secret") == std::string::npos);
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(path.parent_path()) == 0700);

  const auto token = find_token(invocation, home.environment);
  REQUIRE(token);
  const auto claims = claims_of(*token, "the secret");
  CHECK(claims.subject == "alice");
  CHECK(claims.has_scope(token::scope_user));
  CHECK(claims.has_scope(token::scope_admin));
  CHECK(claims.expires_at == now + std::chrono::hours(1));
  CHECK_FALSE(claims.id.empty());

  fs::permissions(path, fs::perms::all);
  REQUIRE(run_auth(invocation, home.environment, nobody_answers, takes_it, now));
  CHECK(mode_of(path) == 0600);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path.parent_path())) ++files;
  CHECK(files == 1);
}

TEST_CASE("where the secret comes from") {
  Home home;
  auto invocation = invoke(Action::create_access_token, "school");
  const auto asks = [](std::string_view) -> std::expected<std::string, Failure> { return "asked"; };
  CHECK(claims_of(*run_auth(invocation, home.environment, asks, takes_it, now), "asked").subject ==
        "school");
  home.environment["B3SCALE_API_JWT_SECRET"] = "environment";
  claims_of(*run_auth(invocation, home.environment, asks, takes_it, now), "environment");
  invocation.secret = "option";
  claims_of(*run_auth(invocation, home.environment, asks, takes_it, now), "option");
  invocation.secret = "-";
  claims_of(*run_auth(invocation, home.environment, asks, takes_it, now), "asked");
  CHECK_FALSE(run_auth(invocation, home.environment, nobody_answers, takes_it, now));
  invocation.secret = "";
  CHECK_FALSE(run_auth(invocation, home.environment, asks, takes_it, now));
}

TEST_CASE("scopes of the tokens") {
  auto invocation = invoke(Action::create_access_token, "school");
  invocation.secret = "s";
  const auto scopes = [&] {
    return claims_of(*run_auth(invocation, {}, nobody_answers, takes_it, now), "s").scopes;
  };
  CHECK(scopes() == std::vector<std::string>{"b3scale"});
  invocation.scopes = {"b3scale:node", "b3scale:admin"};
  CHECK(scopes() == invocation.scopes);
  invocation.scopes = {"b3scale:root"};
  CHECK_FALSE(run_auth(invocation, {}, nobody_answers, takes_it, now));
  invocation.action = Action::authorize_node_agent;
  CHECK(scopes() == std::vector<std::string>{"b3scale:node"});
}

TEST_CASE("tokens: environment, then file, then the stored one") {
  Home home;
  auto invocation = invoke(Action::show_status, "");
  const auto missing = find_token(invocation, home.environment);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().next.find("auth authorize") != std::string::npos);

  REQUIRE(store_token(*token_path(invocation.api_url, home.environment), "stored"));
  CHECK(find_token(invocation, home.environment) == "stored");
  invocation.token_file = home.write("token", " from-file\n").string();
  CHECK(find_token(invocation, home.environment) == "from-file");
  home.environment["B3SCALE_API_ACCESS_TOKEN"] = " exported ";
  CHECK(find_token(invocation, home.environment) == "exported");
}

TEST_CASE("token files that hold none are refused, and not shown") {
  Home home;
  auto invocation = invoke(Action::show_status, "");
  for (const std::string& text : {std::string(), std::string("\n \n"), std::string("two words"),
                                  std::string("a\r\nX: b"), std::string(100'000, 'x')}) {
    invocation.token_file = home.write("token", text).string();
    const auto token = find_token(invocation, home.environment);
    REQUIRE_FALSE(token);
    CHECK(token.error().what.find("two words") == std::string::npos);
  }
  invocation.token_file = (home.folder / "missing").string();
  CHECK_FALSE(find_token(invocation, home.environment));
}

}  // namespace
}  // namespace b3::ctl
