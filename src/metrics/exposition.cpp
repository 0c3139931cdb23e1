#include "metrics/exposition.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>

#include "metrics/text.h"

namespace b3::metrics {
namespace {

constexpr std::string_view total = "_total";

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Takes what is in front of the separator off `text`.
std::string_view take(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto taken = trim(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

bool same_word(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? char(text[i] | 0x20) : text[i];
    if (c != lower_case[i]) return false;
  }
  return true;
}

struct MediaRange {
  std::string_view type;
  std::string_view version;
  double quality = 1;
};

MediaRange parse_range(std::string_view text) {
  MediaRange range;
  range.type = take(text, ';');
  while (!text.empty()) {
    auto parameter = take(text, ';');
    const auto name = take(parameter, '=');
    const auto value = trim(parameter);
    if (same_word(name, "q")) {
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), range.quality);
      if (parsed.ec != std::errc{} || !(range.quality >= 0 && range.quality <= 1)) {
        range.quality = 0;
      }
    } else if (same_word(name, "version")) {
      range.version = value;
    }
  }
  return range;
}

// Canonical: 1.0 for one.
std::string bound_text(double bound) {
  if (std::isinf(bound)) return "+Inf";
  auto text = fmt::format("{}", bound);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// One line; `bound`: the le label.
void append_sample(std::string& out, std::string_view name, std::string_view suffix,
                   const prometheus::ClientMetric& metric, double value,
                   std::optional<double> bound = {}) {
  out.append(name).append(suffix);
  char separator = '{';
  for (const auto& label : metric.label) {
    out += separator;
    out.append(label.name).append("=\"");
    append_escaped(out, label.value);
    out += '"';
    separator = ',';
  }
  if (bound) {
    out += separator;
    out.append("le=\"").append(bound_text(*bound)) += '"';
    separator = ',';
  }
  if (separator == ',') out += '}';
  out += ' ';
  append_number(out, value);
  out += '\n';
}

void append_histogram(std::string& out, std::string_view name,
                      const prometheus::ClientMetric& metric) {
  const auto& histogram = metric.histogram;
  for (const auto& bucket : histogram.bucket) {
    append_sample(out, name, "_bucket", metric, double(bucket.cumulative_count),
                  bucket.upper_bound);
  }
  append_sample(out, name, "_count", metric, double(histogram.sample_count));
  append_sample(out, name, "_sum", metric, histogram.sample_sum);
}

// A counter's family is named without the suffix of its samples.
void append_family(std::string& out, const prometheus::MetricFamily& family) {
  std::string_view name = family.name;
  std::string_view type = "gauge";
  if (family.type == prometheus::MetricType::Counter) {
    type = "counter";
    if (name.ends_with(total)) name.remove_suffix(total.size());
  } else if (family.type == prometheus::MetricType::Histogram) {
    type = "histogram";
  }
  out.append("# TYPE ").append(name).append(" ").append(type) += '\n';
  out.append("# HELP ").append(name) += ' ';
  append_escaped(out, family.help);
  out += '\n';
  for (const auto& metric : family.metric) {
    if (family.type == prometheus::MetricType::Histogram) {
      append_histogram(out, name, metric);
    } else if (family.type == prometheus::MetricType::Counter) {
      append_sample(out, name, total, metric, metric.counter.value);
    } else {
      append_sample(out, name, "", metric, metric.gauge.value);
    }
  }
}

}  // namespace

ExpositionFormat choose_format(std::string_view accept) {
  double open_metrics = 0;
  double text = 0;
  while (!accept.empty()) {
    const auto range = parse_range(take(accept, ','));
    const bool known_version = range.version.empty() || range.version == "1.0.0";
    if (same_word(range.type, "application/openmetrics-text") && known_version) {
      open_metrics = std::max(open_metrics, range.quality);
    } else if (same_word(range.type, "text/plain")) {
      text = std::max(text, range.quality);
    }
  }
  return open_metrics > 0 && open_metrics >= text ? ExpositionFormat::open_metrics
                                                  : ExpositionFormat::text;
}

std::string_view content_type(ExpositionFormat format) {
  return format == ExpositionFormat::open_metrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string expose(ExpositionFormat format, const std::vector<prometheus::MetricFamily>& families,
                   std::string_view more) {
  if (format == ExpositionFormat::text) {
    auto text = prometheus::TextSerializer{}.prometheus::Serializer::Serialize(families);
    return text.append(more);
  }
  std::string out;
  for (const auto& family : families) append_family(out, family);
  out.append(more).append("# EOF\n");
  return out;
}

}  // namespace b3::metrics
