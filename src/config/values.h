// Reading single values by kind. Pure; private to this room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "config/config.h"

namespace b3::config {

std::string_view trim(std::string_view text);  // blanks, tabs and line ends
std::string lower_case(std::string_view text);
std::vector<std::string_view> split(std::string_view text, std::string_view separator);

const Variable* find_variable(std::string_view name);
bool is_secret(const Variable& variable);
bool is_read_by(const Variable& variable, std::string_view program);

// Each nullopt for anything but the whole text being a value; ranges are not looked at.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_number(std::string_view text);  // finite
std::optional<bool> parse_boolean(std::string_view text);   // any letter case
std::optional<log::Level> parse_log_level(std::string_view text);
bool is_listen_address(std::string_view text);  // host:port, [IPv6]:port, :port
bool is_database_url(std::string_view text);

// What values of this variable look like, for people: "a whole number from 1 to 1000".
std::string describe_allowed(const Variable& variable);
// The sentence for the operator when `value` is not allowed. Quotes the value, made printable,
// unless it is or may contain a secret.
std::optional<std::string> problem_with(const Variable& variable, std::string_view value);

}  // namespace b3::config
