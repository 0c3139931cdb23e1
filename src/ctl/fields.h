// Reading the API's JSON without trusting its shape. Pure.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace b3::ctl {

// The value at "bbb.host"; nullptr where there is none or it is null.
const boost::json::value* find_field(const boost::json::value& value, std::string_view path);
// Strings as they are, numbers and booleans as JSON writes them, "-" where there is nothing.
std::string field_text(const boost::json::value& value, std::string_view path);
std::optional<double> field_number(const boost::json::value& value, std::string_view path);
// "2026-11-21T22:03:53.120Z", the form the API writes; nullopt for anything else.
std::optional<WallTime> parse_time(std::string_view text);
bool field_is_true(const boost::json::value& value, std::string_view path);
// "eu, sip" of an array of strings; "-" when there are none.
std::string field_list(const boost::json::value& value, std::string_view path);
// The elements of an array; empty for anything else.
const boost::json::array& elements_of(const boost::json::value& value);
const boost::json::array& field_elements(const boost::json::value& value, std::string_view path);

}  // namespace b3::ctl
