#include "ctl/fields.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace b3::ctl {

namespace json = boost::json;

const json::value* find_field(const json::value& value, std::string_view path) {
  const json::value* current = &value;
  while (!path.empty()) {
    const auto* object = current->if_object();
    if (!object) return nullptr;
    const auto end = path.find('.');
    current = object->if_contains(path.substr(0, end));
    if (!current) return nullptr;
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
  }
  return current->is_null() ? nullptr : current;
}

std::string field_text(const json::value& value, std::string_view path) {
  const auto* field = find_field(value, path);
  if (!field) return "-";
  if (const auto* text = field->if_string()) return text->empty() ? "-" : std::string(*text);
  if (const auto* number = field->if_double()) {
    const double rounded = std::round(*number * 100) / 100;
    return fmt::format("{}", rounded);
  }
  return json::serialize(*field);
}

std::optional<double> field_number(const json::value& value, std::string_view path) {
  const auto* field = find_field(value, path);
  if (!field || !field->is_number()) return {};
  return field->to_number<double>();
}

std::optional<WallTime> parse_time(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd.dddZ";
  if (text.size() != form.size()) return {};
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == 'd' ? !digit : text[i] != form[i]) return {};
  }
  const auto number = [text](std::size_t begin, std::size_t length) {
    int value = 0;
    std::from_chars(text.data() + begin, text.data() + begin + length, value);
    return value;
  };
  const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                        std::chrono::month(unsigned(number(5, 2))),
                                        std::chrono::day(unsigned(number(8, 2)))};
  if (!day.ok()) return {};
  return std::chrono::sys_days(day) + std::chrono::hours(number(11, 2)) +
         std::chrono::minutes(number(14, 2)) + seconds(number(17, 2)) + milliseconds(number(20, 3));
}

bool field_is_true(const json::value& value, std::string_view path) {
  const auto* field = find_field(value, path);
  return field && field->is_bool() && field->get_bool();
}

std::string field_list(const json::value& value, std::string_view path) {
  std::string list;
  for (const auto& element : field_elements(value, path)) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", field_text(element, ""));
  }
  return list.empty() ? "-" : list;
}

const json::array& elements_of(const json::value& value) {
  static const json::array none;
  const auto* array = value.if_array();
  return array ? *array : none;
}

const json::array& field_elements(const json::value& value, std::string_view path) {
  static const json::value none;
  const auto* field = find_field(value, path);
  return elements_of(field ? *field : none);
}

}  // namespace b3::ctl
