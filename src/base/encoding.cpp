#include "base/encoding.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <cstring>
#include <random>
#include <stdexcept>

#include "base/utf8.h"

namespace b3 {

namespace {

constexpr std::string_view lower_hex_digits = "0123456789abcdef";
constexpr std::string_view upper_hex_digits = "0123456789ABCDEF";
constexpr std::string_view base64url_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Fetched once: EVP_sha256() and its like are looked up again, under locks, by every use
// (OpenSSL 3, crypto(7), "Implicit fetching"). Never freed.
const EVP_MD* openssl_digest(HashAlgorithm algorithm) {
  static const std::array<EVP_MD*, 4> digests{
      EVP_MD_fetch(nullptr, "SHA1", nullptr), EVP_MD_fetch(nullptr, "SHA256", nullptr),
      EVP_MD_fetch(nullptr, "SHA384", nullptr), EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  const auto index = static_cast<std::size_t>(algorithm);
  if (index >= digests.size() || digests[index] == nullptr)
    throw std::invalid_argument("unknown hash algorithm");
  return digests[index];
}

struct DigestContext {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~DigestContext() { EVP_MD_CTX_free(context); }
};

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.empty() ? "" : text.data());
}

// -1 for everything that is no digit.
constexpr std::array<signed char, 256> hex_digit_values = [] {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (signed char i = 0; i < 16; ++i) {
    const auto digit = static_cast<std::size_t>(i);
    values[static_cast<unsigned char>(lower_hex_digits[digit])] = i;
    values[static_cast<unsigned char>(upper_hex_digits[digit])] = i;
  }
  return values;
}();

int hex_digit_value(char digit) {
  return hex_digit_values[static_cast<unsigned char>(digit)];
}

constexpr std::array<std::array<char, 2>, 256> hex_pairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte)
    pairs[byte] = {lower_hex_digits[byte >> 4], lower_hex_digits[byte & 15]};
  return pairs;
}();

// Tables instead of find_first_of(): that calls memchr() for every character it looks at.
constexpr std::array<bool, 256> table_of(std::string_view characters) {
  std::array<bool, 256> table{};
  for (const char c : characters) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto unreserved =
    table_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~");
constexpr auto form_specials = table_of("%+");
constexpr auto html_specials = table_of("&<>\"'");

// Special, and not '&'? One memchr() each is faster than one look at each character.
bool has_rare_html_specials(std::string_view text) {
  return text.contains('<') || text.contains('>') || text.contains('"') || text.contains('\'');
}

bool is_unreserved(char c) {
  return unreserved[static_cast<unsigned char>(c)];
}

std::size_t find_any(std::string_view text, const std::array<bool, 256>& table) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (table[static_cast<unsigned char>(text[i])]) return i;
  }
  return std::string_view::npos;
}

std::string_view html_entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      return "&#39;";
  }
}

// One character per value of a base64url digit, -1 for everything else.
constexpr std::array<signed char, 256> base64url_values = [] {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < base64url_digits.size(); ++i)
    values[static_cast<unsigned char>(base64url_digits[i])] = static_cast<signed char>(i);
  return values;
}();

void fill_randomly(char* bytes, std::size_t count) {
  if (count > INT_MAX || RAND_bytes(reinterpret_cast<unsigned char*>(bytes), int(count)) != 1)
    throw std::runtime_error("the system's random number generator failed");
}

// Asking OpenSSL costs the same for one byte and for many, so each thread keeps some. What was
// given out is wiped.
std::string random_bytes(std::size_t count) {
  constexpr std::size_t kept = 1'024;
  thread_local std::array<char, kept> pool;
  thread_local std::size_t left = 0;  // at the end of the pool
  std::string bytes(count, '\0');
  if (count > kept / 4) {
    fill_randomly(bytes.data(), count);
    return bytes;
  }
  if (left < count) {
    left = 0;
    fill_randomly(pool.data(), kept);
    left = kept;
  }
  char* const next = pool.data() + (kept - left);
  std::memcpy(bytes.data(), next, count);
  OPENSSL_cleanse(next, count);
  left -= count;
  return bytes;
}

}  // namespace

std::optional<HashAlgorithm> parse_hash_algorithm(std::string_view name) {
  for (const auto algorithm :
       {HashAlgorithm::sha1, HashAlgorithm::sha256, HashAlgorithm::sha384, HashAlgorithm::sha512})
    if (name == to_string(algorithm)) return algorithm;
  return std::nullopt;
}

std::string_view to_string(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::sha1:
      return "sha1";
    case HashAlgorithm::sha256:
      return "sha256";
    case HashAlgorithm::sha384:
      return "sha384";
    case HashAlgorithm::sha512:
      return "sha512";
  }
  throw std::invalid_argument("unknown hash algorithm");
}

Digest digest(HashAlgorithm algorithm, std::initializer_list<std::string_view> pieces) {
  thread_local const DigestContext reused;
  Digest result;
  static_assert(sizeof result.storage >= EVP_MAX_MD_SIZE);
  unsigned size = 0;
  bool fine = EVP_DigestInit_ex2(reused.context, openssl_digest(algorithm), nullptr) == 1;
  for (const auto piece : pieces)
    fine = fine && EVP_DigestUpdate(reused.context, octets(piece), piece.size()) == 1;
  auto* const bytes = reinterpret_cast<unsigned char*>(result.storage.data());
  if (!fine || EVP_DigestFinal_ex(reused.context, bytes, &size) != 1)
    throw std::runtime_error("OpenSSL cannot compute the digest");
  result.size = size;
  return result;
}

std::string digest_hex(HashAlgorithm algorithm, std::string_view data) {
  return to_hex(digest(algorithm, {data}).bytes());
}

std::string hmac(HashAlgorithm algorithm, std::string_view key, std::string_view data) {
  if (key.size() > INT_MAX) throw std::invalid_argument("HMAC key too long");
  std::array<unsigned char, EVP_MAX_MD_SIZE> code;
  unsigned size = 0;
  if (HMAC(openssl_digest(algorithm), octets(key), int(key.size()), octets(data), data.size(),
           code.data(), &size) == nullptr)
    throw std::runtime_error("OpenSSL cannot compute the HMAC");
  return {reinterpret_cast<const char*>(code.data()), size};
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  append_hex(text, bytes);
  return text;
}

void append_hex(std::string& text, std::string_view bytes) {
  const std::size_t before = text.size();
  text.resize(before + bytes.size() * 2);
  char* next = text.data() + before;
  for (const char c : bytes) {
    std::memcpy(next, &hex_pairs[static_cast<unsigned char>(c)], 2);
    next += 2;
  }
}

bool decode_hex(std::string_view text, std::span<char> bytes) {
  if (text.size() != bytes.size() * 2) return false;
  int seen = 0;  // negative as soon as one digit is none
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit_values[static_cast<unsigned char>(text[2 * i])];
    const int low = hex_digit_values[static_cast<unsigned char>(text[2 * i + 1])];
    seen |= high | low;
    bytes[i] = static_cast<char>((high & 15) << 4 | (low & 15));
  }
  return seen >= 0;
}

std::string base64url_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += base64url_digits[buffer >> bits & 63];
    }
  }
  if (bits > 0) text += base64url_digits[buffer << (6 - bits) & 63];
  return text;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = base64url_values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 255);
    }
  }
  const bool canonical = (buffer & ((1u << bits) - 1)) == 0;
  if (!canonical) return std::nullopt;
  return bytes;
}

std::string form_encode(std::string_view text) {
  std::string encoded;
  append_form_encoded(encoded, text);
  return encoded;
}

void append_form_encoded(std::string& encoded, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_unreserved(text[plain])) ++plain;
    encoded.append(text.substr(0, plain));
    if (plain == text.size()) return;
    const auto byte = static_cast<unsigned char>(text[plain]);
    if (byte == ' ') {
      encoded += '+';
    } else {
      encoded += {'%', upper_hex_digits[byte >> 4], upper_hex_digits[byte & 15]};
    }
    text.remove_prefix(plain + 1);
  }
}

std::optional<std::string> form_decode(std::string_view text) {
  std::size_t special = find_any(text, form_specials);
  if (special == std::string_view::npos) return std::string(text);
  std::string decoded;
  decoded.reserve(text.size());
  for (; special != std::string_view::npos; special = find_any(text, form_specials)) {
    decoded.append(text.substr(0, special));
    text.remove_prefix(special);
    if (text[0] == '+') {
      decoded += ' ';
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 3) return std::nullopt;
    const int high = hex_digit_value(text[1]);
    const int low = hex_digit_value(text[2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high << 4 | low);
    text.remove_prefix(3);
  }
  return decoded.append(text);
}

// How many characters before the first one that is not ASCII; looks at eight at a time.
static std::size_t ascii_prefix(std::string_view text) {
  std::size_t size = 0;
  for (std::uint64_t group = 0; size + sizeof group <= text.size(); size += sizeof group) {
    std::memcpy(&group, text.data() + size, sizeof group);
    if ((group & 0x8080808080808080u) != 0) break;
  }
  while (size < text.size() && static_cast<unsigned char>(text[size]) < 0x80) ++size;
  return size;
}

bool is_valid_utf8(std::string_view text) {
  text.remove_prefix(ascii_prefix(text));
  while (!text.empty()) {
    const std::size_t length = first_utf8_character(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool equal_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() &&
         CRYPTO_memcmp(octets(left), octets(right), left.size()) == 0;
}

std::string random_hex(std::size_t bytes) {
  return to_hex(random_bytes(bytes));
}

std::uint64_t random_bits() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return generator();
}

std::string random_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);  // version 4
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);  // RFC 9562 variant
  std::string text = to_hex(bytes);
  for (const std::size_t position : {8, 13, 18, 23}) text.insert(position, 1, '-');
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : hex_digit_value(text[i]) < 0) return false;
  }
  return true;
}

std::string html_escape(std::string_view text) {
  std::string escaped;
  append_html_escaped(escaped, text);
  return escaped;
}

void append_html_escaped(std::string& escaped, std::string_view text) {
  const bool only_ampersands = !has_rare_html_specials(text);
  for (;;) {
    const auto special = only_ampersands ? text.find('&') : find_any(text, html_specials);
    escaped.append(text.substr(0, special));
    if (special == std::string_view::npos) return;
    escaped.append(html_entity(text[special]));
    text.remove_prefix(special + 1);
  }
}

}  // namespace b3
