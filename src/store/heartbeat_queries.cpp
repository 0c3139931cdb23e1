// Backends as their agents know them.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

// A report that did not come with the last heartbeat came with one before, perhaps.
std::string last_of_each(Dialect dialect, const std::vector<Heartbeat>& heartbeats) {
  std::map<std::string, Heartbeat, std::less<>> last;
  for (const auto& heartbeat : heartbeats) {
    auto& kept = last[to_storable_text(heartbeat.backend_id)];
    kept.at = std::max(kept.at, heartbeat.at);
    if (!heartbeat.report_json.empty()) kept.report_json = heartbeat.report_json;
  }
  boost::json::array list;
  for (const auto& [id, heartbeat] : last) {
    list.push_back(boost::json::object{{"id", id},
                                       {"report", text_in_json(heartbeat.report_json)},
                                       {"beat_at", time_in_json(dialect, heartbeat.at)}});
  }
  return boost::json::serialize(list);
}

}  // namespace

// Locked in order of id: groups of several instances then wait for each other, never in a circle.
std::vector<std::string> record_heartbeats(Connection& connection,
                                           const std::vector<Heartbeat>& heartbeats) {
  const auto dialect = connection.dialect();
  const auto list = last_of_each(dialect, heartbeats);
  const auto sql = fmt::format(
      "WITH heard AS MATERIALIZED ({}), locked AS MATERIALIZED (SELECT backends.id FROM backends "
      "WHERE backends.id IN (SELECT heard.id FROM heard) ORDER BY backends.id{}) "
      "UPDATE backends SET agent_heartbeat = heard.beat_at, agent_report = "
      "CASE WHEN heard.report = '' THEN backends.agent_report ELSE heard.report END "
      "FROM heard, locked WHERE backends.id = heard.id AND locked.id = heard.id "
      "RETURNING backends.id",
      record_set(
          dialect, "$1",
          {{"id", ColumnType::text}, {"report", ColumnType::text}, {"beat_at", ColumnType::time}}),
      for_update(dialect));
  std::vector<std::string> written;
  for (auto& row : connection.execute(sql, {list})) written.push_back(RowReader(row).text());
  std::ranges::sort(written);
  return written;
}

std::optional<Backend> find_backend_of_agent(Connection& connection, std::string_view agent_ref) {
  const auto sql = fmt::format("SELECT {} FROM backends WHERE agent_ref = $1",
                               backend_columns(connection.dialect()));
  return read_first(connection.execute(sql, {agent_ref}), read_backend);
}

}  // namespace b3::store::queries
