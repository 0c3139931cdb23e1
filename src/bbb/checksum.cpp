#include "bbb/checksum.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "bbb/query.h"

namespace b3::bbb {

namespace {

// `may_be_escaped`: false where there is no '%' in the whole text.
bool is_checksum_piece(std::string_view piece, bool may_be_escaped) {
  constexpr std::string_view wanted = "checksum";
  if (piece.starts_with(wanted))
    return piece.size() == wanted.size() || piece[wanted.size()] == '=';
  if (!may_be_escaped) return false;
  const auto name = piece.substr(0, piece.find('='));
  return name.contains('%') && form_decode(name) == wanted;
}

std::string_view value_of(std::string_view piece) {
  const std::size_t equals = piece.find('=');
  return equals == std::string_view::npos ? std::string_view() : piece.substr(equals + 1);
}

// java.net.URLEncoder, which BBB rebuilds its string with, differs from form_encode() in two
// characters: '*' stands for itself and '~' does not.
std::string encode_like_java(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (c == '*')
      encoded += c;
    else if (c == '~')
      encoded += "%7E";
    else
      encoded += form_encode({&c, 1});
  }
  return encoded;
}

std::optional<HashAlgorithm> algorithm_of_digits(std::size_t count) {
  switch (count) {
    case 40:
      return HashAlgorithm::sha1;
    case 64:
      return HashAlgorithm::sha256;
    case 96:
      return HashAlgorithm::sha384;
    case 128:
      return HashAlgorithm::sha512;
    default:
      return std::nullopt;
  }
}

using Encode = std::string (*)(std::string_view);

std::string leave_as_is(std::string_view text) {
  return std::string(text);
}

std::string rebuild(const Parameters& parameters, Encode encode_name, Encode encode_value) {
  std::vector<const Parameter*> sorted;
  for (const Parameter& parameter : parameters) sorted.push_back(&parameter);
  std::ranges::sort(sorted, {},
                    [](const Parameter* parameter) -> std::string_view { return parameter->name; });
  std::string text;
  for (const Parameter* parameter : sorted) {
    if (!text.empty()) text += '&';
    text += encode_name(parameter->name) + '=' + encode_value(parameter->value);
  }
  return text;
}

}  // namespace

std::expected<SignedQuery, ChecksumError> find_checksum(std::string_view raw_query) {
  struct Place {
    std::size_t begin;
    std::string_view piece;
  };
  std::optional<Place> place;
  const bool may_be_escaped = raw_query.contains('%');
  for (std::size_t begin = 0; begin <= raw_query.size();) {
    const std::string_view piece = raw_query.substr(begin, raw_query.find('&', begin) - begin);
    if (is_checksum_piece(piece, may_be_escaped)) {
      if (place) return std::unexpected(ChecksumError::repeated);
      place = Place{begin, piece};
    }
    begin += piece.size() + 1;
  }
  if (!place) return std::unexpected(ChecksumError::missing);

  std::string_view before = raw_query.substr(0, place->begin);
  std::string_view after = raw_query.substr(place->begin + place->piece.size());
  if (!before.empty())
    before.remove_suffix(1);
  else if (!after.empty())
    after.remove_prefix(1);
  return SignedQuery{before, after, value_of(place->piece)};
}

std::expected<SplitQuery, ChecksumError> split_checksum(std::string_view raw_query) {
  const auto found = find_checksum(raw_query);
  if (!found) return std::unexpected(found.error());
  return SplitQuery{std::string(found->before).append(found->after), std::string(found->checksum)};
}

std::optional<HashAlgorithm> algorithm_of(std::string_view checksum) {
  const auto algorithm = algorithm_of_digits(checksum.size());
  Digest ignored;
  if (!algorithm || !decode_hex(checksum, std::span(ignored.storage).first(checksum.size() / 2))) {
    return std::nullopt;
  }
  return algorithm;
}

std::expected<void, ChecksumError> verify_query(std::string_view call, const SignedQuery& query,
                                                std::string_view secret) {
  if (secret.empty()) return std::unexpected(ChecksumError::no_secret);
  const auto algorithm = algorithm_of_digits(query.checksum.size());
  if (!algorithm) return std::unexpected(ChecksumError::malformed);
  Digest received;
  received.size = query.checksum.size() / 2;
  if (!decode_hex(query.checksum, std::span(received.storage).first(received.size))) {
    return std::unexpected(ChecksumError::malformed);
  }
  const Digest expected = digest(*algorithm, {call, query.before, query.after, secret});
  if (!equal_constant_time(expected.bytes(), received.bytes()))
    return std::unexpected(ChecksumError::mismatch);
  return {};
}

std::expected<void, ChecksumError> verify(std::string_view call, const SplitQuery& query,
                                          std::string_view secret) {
  return verify_query(call, SignedQuery{query.rest, {}, query.checksum}, secret);
}

std::expected<void, ChecksumError> verify_form(std::string_view call, std::string_view raw_body,
                                               std::string_view secret) {
  const auto split = split_checksum(raw_body);
  if (!split) return std::unexpected(split.error());
  const auto as_sent = verify(call, *split, secret);
  if (as_sent || as_sent.error() != ChecksumError::mismatch) return as_sent;

  const auto parameters = parse_parameters(split->rest);
  if (!parameters) return as_sent;
  // BBB encodes the values only (bbb-web, ValidationService).
  for (const std::string& rebuilt : {rebuild(*parameters, leave_as_is, encode_like_java),
                                     rebuild(*parameters, form_encode, form_encode)})
    if (verify_query(call, {rebuilt, {}, split->checksum}, secret)) return {};
  return as_sent;
}

std::string sign(HashAlgorithm algorithm, std::string_view call, std::string_view query,
                 std::string_view secret) {
  return to_hex(digest(algorithm, {call, query, secret}).bytes());
}

void append_checksum(std::string& text, std::size_t query_begin, HashAlgorithm algorithm,
                     std::string_view call, std::string_view secret) {
  const auto query = std::string_view(text).substr(query_begin);
  const Digest checksum = digest(algorithm, {call, query, secret});
  text.append(query.empty() ? "checksum=" : "&checksum=");
  append_hex(text, checksum.bytes());
}

std::string signed_query(HashAlgorithm algorithm, std::string_view call, std::string_view query,
                         std::string_view secret) {
  std::string text{query};
  append_checksum(text, 0, algorithm, call, secret);
  return text;
}

}  // namespace b3::bbb
