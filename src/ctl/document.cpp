#include "ctl/document.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "base/encoding.h"
#include "base/json.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_text = 1024 * 1024;
constexpr int deepest = 32;
constexpr std::size_t most_values = 100'000;

// Thrown inside this file only.
struct Unusable : std::runtime_error {
  Unusable(const YAML::Mark& mark, const std::string& why)
      : std::runtime_error(mark.is_null() ? why : fmt::format("line {}: {}", mark.line + 1, why)) {}
};

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

json::value plain_word(const std::string& word) {
  if (word.empty() || word == "~" || word == "null" || word == "Null" || word == "NULL") return {};
  if (word == "true" || word == "True" || word == "TRUE") return true;
  if (word == "false" || word == "False" || word == "FALSE") return false;
  if (const auto whole = parse_number<std::int64_t>(word)) return *whole;
  const bool numeric = word.find_first_not_of("+-.0123456789eE") == std::string::npos;
  if (const auto number = parse_number<double>(word); numeric && number && std::isfinite(*number)) {
    return *number;
  }
  return json::string(word);
}

class Conversion {
 public:
  explicit Conversion(const std::set<std::string_view>& text_keys) : text_keys_(text_keys) {}

  json::value convert(const YAML::Node& node, int depth, bool as_text, bool in_settings) {
    if (depth > deepest) throw Unusable(node.Mark(), "it is nested too deeply");
    if (++values_ > most_values) throw Unusable(node.Mark(), "there are too many values");
    switch (node.Type()) {
      case YAML::NodeType::Map:
        return convert_map(node, depth, in_settings);
      case YAML::NodeType::Sequence: {
        json::array array;
        for (const auto& element : node) {
          array.push_back(convert(element, depth + 1, false, in_settings));
        }
        return array;
      }
      case YAML::NodeType::Scalar:
        return convert_scalar(node, as_text);
      default:
        return {};
    }
  }

 private:
  json::value convert_map(const YAML::Node& node, int depth, bool in_settings) {
    json::object object;
    for (const auto& member : node) {
      if (!member.first.IsScalar()) throw Unusable(member.first.Mark(), "a key is not a word");
      const auto key = member.first.Scalar();
      if (object.contains(key)) {
        throw Unusable(member.first.Mark(), fmt::format("\"{}\" is given twice", key));
      }
      const bool as_text = !in_settings && text_keys_.contains(key);
      object[key] = convert(member.second, depth + 1, as_text, in_settings || key == "settings");
    }
    return object;
  }

  static json::value convert_scalar(const YAML::Node& node, bool as_text) {
    const auto& word = node.Scalar();
    if (!is_valid_utf8(word)) throw Unusable(node.Mark(), "it is not UTF-8");
    const bool plain = node.Tag() == "?";  // yaml-cpp: unquoted and without a tag of its own
    if (!plain || (as_text && !plain_word(word).is_null())) return json::string(word);
    return plain_word(word);
  }

  const std::set<std::string_view>& text_keys_;
  std::size_t values_ = 0;
};

}  // namespace

std::expected<json::value, std::string> parse_document(
    std::string_view text, const std::set<std::string_view>& text_keys) {
  if (text.size() > longest_text) return std::unexpected("it is larger than 1 MiB");
  if (const auto object = parse_json_object(text)) return *object;
  try {
    const auto documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) return std::unexpected("it holds several documents");
    if (documents.empty()) return json::value();
    return Conversion(text_keys).convert(documents.front(), 0, false, false);
  } catch (const Unusable& why) {
    return std::unexpected(why.what());
  } catch (const YAML::Exception& error) {
    // error.msg says what the parser wanted, never what it found.
    return std::unexpected(fmt::format("line {}: {}", error.mark.line + 1, error.msg));
  }
}

}  // namespace b3::ctl
