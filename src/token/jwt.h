// JSON Web Tokens of the REST API: HS384 only (RFC 7515, RFC 7519). Pure functions.
#pragma once

#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace b3::token {

inline constexpr std::string_view scope_user = "b3scale";
inline constexpr std::string_view scope_admin = "b3scale:admin";
inline constexpr std::string_view scope_node = "b3scale:node";

struct Claims {
  std::string subject;              // "sub": the account or node reference
  std::vector<std::string> scopes;  // "scope", separated by spaces
  std::string id;                   // "jti"; may be empty
  std::optional<WallTime> issued_at;
  std::optional<WallTime> not_before;
  std::optional<WallTime> expires_at;

  bool has_scope(std::string_view scope) const;
};

enum class JwtError {
  malformed,
  wrong_algorithm,
  bad_signature,
  expired,
  not_yet_valid,
  no_secret
};
std::string_view to_message(JwtError error);

std::string issue(const Claims& claims, std::string_view secret);
// `now` is compared to exp and nbf without leeway. At most 8 KiB are looked at.
std::expected<Claims, JwtError> verify(std::string_view token, std::string_view secret,
                                       WallTime now);

// By any of these secrets, of which empty ones do not count: while one is being replaced by
// another.
std::expected<Claims, JwtError> verify_any(std::string_view token,
                                           std::initializer_list<std::string_view> secrets,
                                           WallTime now);

}  // namespace b3::token
