// Who calls the REST API, from the bearer token, and what they may do. Pure; any thread.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/problem.h"
#include "base/time.h"
#include "http/message.h"

namespace b3::api {

struct Caller {
  std::string subject;
  bool admin = false;   // scope b3scale:admin: everything
  bool reader = false;  // scope b3scale: what belongs to the account `subject`

  // Whether something of this account may be shown.
  bool may_see(const std::optional<std::string>& account_ref) const {
    return admin || (reader && account_ref && !subject.empty() && *account_ref == subject);
  }
};

enum class Access {
  anyone,  // any valid token
  reader,  // admin, or b3scale for its own account
  admin,
};

// 401 with WWW-Authenticate (RFC 6750 section 3), or 503 when no secret is configured.
std::expected<Caller, Problem> authenticate(const http::Request& request, std::string_view secret,
                                            WallTime now);
// The 403 that stands against it, if any.
std::optional<Problem> forbids(const Caller& caller, Access access);

}  // namespace b3::api
