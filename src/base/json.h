// The few things done to JSON everywhere: strict parsing and typed look-ups in objects.
// Pure functions; safe from any thread.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace b3 {

// nullopt unless `text` is exactly one JSON object: UTF-8, nested at most 32 deep, nothing after
// it but white space. Of a repeated key the last value counts.
std::optional<boost::json::object> parse_json_object(std::string_view text);

// nullopt / nullptr where the key is absent or has a value of another type. Numbers that are
// whole and fit count as integers however they are written ("3", "3.0").
const boost::json::string* find_string(const boost::json::object& object, std::string_view key);
std::optional<std::int64_t> find_integer(const boost::json::object& object, std::string_view key);
std::optional<double> find_number(const boost::json::object& object, std::string_view key);
std::optional<bool> find_bool(const boost::json::object& object, std::string_view key);

// `value` as people write it: numbers in their shortest decimal form (1, 0.63) where
// boost::json::serialize() gives 1E0 and 6.3E-1. Not a number and infinity become null.
std::string to_json_text(const boost::json::value& value);

}  // namespace b3
