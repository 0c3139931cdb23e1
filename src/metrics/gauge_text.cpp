#include "metrics/gauge_text.h"

#include "metrics/text.h"

namespace b3::metrics {

std::string label_text(Labels labels) {
  std::string text;
  for (const auto& label : labels) {
    if (!text.empty()) text += ',';
    append_label(text, label);
  }
  return text;
}

GaugeText::GaugeText(std::string_view name, std::string_view help) : name_(name) {
  text_.append("# TYPE ").append(name).append(" gauge\n# HELP ").append(name) += ' ';
  append_escaped(text_, help);
  text_ += '\n';
}

void GaugeText::add(std::string_view labels, double value) {
  text_.append(name_).append("{").append(labels);
  finish(value);
}

void GaugeText::add(std::string_view labels, Label more, double value) {
  text_.append(name_).append("{").append(labels).append(",");
  append_label(text_, more);
  finish(value);
}

void GaugeText::finish(double value) {
  text_ += "} ";
  append_number(text_, value);
  text_ += '\n';
  empty_ = false;
}

std::string GaugeText::take() && {
  return empty_ ? std::string() : std::move(text_);
}

}  // namespace b3::metrics
