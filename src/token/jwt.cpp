#include "token/jwt.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <stdexcept>

#include "base/encoding.h"
#include "base/json.h"

namespace b3::token {

namespace {

namespace json = boost::json;

constexpr std::size_t max_token_length = 8 * 1024;
constexpr std::string_view header_json = R"({"alg":"HS384","typ":"JWT"})";
// The year 9999; more is a mistake, for example milliseconds where seconds belong.
constexpr double max_seconds = 253'402'300'799.0;

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;  // header '.' payload
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1), token.substr(0, second)};
}

std::optional<json::object> decode_object(std::string_view part) {
  const auto text = base64url_decode(part);
  return text ? parse_json_object(*text) : std::nullopt;
}

std::optional<JwtError> check_header(const json::object& header) {
  const json::value* algorithm = header.if_contains("alg");
  if (algorithm == nullptr || !algorithm->is_string()) return JwtError::malformed;
  if (algorithm->get_string() != "HS384") return JwtError::wrong_algorithm;
  // RFC 7515 section 4.1.11: extensions one does not implement must not be passed over.
  if (header.contains("crit")) return JwtError::malformed;
  if (header.contains("typ") && find_string(header, "typ") == nullptr) return JwtError::malformed;
  return std::nullopt;
}

void append_words(std::vector<std::string>& words, std::string_view text) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!word.empty()) words.emplace_back(word);
  }
}

// These three return false when the claim is there but of the wrong kind.
bool read_text(const json::object& payload, std::string_view name, std::string& target) {
  if (!payload.contains(name)) return true;
  const json::string* text = find_string(payload, name);
  if (text == nullptr) return false;
  target.assign(text->data(), text->size());
  return true;
}

bool read_time(const json::object& payload, std::string_view name,
               std::optional<WallTime>& target) {
  if (!payload.contains(name)) return true;
  const auto time_in_seconds = find_number(payload, name);
  if (!time_in_seconds || !(std::abs(*time_in_seconds) <= max_seconds)) return false;
  target = from_unix_milliseconds(std::llround(*time_in_seconds * 1000.0));
  return true;
}

bool read_scopes(const json::object& payload, std::vector<std::string>& target) {
  const json::value* scope = payload.if_contains("scope");
  if (scope == nullptr) return true;
  if (const json::string* text = scope->if_string()) {
    append_words(target, {text->data(), text->size()});
    return true;
  }
  const json::array* list = scope->if_array();
  if (list == nullptr) return false;
  for (const json::value& item : *list) {
    const json::string* text = item.if_string();
    if (text == nullptr) return false;
    append_words(target, {text->data(), text->size()});
  }
  return true;
}

std::optional<Claims> read_claims(const json::object& payload) {
  Claims claims;
  const bool readable =
      read_text(payload, "sub", claims.subject) && read_text(payload, "jti", claims.id) &&
      read_scopes(payload, claims.scopes) && read_time(payload, "iat", claims.issued_at) &&
      read_time(payload, "nbf", claims.not_before) && read_time(payload, "exp", claims.expires_at);
  if (!readable) return std::nullopt;
  return claims;
}

void write_time(json::object& payload, std::string_view name, std::optional<WallTime> time) {
  if (!time) return;
  const std::int64_t value = to_unix_milliseconds(*time);
  if (value % 1000 == 0)
    payload[name] = value / 1000;
  else
    payload[name] = double(value) / 1000.0;
}

}  // namespace

bool Claims::has_scope(std::string_view scope) const {
  return std::ranges::find(scopes, scope) != scopes.end();
}

std::string_view to_message(JwtError error) {
  switch (error) {
    case JwtError::malformed:
      return "The token is malformed";
    case JwtError::wrong_algorithm:
      return "The token is not signed with HS384";
    case JwtError::bad_signature:
      return "The token's signature is not valid";
    case JwtError::expired:
      return "The token has expired";
    case JwtError::not_yet_valid:
      return "The token is not valid yet";
    case JwtError::no_secret:
      return "No token can be accepted because no secret is configured";
  }
  return "The token cannot be accepted";
}

std::string issue(const Claims& claims, std::string_view secret) {
  if (secret.empty()) throw std::invalid_argument("a token cannot be signed with an empty secret");
  json::object payload;
  payload["sub"] = claims.subject;
  std::string scopes;
  for (const std::string& scope : claims.scopes) {
    if (!scopes.empty()) scopes += ' ';
    scopes += scope;
  }
  payload["scope"] = scopes;
  if (!claims.id.empty()) payload["jti"] = claims.id;
  write_time(payload, "iat", claims.issued_at);
  write_time(payload, "nbf", claims.not_before);
  write_time(payload, "exp", claims.expires_at);

  const std::string signed_text =
      base64url_encode(header_json) + '.' + base64url_encode(json::serialize(payload));
  return signed_text + '.' + base64url_encode(hmac(HashAlgorithm::sha384, secret, signed_text));
}

std::expected<Claims, JwtError> verify(std::string_view token, std::string_view secret,
                                       WallTime now) {
  if (secret.empty()) return std::unexpected(JwtError::no_secret);
  if (token.size() > max_token_length) return std::unexpected(JwtError::malformed);
  const auto parts = split(token);
  const auto header = parts ? decode_object(parts->header) : std::nullopt;
  if (!header) return std::unexpected(JwtError::malformed);
  if (const auto problem = check_header(*header)) return std::unexpected(*problem);

  const auto signature = base64url_decode(parts->signature);
  if (!signature) return std::unexpected(JwtError::malformed);
  if (!equal_constant_time(*signature, hmac(HashAlgorithm::sha384, secret, parts->signed_text)))
    return std::unexpected(JwtError::bad_signature);

  const auto payload = decode_object(parts->payload);
  auto claims = payload ? read_claims(*payload) : std::nullopt;
  if (!claims) return std::unexpected(JwtError::malformed);
  // RFC 7519 section 4.1.4: not accepted on or after exp.
  if (claims->expires_at && now >= *claims->expires_at) return std::unexpected(JwtError::expired);
  if (claims->not_before && now < *claims->not_before)
    return std::unexpected(JwtError::not_yet_valid);
  return *std::move(claims);
}

std::expected<Claims, JwtError> verify_any(std::string_view token,
                                           std::initializer_list<std::string_view> secrets,
                                           WallTime now) {
  std::expected<Claims, JwtError> result = std::unexpected(JwtError::no_secret);
  for (const auto secret : secrets) {
    if (secret.empty()) continue;
    result = verify(token, secret, now);
    if (result || result.error() != JwtError::bad_signature) break;
  }
  return result;
}

}  // namespace b3::token
