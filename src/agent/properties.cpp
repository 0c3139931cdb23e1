#include "agent/properties.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>

#include "base/url.h"

namespace b3::agent {
namespace {

constexpr int deepest = 16;
constexpr int most_references = 1'000;
constexpr std::size_t longest_value = 64 * 1024;  // references could make it grow without end
constexpr std::string_view url_key = "bigbluebutton.web.serverURL";
constexpr std::string_view secret_key = "securitySalt";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}
bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

std::string_view trim_front(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

// Takes the next natural line off the text.
std::string_view take_line(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && !is_line_end(text[end])) ++end;
  const auto line = text.substr(0, end);
  text.remove_prefix(end);
  if (text.starts_with("\r\n")) text.remove_prefix(1);
  if (!text.empty()) text.remove_prefix(1);
  return line;
}

bool goes_on(std::string_view line) {
  std::size_t backslashes = 0;
  while (line.ends_with('\\')) {
    line.remove_suffix(1);
    ++backslashes;
  }
  return backslashes % 2 == 1;
}

// A logical line, still escaped; "" for a comment.
std::string take_logical_line(std::string_view& text) {
  std::string_view line = trim_front(take_line(text));
  if (line.starts_with('#') || line.starts_with('!')) return {};
  std::string joined(line);
  while (goes_on(joined)) {
    joined.pop_back();
    if (text.empty()) break;
    joined += trim_front(take_line(text));
  }
  return joined;
}

void append_utf8(std::string& out, char32_t c) {
  if (c >= 0xD800 && c <= 0xDFFF) c = 0xFFFD;
  if (c < 0x80) {
    out += char(c);
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr std::uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
  out += char(lead[more] | (c >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out += char(0x80 | ((c >> (6 * i)) & 0x3F));
}

// The XXXX of "\uXXXX".
std::optional<char32_t> read_unit(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint16_t unit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, unit, 16);
  if (error != std::errc() || end != text.data() + 4) return std::nullopt;
  return unit;
}

// `text` follows "\u"; returns how much of it was used.
std::size_t append_unicode(std::string& out, std::string_view text) {
  const auto first = read_unit(text);
  if (!first) {
    out += 'u';
    return 0;
  }
  const auto second = text.substr(4).starts_with("\\u") ? read_unit(text.substr(6)) : std::nullopt;
  const bool is_pair =
      *first >= 0xD800 && *first < 0xDC00 && second && *second >= 0xDC00 && *second < 0xE000;
  append_utf8(out, is_pair ? 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00) : *first);
  return is_pair ? 10 : 4;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) break;
    switch (text[i]) {
      case 't':
        out += '\t';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u':
        i += append_unicode(out, text.substr(i + 1));
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

// Where the key of a logical line ends.
std::size_t key_end(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] != '=' && line[end] != ':' && !is_blank(line[end])) {
    end += line[end] == '\\' ? 2 : 1;
  }
  return std::min(end, line.size());
}

// `left`: of the references that are followed for one value. References to nothing add nothing to
// its length, but they can be as many as they are long.
std::string expand(const Properties& properties, std::string_view text, int depth, int& left) {
  std::string out;
  while (!text.empty() && out.size() < longest_value) {
    const auto begin = std::min(text.find("${"), text.size());
    out += text.substr(0, begin);
    text.remove_prefix(begin);
    if (text.empty()) break;
    const auto end = text.find('}');
    const auto known =
        end == text.npos ? properties.end() : properties.find(text.substr(2, end - 2));
    if (known == properties.end() || depth == deepest || left == 0) {
      out += text.substr(0, 2);
      text.remove_prefix(2);
    } else {
      --left;
      out += expand(properties, known->second, depth + 1, left);
      text.remove_prefix(end + 1);
    }
  }
  return out;
}

// White space at the end belongs to a value, but nobody means it here.
std::string trim_back(std::string text) {
  while (!text.empty() && (is_blank(text.back()) || is_line_end(text.back()))) text.pop_back();
  return text;
}

}  // namespace

Properties parse_properties(std::string_view text) {
  Properties properties;
  while (!text.empty()) {
    const std::string line = take_logical_line(text);
    if (line.empty()) continue;
    const auto end = key_end(line);
    std::string_view value = trim_front(std::string_view(line).substr(end));
    if (value.starts_with('=') || value.starts_with(':')) value = trim_front(value.substr(1));
    properties.insert_or_assign(unescape(line.substr(0, end)), unescape(value));
  }
  return properties;
}

std::string resolve(const Properties& properties, std::string_view key) {
  const auto found = properties.find(key);
  if (found == properties.end()) return {};
  int left = most_references;
  return expand(properties, found->second, 0, left);
}

std::expected<Identity, std::string> read_identity(std::string_view defaults,
                                                   std::string_view override) {
  auto properties = parse_properties(override);
  properties.merge(parse_properties(defaults));
  std::string url = trim_back(resolve(properties, url_key));
  while (url.ends_with('/')) url.pop_back();
  if (url.empty()) return std::unexpected(fmt::format("there is no {} in the properties", url_key));
  auto host = normalize_backend_host(
      url.ends_with("/bigbluebutton/api") ? url : url + "/bigbluebutton/api/");
  if (!host) return std::unexpected(fmt::format("{}: {}", url_key, host.error()));
  auto secret = trim_back(resolve(properties, secret_key));
  if (secret.empty()) {
    return std::unexpected(fmt::format("there is no {} in the properties", secret_key));
  }
  return Identity{*std::move(host), std::move(secret)};
}

}  // namespace b3::agent
