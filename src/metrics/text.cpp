#include "metrics/text.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/encoding.h"
#include "base/utf8.h"

namespace b3::metrics {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '"') {
      out += "\\\"";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else if (value == std::floor(value) && std::abs(value) < 1e15) {
    fmt::format_to(std::back_inserter(out), "{}", std::int64_t(value));
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

void append_label(std::string& out, const Label& label) {
  out.append(label.first).append("=\"");
  if (is_valid_utf8(label.second)) {
    append_escaped(out, label.second);
  } else {
    append_escaped(out, valid_text(label.second));
  }
  out += '"';
}

std::string valid_text(std::string_view value) {
  return is_valid_utf8(value) ? std::string(value) : to_xml_text(value);
}

}  // namespace b3::metrics
