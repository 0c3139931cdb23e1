// Who calls the REST API, from the bearer token, and what they may do. Pure; any thread.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/problem.h"
#include "base/time.h"
#include "http/message.h"

namespace b3::api {

struct Caller {
  std::string subject;
  bool admin = false;         // scope b3scale:admin: everything
  bool reader = false;        // scope b3scale: what belongs to the account `subject`
  bool node = false;          // scope b3scale:node: the backend whose agent_ref is `subject`
  std::string token_id = {};  // "" where the token has none

  // Whether something of this account may be shown.
  bool may_see(const std::optional<std::string>& account_ref) const {
    return admin || (reader && account_ref && !subject.empty() && *account_ref == subject);
  }
};

enum class Access {
  anyone,  // any valid token
  reader,  // admin, or b3scale for its own account
  node,    // admin, or b3scale:node for its own backend
  admin,
  open,  // no token at all
};

// Who may issue tokens, and which of these count no more.
struct Authority {
  std::string_view secret;
  std::string_view previous_secret = {};  // accepted too, while it is being replaced
  std::function<bool(std::string_view token_id)> is_revoked = {};
};

// 401 with WWW-Authenticate (RFC 6750 section 3), or 503 when no secret is configured.
std::expected<Caller, Problem> authenticate(const http::Request& request,
                                            const Authority& authority, WallTime now);
// The 403 that stands against it, if any.
std::optional<Problem> forbids(const Caller& caller, Access access);

}  // namespace b3::api
