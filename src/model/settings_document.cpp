#include "model/settings_document.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

namespace b3 {

namespace {

constexpr std::size_t max_tag_length = 128;  // bytes

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::optional<std::int64_t> count_of(const boost::json::value& value) {
  if (const auto* number = value.if_int64(); number && *number >= 0) return *number;
  return std::nullopt;  // an unsigned value that boost keeps as uint64 is beyond int64
}

}  // namespace

SettingsDocument::SettingsDocument(std::string_view json) {
  boost::system::error_code error;
  const auto value = boost::json::parse(json, error);
  if (error) {
    reject("settings", "is not valid JSON");
  } else if (!value.is_object()) {
    reject("settings", "must be a JSON object");
  } else {
    object_ = value.get_object();
  }
}

const boost::json::value* SettingsDocument::find(std::string_view key) const {
  const auto* value = object_.if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}

void SettingsDocument::reject(std::string_view key, std::string_view message) {
  errors_.emplace(prefix_ + std::string(key), message);
}

std::optional<std::int64_t> SettingsDocument::read_count(std::string_view key) {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  const auto count = count_of(*value);
  if (!count) reject(key, "must be a whole number of 0 or more");
  return count;
}

std::optional<std::string> SettingsDocument::read_text(std::string_view key) {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  const auto* text = value->if_string();
  if (!text || has_control_character(*text)) {
    reject(key, "must be a text without control characters");
    return std::nullopt;
  }
  return std::string(*text);
}

std::vector<std::string> SettingsDocument::read_tags(std::string_view key) {
  const auto* value = find(key);
  if (!value) return {};
  const auto* list = value->if_array();
  if (!list) {
    reject(key, "must be a list of texts");
    return {};
  }
  std::vector<std::string> tags;
  for (std::size_t index = 0; index < list->size(); ++index) {
    const auto* text = (*list)[index].if_string();
    if (!text || text->empty() || text->size() > max_tag_length || has_control_character(*text)) {
      reject(std::string(key) + "[" + std::to_string(index) + "]",
             "must be a text of 1 to 128 bytes without control characters");
      continue;
    }
    if (std::ranges::find(tags, std::string_view(*text)) == tags.end()) tags.emplace_back(*text);
  }
  return tags;
}

void SettingsDocument::check_boolean(std::string_view key) {
  const auto* value = find(key);
  if (value && !value->is_bool()) reject(key, "must be true or false");
}

void SettingsDocument::check_text_map(std::string_view key) {
  const auto* value = find(key);
  if (!value) return;
  const auto* map = value->if_object();
  if (!map) {
    reject(key, "must be an object of texts");
    return;
  }
  for (const auto& [name, entry] : *map) {
    if (!entry.is_string()) reject(std::string(key) + "." + std::string(name), "must be a text");
  }
}

std::optional<SettingsDocument> SettingsDocument::read_object(std::string_view key) {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) {
    reject(key, "must be an object");
    return std::nullopt;
  }
  return SettingsDocument{value->get_object(), prefix_ + std::string(key) + "."};
}

void SettingsDocument::take_errors_of(const SettingsDocument& nested) {
  errors_.insert(nested.errors_.begin(), nested.errors_.end());
}

}  // namespace b3
