// A gauge with tens of thousands of series, written straight as text: both formats of exposition.h
// have the same lines for gauges. A value type; one thread.
#pragma once

#include <string>
#include <string_view>

#include "metrics/families.h"

namespace b3::metrics {

// `name="value",name="value"`, escaped; to be made once for several series.
std::string label_text(Labels labels);

class GaugeText {
 public:
  GaugeText(std::string_view name, std::string_view help);
  // `labels`: as label_text() makes them.
  void add(std::string_view labels, double value);
  void add(std::string_view labels, Label more, double value);
  // "" when nothing was added.
  std::string take() &&;

 private:
  void finish(double value);

  std::string name_;
  std::string text_;
  bool empty_ = true;
};

}  // namespace b3::metrics
