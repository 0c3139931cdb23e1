// A YAML or JSON file as a JSON value. Pure.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <set>
#include <string>
#include <string_view>

namespace b3::ctl {

// YAML 1.2's core schema decides what an unquoted word is; those under a key of `text_keys`, except
// below "settings", stay texts as they are written (a secret of digits only). At most 1 MiB, 32
// levels and 100,000 values, aliases counted each time. The error is a sentence and names the line.
std::expected<boost::json::value, std::string> parse_document(
    std::string_view text, const std::set<std::string_view>& text_keys);

}  // namespace b3::ctl
