// A settings document being checked: reads typed values by key and collects what is wrong.
//
// A key that is absent or null counts as not given. Keys nobody reads are allowed. An error of
// the document as a whole is filed under "settings". Private to the model; a value type.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/backend.h"

namespace b3 {

class SettingsDocument {
 public:
  // Never throws on bad JSON; errors() tells.
  explicit SettingsDocument(std::string_view json);

  std::optional<std::int64_t> read_count(std::string_view key);  // 0 or more
  std::optional<std::string> read_text(std::string_view key);    // without control characters
  std::vector<std::string> read_tags(std::string_view key);      // without repetitions
  // Shape checks of values that are kept but not read yet.
  void check_boolean(std::string_view key);
  void check_text_map(std::string_view key);
  // The object under `key` as a document of its own, its errors filed under "key.".
  std::optional<SettingsDocument> read_object(std::string_view key);
  void take_errors_of(const SettingsDocument& nested);

  void reject(std::string_view key, std::string_view message);
  const FieldErrors& errors() const { return errors_; }

 private:
  SettingsDocument(boost::json::object object, std::string prefix)
      : object_(std::move(object)), prefix_(std::move(prefix)) {}
  // nullptr when absent or null.
  const boost::json::value* find(std::string_view key) const;

  boost::json::object object_;
  std::string prefix_;
  FieldErrors errors_;
};

}  // namespace b3
