#include "store/postgres_parameter.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <type_traits>

namespace b3::store {

namespace {

constexpr Oid text_type = 25;
constexpr Oid text_array_type = 1009;
constexpr Oid bigint_type = 20;
constexpr Oid bigint_array_type = 1016;

// In network byte order.
template <class Integer>
void append(std::string& bytes, Integer value) {
  using Bits = std::make_unsigned_t<Integer>;
  auto bits = Bits(value);
  if constexpr (std::endian::native == std::endian::little) bits = std::byteswap(bits);
  bytes.append(reinterpret_cast<const char*>(&bits), sizeof bits);
}

// One dimension, counted from 1, without NULLs; none where there are no elements.
std::string array_head(Oid element, std::size_t count) {
  std::string bytes;
  append(bytes, std::int32_t(count == 0 ? 0 : 1));
  append(bytes, std::int32_t{0});
  append(bytes, std::int32_t(element));
  if (count == 0) return bytes;
  append(bytes, std::int32_t(count));
  append(bytes, std::int32_t{1});
  return bytes;
}

void append_text(std::string& bytes, std::string_view text) {
  append(bytes, std::int32_t(text.size()));
  bytes += text;
}

PostgresParameter as_text(std::string text) {
  return {std::move(text), 0, false};
}

struct AsPostgres {
  PostgresParameter operator()(std::monostate) const { return {}; }
  PostgresParameter operator()(std::int64_t value) const { return as_text(fmt::to_string(value)); }
  PostgresParameter operator()(double value) const { return as_text(fmt::to_string(value)); }
  PostgresParameter operator()(bool value) const { return as_text(value ? "true" : "false"); }
  PostgresParameter operator()(WallTime value) const { return as_text(to_rfc3339(value)); }
  PostgresParameter operator()(std::string_view value) const {
    return as_text(to_storable_text(value));
  }
  PostgresParameter operator()(const TextList* list) const {
    auto bytes = array_head(text_type, list->size());
    std::size_t size = bytes.size();
    for (const auto text : *list) size += sizeof(std::int32_t) + text.size();
    bytes.reserve(size);
    for (const auto text : *list) {
      if (is_storable_text(text)) {
        append_text(bytes, text);
      } else {
        append_text(bytes, to_storable_text(text));
      }
    }
    return {std::move(bytes), text_array_type, true};
  }
  PostgresParameter operator()(const IntegerList* list) const {
    auto bytes = array_head(bigint_type, list->size());
    for (const auto value : *list) {
      append(bytes, std::int32_t{sizeof value});
      append(bytes, value);
    }
    return {std::move(bytes), bigint_array_type, true};
  }
};

}  // namespace

std::vector<PostgresParameter> to_postgres(Parameters parameters) {
  std::vector<PostgresParameter> converted;
  converted.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    converted.push_back(std::visit(AsPostgres{}, parameter.value));
  }
  return converted;
}

}  // namespace b3::store
