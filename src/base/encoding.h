// Text encodings and digests. Pure functions; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace b3 {

enum class HashAlgorithm { sha1, sha256, sha384, sha512 };

std::optional<HashAlgorithm> parse_hash_algorithm(std::string_view name);  // "sha1", "sha256", ...
std::string_view to_string(HashAlgorithm algorithm);

struct Digest {
  std::array<char, 64> storage{};
  std::size_t size = 0;
  std::string_view bytes() const { return {storage.data(), size}; }
};
// Of the pieces one after the other.
Digest digest(HashAlgorithm algorithm, std::initializer_list<std::string_view> pieces);
// Lower-case hexadecimal digest of `data`.
std::string digest_hex(HashAlgorithm algorithm, std::string_view data);
// Raw HMAC bytes (RFC 2104).
std::string hmac(HashAlgorithm algorithm, std::string_view key, std::string_view data);

std::string to_hex(std::string_view bytes);  // lower case
void append_hex(std::string& text, std::string_view bytes);
// Fills `bytes`; false unless `text` is exactly as many pairs of digits, of either case.
bool decode_hex(std::string_view text, std::span<char> bytes);

// RFC 4648 section 5 without padding. Decoding accepts no padding, no white space and no
// non-canonical trailing bits.
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

// application/x-www-form-urlencoded as frontends and nodes use it: unreserved characters
// (RFC 3986 section 2.3) stand for themselves, a space becomes '+', the rest %XX upper-case.
std::string form_encode(std::string_view text);
void append_form_encoded(std::string& encoded, std::string_view text);
// nullopt on a malformed escape ("%", "%4", "%zz"). '+' decodes to a space.
std::optional<std::string> form_decode(std::string_view text);
bool is_valid_utf8(std::string_view text);

// True when equal; the time taken depends on the lengths only.
bool equal_constant_time(std::string_view left, std::string_view right);

// Cryptographically random.
std::string random_hex(std::size_t bytes);
std::string random_uuid();  // version 4, lower case
// Fast and not for secrets. Any thread.
std::uint64_t random_bits();
bool is_uuid(std::string_view text);

std::string html_escape(std::string_view text);
void append_html_escaped(std::string& escaped, std::string_view text);

}  // namespace b3
