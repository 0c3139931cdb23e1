// Pieces of the text formats. Pure; private to metrics.
#pragma once

#include <string>
#include <string_view>

#include "metrics/families.h"

namespace b3::metrics {

// As label values and help texts are: backslash, quote and line end.
void append_escaped(std::string& out, std::string_view text);
void append_number(std::string& out, double value);
// name="value"; bytes that are not UTF-8 are replaced.
void append_label(std::string& out, const Label& label);
// What both formats can hold: UTF-8.
std::string valid_text(std::string_view value);

}  // namespace b3::metrics
