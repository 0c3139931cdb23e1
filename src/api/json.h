// Reading and writing the JSON of the REST API. Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "api/problem.h"
#include "api/schema.h"
#include "base/time.h"
#include "model/backend.h"

namespace b3::api {

namespace json = boost::json;

// One JSON object and nothing behind it. 400 bad_request naming line and column otherwise.
std::expected<json::object, Problem> parse_object(std::string_view text);

http::Response json_response(int status, const json::value& body);

json::value time_or_null(const std::optional<WallTime>& time);
json::value text_or_null(std::string_view text);  // "" becomes null
// Stored documents; an empty object when one cannot be read.
json::object stored_document(std::string_view text);

// RFC 7396 without the outermost step: `patch` merged into `target` key by key, null removes.
void merge_object(json::object& target, const json::object& patch);

// Fields of an object, with everything wrong about them collected under "prefix.name".
class Fields {
 public:
  Fields(const json::object& object, std::string prefix, FieldErrors& errors)
      : object_(object), prefix_(std::move(prefix)), errors_(errors) {}

  bool has(std::string_view name) const { return object_.contains(name); }
  bool is_null(std::string_view name) const;
  // Absent: nullopt. Null or of another type: nullopt and an error.
  std::optional<std::string> text(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<double> number(std::string_view name);
  const json::object* object(std::string_view name);
  // A text that is not empty, not white space only and without control characters.
  std::optional<std::string> filled_text(std::string_view name);
  // Object without NUL characters and infinite numbers, which databases do not hold.
  const json::object* document(std::string_view name);

  void require(std::string_view name);
  void refuse(std::string_view name, std::string problem);
  void refuse_others(std::initializer_list<std::string_view> known);
  void refuse_others(const Schema& known);

 private:
  const json::value* given(std::string_view name);

  const json::object& object_;
  std::string prefix_;  // "" or "bbb."
  FieldErrors& errors_;
};

// Adds the errors of a settings document under "settings.".
void add_settings_errors(const FieldErrors& from, FieldErrors& to);

}  // namespace b3::api
