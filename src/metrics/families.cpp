#include "metrics/families.h"

#include <limits>

#include "metrics/text.h"

namespace b3::metrics {
prometheus::ClientMetric& Families::Family::next(Labels labels) {
  auto& metric = owner_->families_[at_].metric.emplace_back();
  metric.label.reserve(labels.size());
  for (const auto& [name, value] : labels) {
    metric.label.push_back({std::string(name), valid_text(value)});
  }
  return metric;
}

void Families::Family::add(double value, Labels labels) {
  auto& metric = next(labels);
  if (owner_->families_[at_].type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void Families::Family::add(const Histogram& histogram, Labels labels) {
  auto& out = next(labels).histogram;
  const auto counts = histogram.counts();
  out.bucket.reserve(counts.size());
  std::uint64_t so_far = 0;
  for (std::size_t at = 0; at < counts.size(); ++at) {
    so_far += counts[at];
    const bool last = at == histogram.bounds().size();
    out.bucket.push_back(
        {so_far, last ? std::numeric_limits<double>::infinity() : histogram.bounds()[at]});
  }
  out.sample_count = so_far;
  out.sample_sum = histogram.sum();
}

Families::Family Families::make(std::string_view name, std::string_view help,
                                prometheus::MetricType type) {
  families_.push_back({std::string(name), std::string(help), type, {}});
  return {*this, families_.size() - 1};
}

Families::Family Families::gauge(std::string_view name, std::string_view help) {
  return make(name, help, prometheus::MetricType::Gauge);
}

Families::Family Families::counter(std::string_view name, std::string_view help) {
  return make(name, help, prometheus::MetricType::Counter);
}

Families::Family Families::histogram(std::string_view name, std::string_view help) {
  return make(name, help, prometheus::MetricType::Histogram);
}

std::vector<prometheus::MetricFamily> Families::take() && {
  std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
  return std::move(families_);
}

}  // namespace b3::metrics
