#include "store/dialect.h"

#include <fmt/format.h>

#include "store/connection.h"

namespace b3::store {

namespace {

std::string_view postgres_type(ColumnType type) {
  switch (type) {
    case ColumnType::text:
      return "text";
    case ColumnType::integer:
      return "bigint";
    case ColumnType::boolean:
      return "boolean";
    case ColumnType::time:
      return "timestamptz";
  }
  return "text";
}

}  // namespace

std::string time_column(Dialect dialect, std::string_view column) {
  if (dialect == Dialect::sqlite) return std::string(column);
  return fmt::format("CAST(date_part('epoch', {}) * 1000 AS bigint)", column);
}

std::string_view time_type(Dialect dialect) {
  return dialect == Dialect::postgres ? "timestamptz" : "INTEGER";
}

boost::json::value time_in_json(Dialect dialect, std::optional<WallTime> time) {
  if (!time) return nullptr;
  if (dialect == Dialect::sqlite) return to_unix_milliseconds(*time);
  return boost::json::value(to_rfc3339(*time));
}

boost::json::string text_in_json(std::string_view text) {
  return boost::json::string(is_storable_text(text) ? std::string(text) : to_storable_text(text));
}

std::string epoch_expression(Dialect dialect, std::string_view number) {
  if (dialect == Dialect::postgres) return "0";
  return fmt::format("(SELECT last FROM meeting_epochs) - {}", number);
}

std::string_view for_update(Dialect dialect) {
  return dialect == Dialect::postgres ? " FOR UPDATE" : "";
}

std::string for_update(Dialect dialect, std::string_view tables) {
  return dialect == Dialect::postgres ? fmt::format(" FOR UPDATE OF {}", tables) : "";
}

std::string for_key_share(Dialect dialect, std::string_view tables) {
  return dialect == Dialect::postgres ? fmt::format(" FOR KEY SHARE OF {}", tables) : "";
}

std::string record_set(Dialect dialect, std::string_view parameter,
                       std::initializer_list<RecordColumn> columns) {
  std::string list;
  for (const auto& [name, type] : columns) {
    if (!list.empty()) list += ", ";
    list += dialect == Dialect::postgres
                ? fmt::format("{} {}", name, postgres_type(type))
                : fmt::format("json_extract(value, '$.{}') AS {}", name, name);
  }
  if (dialect == Dialect::postgres) {
    return fmt::format("SELECT * FROM jsonb_to_recordset(CAST({} AS jsonb)) AS record({})",
                       parameter, list);
  }
  return fmt::format("SELECT {} FROM json_each({})", list, parameter);
}

}  // namespace b3::store
