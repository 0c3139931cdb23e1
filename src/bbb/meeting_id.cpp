#include "bbb/meeting_id.h"

#include <algorithm>

#include "base/utf8.h"
#include "model/frontend.h"

namespace b3::bbb {

namespace {

constexpr char separator = '~';

// Characters that make an answer naming the id unreadable: control characters, what XML cannot
// hold, and bytes that are not UTF-8.
bool is_readable(std::string_view text) {
  if (is_printable_ascii(text)) return true;
  while (!text.empty()) {
    const Utf8Character character = first_utf8_character(text);
    const bool control = character.code_point < 0x20 ||
                         (character.code_point >= 0x7F && character.code_point <= 0x9F);
    if (character.length == 0 || control || !is_xml_character(character.code_point)) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

}  // namespace

std::string scope(std::string_view frontend_key, std::string_view meeting_id) {
  return std::string(frontend_key).append(1, separator).append(meeting_id);
}

std::optional<Unscoped> unscope(std::string_view scoped_id) {
  const std::size_t end_of_key = scoped_id.find(separator);
  if (end_of_key == std::string_view::npos) return std::nullopt;
  const Unscoped parts{scoped_id.substr(0, end_of_key), scoped_id.substr(end_of_key + 1)};
  if (!is_valid_frontend_key(parts.frontend_key) || parts.meeting_id.empty()) return std::nullopt;
  return parts;
}

std::string_view trim_meeting_id(std::string_view meeting_id) {
  const auto is_trimmed = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!meeting_id.empty() && is_trimmed(meeting_id.front())) meeting_id.remove_prefix(1);
  while (!meeting_id.empty() && is_trimmed(meeting_id.back())) meeting_id.remove_suffix(1);
  return meeting_id;
}

std::optional<IdProblem> check_meeting_id(std::string_view frontend_key,
                                          std::string_view meeting_id) {
  constexpr std::string_view message_key = "validationError";
  if (meeting_id.empty()) return IdProblem{message_key, "You must provide a meeting ID"};
  if (!is_readable(meeting_id))
    return IdProblem{message_key,
                     "Meeting ID cannot contain control characters or text that is not UTF-8"};
  const std::size_t scoped_length =
      count_code_points(frontend_key) + 1 + count_code_points(meeting_id);
  if (count_code_points(meeting_id) < min_meeting_id_length ||
      scoped_length > max_meeting_id_length)
    return IdProblem{message_key, "Meeting ID must be between 2 and 256 characters"};
  if (meeting_id.contains(',')) return IdProblem{message_key, "Meeting ID cannot contain ','"};
  return std::nullopt;
}

std::size_t count_code_points(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) {
    const bool continuation = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    return !continuation;
  }));
}

}  // namespace b3::bbb
