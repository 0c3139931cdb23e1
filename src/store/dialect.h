// Where the SQL of the two databases really differs. Pure functions.
#pragma once

#include <boost/json/value.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace b3::store {

enum class Dialect { sqlite, postgres };

// Times are timestamptz in PostgreSQL and INTEGER unix milliseconds in SQLite. This expression
// selects one as unix milliseconds.
std::string time_column(Dialect dialect, std::string_view column);
// The type to CAST a time parameter to where the database cannot infer it.
std::string_view time_type(Dialect dialect);
// A time inside a JSON list that record_set() reads.
boost::json::value time_in_json(Dialect dialect, std::optional<WallTime> time);

// Locks the selected rows until the transaction ends. SQLite's writing transactions exclude each
// other anyway.
std::string_view for_update(Dialect dialect);

enum class ColumnType { text, integer, boolean, time };
struct RecordColumn {
  std::string_view name;
  ColumnType type;
};
// A SELECT that yields the objects of the JSON list in `parameter` ("$1") as rows.
std::string record_set(Dialect dialect, std::string_view parameter,
                       std::initializer_list<RecordColumn> columns);

}  // namespace b3::store
