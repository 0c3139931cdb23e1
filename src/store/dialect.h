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

// A text inside such a list, as a parameter would be stored.
boost::json::string text_in_json(std::string_view text);

// Epochs of meetings (docs/decisions/0006-clustered.md) come from the database. SQL for one; where
// a statement needs several, `number` is an SQL expression that tells them apart, 0 <= number <
// what draw_epochs() in store/queries.h was asked for. PostgreSQL's triggers replace whatever is
// written.
std::string epoch_expression(Dialect dialect, std::string_view number = "0");

// Locks the selected rows until the transaction ends. SQLite's writing transactions exclude each
// other anyway.
std::string_view for_update(Dialect dialect);
// The same for the rows of some of the tables.
std::string for_update(Dialect dialect, std::string_view tables);
// Keeps these tables' selected rows from being deleted until the transaction ends.
std::string for_key_share(Dialect dialect, std::string_view tables);

enum class ColumnType { text, integer, boolean, time };
struct RecordColumn {
  std::string_view name;
  ColumnType type;
};
// A SELECT that yields the objects of the JSON list in `parameter` ("$1") as rows.
std::string record_set(Dialect dialect, std::string_view parameter,
                       std::initializer_list<RecordColumn> columns);

}  // namespace b3::store
