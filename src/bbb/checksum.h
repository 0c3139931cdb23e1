// BBB checksums (BBB API reference, "API Security Model"):
// hash(call name + query string without the checksum parameter + shared secret), hex.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"

namespace b3::bbb {

enum class ChecksumError { missing, repeated, malformed, mismatch, no_secret };

// The raw query without its checksum parameter and one of the '&' beside it, all other bytes
// untouched: "a=1&checksum=x&b=2" -> "a=1&b=2", "checksum=x&a=1" -> "a=1", "checksum=x" -> "".
struct SplitQuery {
  std::string rest;
  std::string checksum;  // as sent
};
// missing or repeated as errors. The name is compared after percent-decoding, so "check%73um"
// counts as a checksum too.
std::expected<SplitQuery, ChecksumError> split_checksum(std::string_view raw_query);

// The same without copies: the views are of the raw query, `rest` being `before` and `after`.
struct SignedQuery {
  std::string_view before;
  std::string_view after;
  std::string_view checksum;
};
std::expected<SignedQuery, ChecksumError> find_checksum(std::string_view raw_query);

// 40, 64, 96 or 128 hex digits of either case choose the algorithm.
std::optional<HashAlgorithm> algorithm_of(std::string_view checksum);

// True when `checksum` signs (call, rest) under `secret`. Constant time in the digest's bytes.
// An empty secret never verifies.
std::expected<void, ChecksumError> verify_query(std::string_view call, const SignedQuery& query,
                                                std::string_view secret);
std::expected<void, ChecksumError> verify(std::string_view call, const SplitQuery& query,
                                          std::string_view secret);

// For form-encoded POST bodies that carry the checksum inside: verifies over the raw body bytes
// without the checksum or over BBB's own rebuilt form (parameters sorted by name, form-encoded,
// joined by '&').
std::expected<void, ChecksumError> verify_form(std::string_view call, std::string_view raw_body,
                                               std::string_view secret);

std::string sign(HashAlgorithm algorithm, std::string_view call, std::string_view query,
                 std::string_view secret);
// Appends "&checksum=..." (or only "checksum=..." when the query is empty) to the query at the end
// of `text` that begins at `query_begin`.
void append_checksum(std::string& text, std::size_t query_begin, HashAlgorithm algorithm,
                     std::string_view call, std::string_view secret);
// The same for a query alone.
std::string signed_query(HashAlgorithm algorithm, std::string_view call, std::string_view query,
                         std::string_view secret);

}  // namespace b3::bbb
