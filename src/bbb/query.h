// Query strings and form bodies of BBB calls.
//
// Checksums are computed over raw bytes, so the raw text is kept beside the decoded parameters.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace b3::bbb {

struct Parameter {
  std::string name;   // decoded
  std::string value;  // decoded
  bool operator==(const Parameter&) const = default;
};

// Decoded parameters in the order received, names unique.
class Parameters {
 public:
  const std::string* find(std::string_view name) const;
  // find() or "".
  std::string_view get(std::string_view name) const;
  void set(std::string_view name, std::string value);  // replaces in place or appends
  void append(Parameter parameter) { list_.push_back(std::move(parameter)); }  // of a new name
  void reserve(std::size_t count) { list_.reserve(count); }
  void erase(std::string_view name);
  bool empty() const { return list_.empty(); }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  std::size_t size() const { return list_.size(); }
  // name=value&..., both form-encoded.
  std::string encode() const;
  // The same with this value for this name, which is put last where it is missing.
  std::string encode_with(std::string_view name, std::string_view value) const;
  // Both appended to what is there, without a '&' in front.
  void append_encoded(std::string& text) const;
  void append_encoded_with(std::string& text, std::string_view name, std::string_view value) const;
  bool operator==(const Parameters&) const = default;

 private:
  std::vector<Parameter> list_;
};

enum class QueryError {
  malformed_escape,     // "%zz"
  invalid_text,         // not UTF-8, or a NUL or other control character in a name
  invalid_name,         // empty, longer than 256 bytes, or outside [A-Za-z0-9_.:-]
  duplicate_parameter,  // the same decoded name twice with different values
  duplicate_checksum,
  too_many_parameters,  // more than 1,000
};
// A sentence for the BBB error answer; names no value the sender gave.
std::string_view to_message(QueryError error);

// Parses "a=b&c=d". Empty pieces ("&&") are skipped; a piece without '=' is a name with an empty
// value. The same name twice with the same value counts once. `checksum` is left out of the result.
std::expected<Parameters, QueryError> parse_parameters(std::string_view raw);

}  // namespace b3::bbb
