#include "api/auth.h"

#include <fmt/format.h>

#include "token/jwt.h"

namespace b3::api {
namespace {

Problem unauthorized(std::string message, std::string challenge) {
  return {.status = 401,
          .error = "unauthorized",
          .message = std::move(message),
          .headers = {{"WWW-Authenticate", std::move(challenge)}}};
}

// The token of "Bearer <token>"; the scheme's name has no case (RFC 9110 section 11.1).
std::optional<std::string_view> bearer_token(std::string_view header) {
  constexpr std::string_view scheme = "bearer";
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') return {};
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if ((header[i] | 0x20) != scheme[i]) return {};
  }
  header.remove_prefix(header.find_first_not_of(' ', scheme.size()) == std::string_view::npos
                           ? header.size()
                           : header.find_first_not_of(' ', scheme.size()));
  while (header.ends_with(' ')) header.remove_suffix(1);
  if (header.empty()) return {};
  return header;
}

}  // namespace

std::expected<Caller, Problem> authenticate(const http::Request& request,
                                            const Authority& authority, WallTime now) {
  if (authority.secret.empty()) {
    return std::unexpected(Problem{.status = 503,
                                   .error = "unavailable",
                                   .message = "the REST API is off; set B3SCALE_API_JWT_SECRET "
                                              "for b3scaled and restart it to turn it on"});
  }
  const auto* header = request.header("Authorization");
  if (!header) {
    return std::unexpected(unauthorized("a bearer token is required", R"(Bearer realm="b3scale")"));
  }
  const auto token = bearer_token(*header);
  if (!token) {
    return std::unexpected(unauthorized("the Authorization header must be \"Bearer <token>\"",
                                        R"(Bearer realm="b3scale", error="invalid_request")"));
  }
  const auto claims = token::verify_any(*token, {authority.secret, authority.previous_secret}, now);
  if (!claims) {
    return std::unexpected(
        unauthorized(fmt::format("the token was refused: {}", token::to_message(claims.error())),
                     R"(Bearer realm="b3scale", error="invalid_token")"));
  }
  if (!claims->id.empty() && authority.is_revoked && authority.is_revoked(claims->id)) {
    return std::unexpected(unauthorized("the token was refused: it has been revoked",
                                        R"(Bearer realm="b3scale", error="invalid_token")"));
  }
  return Caller{.subject = claims->subject,
                .admin = claims->has_scope(token::scope_admin),
                .reader = claims->has_scope(token::scope_user),
                .node = claims->has_scope(token::scope_node) && !claims->subject.empty(),
                .token_id = claims->id};
}

std::optional<Problem> forbids(const Caller& caller, Access access) {
  const bool allowed = access == Access::anyone || access == Access::open || caller.admin ||
                       (access == Access::reader && caller.reader) ||
                       (access == Access::node && caller.node);
  if (allowed) return {};
  const auto scope = access == Access::admin  ? token::scope_admin
                     : access == Access::node ? token::scope_node
                                              : token::scope_user;
  return Problem{.status = 403,
                 .error = "forbidden",
                 .message = fmt::format("this needs a token with the scope {}", scope)};
}

}  // namespace b3::api
