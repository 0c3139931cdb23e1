// Metric families as text, in the format a scraper asks for. Pure functions; any thread.
//
// Prometheus text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
// OpenMetrics 1.0: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <vector>

namespace b3::metrics {

enum class ExpositionFormat { text, open_metrics };

// By an Accept header (RFC 9110 section 12.5.1). OpenMetrics only for those who name it, in version
// 1.0 or in any, and like nothing we have better; text for all others, "" too.
ExpositionFormat choose_format(std::string_view accept);
std::string_view content_type(ExpositionFormat format);

// `more`: families that are text already (gauge_text.h).
std::string expose(ExpositionFormat format, const std::vector<prometheus::MetricFamily>& families,
                   std::string_view more = "");

}  // namespace b3::metrics
