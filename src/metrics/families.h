// Metric families being put together for one scrape. A value type; one thread.
//
// Names: https://prometheus.io/docs/practices/naming/ - base units, counters end with _total.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/histogram.h"

namespace b3::metrics {

using Label = std::pair<std::string_view, std::string_view>;  // name, value: any bytes
using Labels = std::initializer_list<Label>;

class Families {
 public:
  // One family, to be filled. Valid as long as the Families.
  class Family {
   public:
    void add(double value, Labels labels = {});
    void add(const Histogram& histogram, Labels labels = {});

   private:
    friend class Families;
    Family(Families& owner, std::size_t at) : owner_(&owner), at_(at) {}
    prometheus::ClientMetric& next(Labels labels);

    Families* owner_;
    std::size_t at_;
  };

  // Each name once.
  Family gauge(std::string_view name, std::string_view help);
  Family counter(std::string_view name, std::string_view help);  // name ends with _total
  Family histogram(std::string_view name, std::string_view help);

  // Those that have a value, in the order they were made.
  std::vector<prometheus::MetricFamily> take() &&;

 private:
  Family make(std::string_view name, std::string_view help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace b3::metrics
