#include "token/retry.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <stdexcept>

#include "base/encoding.h"

namespace b3::token {

namespace {

// What is signed: version, frontend id, first_seen in milliseconds and attempt, one per line, then
// the query up to the end. Only the query may contain line breaks.
constexpr std::string_view version = "1";
constexpr std::size_t max_token_length = 64 * 1024;
constexpr milliseconds max_clock_difference{60'000};
constexpr std::int64_t max_time = 253'402'300'799'999;  // the year 9999, in milliseconds

std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

template <class Integer>
std::optional<Integer> parse_number(std::optional<std::string_view> text, Integer maximum) {
  if (!text) return std::nullopt;
  Integer number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  if (number < 0 || number > maximum) return std::nullopt;
  return number;
}

std::optional<RetryJoin> decode(std::string_view payload) {
  if (take_line(payload) != version) return std::nullopt;
  const auto frontend_id = take_line(payload);
  const auto first_seen = parse_number<std::int64_t>(take_line(payload), max_time);
  const auto attempt = parse_number<int>(take_line(payload), std::numeric_limits<int>::max());
  if (!frontend_id || !first_seen || !attempt) return std::nullopt;
  return RetryJoin{std::string(*frontend_id), std::string(payload),
                   from_unix_milliseconds(*first_seen), *attempt};
}

}  // namespace

std::string retry_key(std::string_view secret) {
  return hmac(HashAlgorithm::sha256, secret, "b3scale retry v1");
}

std::string seal(const RetryJoin& join, std::string_view key) {
  if (key.empty()) throw std::invalid_argument("a retry token needs a key");
  if (join.frontend_id.contains('\n')) throw std::invalid_argument("a frontend id is one line");
  const std::string payload = base64url_encode(
      fmt::format("{}\n{}\n{}\n{}\n{}", version, join.frontend_id,
                  to_unix_milliseconds(join.first_seen), join.attempt, join.query));
  return payload + '.' + base64url_encode(hmac(HashAlgorithm::sha256, key, payload));
}

std::expected<RetryJoin, RetryError> open(std::string_view token, std::string_view key,
                                          WallTime now, milliseconds lifetime) {
  const std::size_t dot = token.find('.');
  if (token.size() > max_token_length || dot == std::string_view::npos)
    return std::unexpected(RetryError::malformed);
  const std::string_view payload = token.substr(0, dot);
  const auto signature = base64url_decode(token.substr(dot + 1));
  if (!signature) return std::unexpected(RetryError::malformed);
  if (key.empty() || !equal_constant_time(*signature, hmac(HashAlgorithm::sha256, key, payload)))
    return std::unexpected(RetryError::bad_signature);

  const auto text = base64url_decode(payload);
  auto join = text ? decode(*text) : std::nullopt;
  if (!join) return std::unexpected(RetryError::malformed);
  const milliseconds age = now - join->first_seen;
  if (age > lifetime || age < -max_clock_difference) return std::unexpected(RetryError::expired);
  return *std::move(join);
}

}  // namespace b3::token
