// How model values lie in table rows: the columns a query selects or returns, and reading them.
#pragma once

#include <string>

#include "model/backend.h"
#include "model/frontend.h"
#include "model/meeting.h"
#include "store/connection.h"

namespace b3::store {

// Comma-separated and qualified with the table's name, in the order the readers below expect.
std::string frontend_columns(Dialect dialect);
std::string backend_columns(Dialect dialect);
// Documents and explanations are by far the largest texts; what leaves them out reads "" for them.
// `revised` has all but the explanation, the others but `all` no attendees' ids.
enum class MeetingTexts { all, revised, no_explanation, none };
std::string meeting_columns(Dialect dialect, MeetingTexts texts = MeetingTexts::all);
std::string tombstone_columns(Dialect dialect);

std::string_view to_string(TombstoneKind kind);

Frontend read_frontend(Row& row);
Backend read_backend(Row& row);
Meeting read_meeting(Row& row);
Tombstone read_tombstone(Row& row);

template <class Value>
std::vector<Value> read_all(Rows rows, Value (*read)(Row&)) {
  std::vector<Value> values;
  values.reserve(rows.size());
  for (auto& row : rows) values.push_back(read(row));
  return values;
}

template <class Value>
std::optional<Value> read_first(Rows rows, Value (*read)(Row&)) {
  if (rows.empty()) return std::nullopt;
  return read(rows.front());
}

}  // namespace b3::store
