// The signed token of the waiting page: carries a join's query through page reloads, so that the
// page works without the tenant's checksum being asked again and cannot be made to redirect
// anywhere else (there is no URL in it).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/time.h"

namespace b3::token {

struct RetryJoin {
  std::string frontend_id;
  std::string query;  // the join's parameters, encoded, without checksum
  WallTime first_seen{};
  int attempt = 0;
};

enum class RetryError { malformed, bad_signature, expired };

// A key for HMAC-SHA-256 derived from the daemon's secret (label "b3scale retry v1").
std::string retry_key(std::string_view secret);
std::string seal(const RetryJoin& join, std::string_view key);
// Expired when first_seen is more than `lifetime` before now or more than a minute after it.
std::expected<RetryJoin, RetryError> open(std::string_view token, std::string_view key,
                                          WallTime now, milliseconds lifetime);

}  // namespace b3::token
