#include "store/settings_merge.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <stdexcept>

#include "base/json.h"

namespace b3::store {

namespace {

// RFC 7396 section 2. The parser's depth limit bounds the recursion.
void merge_into(boost::json::object& target, const boost::json::object& patch) {
  for (const auto& [key, change] : patch) {
    if (change.is_null()) {
      target.erase(key);
    } else if (const auto* nested = change.if_object()) {
      auto& slot = target[key];
      if (!slot.is_object()) slot = boost::json::object{};
      merge_into(slot.get_object(), *nested);
    } else {
      target[key] = change;
    }
  }
}

}  // namespace

std::string merge_settings(std::string_view stored, std::string_view patch) {
  const auto changes = parse_json_object(patch);
  if (!changes) throw std::invalid_argument("a settings patch must be a JSON object");
  auto document = parse_json_object(stored).value_or(boost::json::object{});
  merge_into(document, *changes);
  return boost::json::serialize(document);
}

}  // namespace b3::store
