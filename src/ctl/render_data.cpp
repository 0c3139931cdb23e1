// The API's data itself, as JSON or YAML.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/json.h"
#include "ctl/render.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

void write_indented(const json::value& value, std::size_t depth, std::string& out) {
  const std::string inner((depth + 1) * 2, ' ');
  const std::string outer(depth * 2, ' ');
  if (const auto* object = value.if_object(); object && !object->empty()) {
    out += '{';
    std::string_view separator = "\n";
    for (const auto& member : *object) {
      out += fmt::format("{}{}{}: ", separator, inner,
                         json::serialize(json::value(json::string(member.key()))));
      write_indented(member.value(), depth + 1, out);
      separator = ",\n";
    }
    out += "\n" + outer + "}";
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    out += '[';
    std::string_view separator = "\n";
    for (const auto& element : *array) {
      out += fmt::format("{}{}", separator, inner);
      write_indented(element, depth + 1, out);
      separator = ",\n";
    }
    out += "\n" + outer + "]";
  } else {
    out += to_json_text(value);
  }
}

// Texts are always quoted: what looks like a number or "no" stays a text.
void emit(const json::value& value, YAML::Emitter& out) {
  if (const auto* object = value.if_object()) {
    out << YAML::BeginMap;
    for (const auto& member : *object) {
      out << YAML::Key << std::string(member.key()) << YAML::Value;
      emit(member.value(), out);
    }
    out << YAML::EndMap;
  } else if (const auto* array = value.if_array()) {
    if (array->empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& element : *array) emit(element, out);
    out << YAML::EndSeq;
  } else if (const auto* text = value.if_string()) {
    out << YAML::DoubleQuoted << std::string(*text);
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << to_json_text(value);
  }
}

}  // namespace

std::string render_yaml(const json::value& value) {
  YAML::Emitter out;
  out.SetNullFormat(YAML::LowerNull);
  emit(value, out);
  return std::string(out.c_str()) + '\n';
}

std::string render_json(const json::value& value) {
  std::string text;
  write_indented(value, 0, text);
  return text + '\n';
}

json::value hide_secrets(json::value value) {
  if (auto* array = value.if_array()) {
    for (auto& element : *array) element = hide_secrets(std::move(element));
  } else if (auto* object = value.if_object()) {
    auto* bbb = object->if_contains("bbb");
    if (bbb && bbb->is_object() && bbb->get_object().contains("secret")) {
      bbb->get_object()["secret"] = hidden_secret;
    }
  }
  return value;
}

}  // namespace b3::ctl
