#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

using Ids = std::set<std::string, std::less<>>;

struct ChangedIds {
  Ids frontends;
  Ids backends;
  Ids meetings;
};

// Both databases in one shape: SQLite has one writer at a time, so its sequence is in commit
// order by itself and every transaction number is 0 (as an expression: ORDER BY 0 would name a
// column).
std::string_view transaction_column(Dialect dialect) {
  return dialect == Dialect::postgres ? "transaction" : "abs(0)";
}

// Below this number every transaction has ended, so nothing can appear there any more.
std::string_view settled(Dialect dialect) {
  return dialect == Dialect::postgres
             ? "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
             : "1";
}

// Pruning removes the oldest changes and never the newest. So a position is reached as long as
// the change it names, or an older one, is there; and the very beginning while the first is.
bool is_reachable(Connection& connection, const FeedPosition& after) {
  if (after.sequence == 0) {
    auto first = connection.execute("SELECT coalesce(min(sequence), 1) FROM changes");
    return RowReader(first.at(0)).integer() == 1;
  }
  const auto sql = fmt::format(
      "SELECT sequence FROM changes WHERE {0} < $1 OR ({0} = $1 AND sequence <= $2) LIMIT 1",
      transaction_column(connection.dialect()));
  return !connection.execute(sql, {after.transaction, after.sequence}).empty();
}

// Creates are one change for each of their groups.
void add_changed(ChangedIds& ids, std::string_view kind, std::string id) {
  if (kind == "frontend") {
    ids.frontends.insert(std::move(id));
  } else if (kind == "backend") {
    ids.backends.insert(std::move(id));
  } else if (kind == "meeting") {
    ids.meetings.insert(std::move(id));
  } else if (kind == "meetings") {
    const auto list = boost::json::parse(id);
    for (const auto& each : list.as_array()) ids.meetings.emplace(each.as_string());
  }
}

std::string json_list(const Ids& ids) {
  boost::json::array list;
  for (const auto& id : ids) list.push_back(boost::json::object{{"id", id}});
  return boost::json::serialize(list);
}

// The rows of `ids` as they are now; what is left in `ids` afterwards is gone.
template <class Value>
std::vector<Value> fetch(Connection& connection, std::string_view table, std::string_view key,
                         const std::string& columns, Value (*read)(Row&), Ids& ids,
                         std::string Value::* id) {
  if (ids.empty()) return {};
  const auto sql = fmt::format("SELECT {} FROM {} WHERE {} IN ({})", columns, table, key,
                               record_set(connection.dialect(), "$1", {{"id", ColumnType::text}}));
  auto values = read_all(connection.execute(sql, {json_list(ids)}), read);
  for (const auto& value : values) ids.erase(value.*id);
  return values;
}

std::vector<std::string> to_list(const Ids& ids) {
  return {ids.begin(), ids.end()};
}

}  // namespace

// The last settled change; 0 where there is none.
FeedPosition feed_position(Connection& connection) {
  const auto column = transaction_column(connection.dialect());
  const auto sql = fmt::format(
      "SELECT {}, sequence FROM changes WHERE {} < {} ORDER BY {} DESC, sequence DESC LIMIT 1",
      column, column, settled(connection.dialect()), column);
  auto rows = connection.execute(sql);
  if (rows.empty()) return {};
  RowReader reader(rows.front());
  const auto transaction = reader.integer();
  return {transaction, reader.integer()};
}

Changes read_changes(Connection& connection, const FeedPosition& after, std::int64_t limit,
                     const std::function<bool(std::int64_t)>& is_known) {
  const auto dialect = connection.dialect();
  const auto column = transaction_column(dialect);
  Changes changes;
  changes.position = after;
  const auto sql = fmt::format(
      "SELECT {0}, sequence, kind, id FROM changes WHERE {0} < {1} AND {0} >= $1 AND "
      "({0} > $1 OR ({0} = $1 AND sequence > $2)) ORDER BY {0}, sequence LIMIT $3",
      column, settled(dialect));
  auto rows = connection.execute(sql, {after.transaction, after.sequence, limit});
  if (!is_reachable(connection, after)) {
    changes.gap = true;
    return changes;
  }
  ChangedIds ids;
  for (auto& row : rows) {
    RowReader reader(row);
    changes.position.transaction = reader.integer();
    changes.position.sequence = reader.integer();
    if (is_known(changes.position.transaction)) continue;
    const auto kind = reader.text();
    add_changed(ids, kind, reader.text());
    if (std::int64_t(ids.meetings.size()) >= limit) break;
  }
  changes.frontends = fetch(connection, "frontends", "id", frontend_columns(dialect), read_frontend,
                            ids.frontends, &Frontend::id);
  changes.backends = fetch(connection, "backends", "id", backend_columns(dialect), read_backend,
                           ids.backends, &Backend::id);
  changes.meetings = fetch(connection, "meetings", "scoped_id",
                           meeting_columns(dialect, MeetingTexts::no_explanation), read_meeting,
                           ids.meetings, &Meeting::scoped_id);
  changes.gone_frontends = to_list(ids.frontends);
  changes.gone_backends = to_list(ids.backends);
  changes.gone_meetings = to_list(ids.meetings);
  return changes;
}

// From the oldest to the first that is young enough: no index over times is needed for that. The
// newest settled change always stays, so that positions of a quiet feed, or of one that a long
// transaction holds up, remain reachable.
void prune_changes(Connection& connection, WallTime older_than) {
  allow_long_transaction(connection);
  const auto column = transaction_column(connection.dialect());
  const auto sql = fmt::format(
      "DELETE FROM changes WHERE ({0}, sequence) < (SELECT {0}, sequence FROM changes "
      "WHERE {0} < {1} ORDER BY {0} DESC, sequence DESC LIMIT 1) "
      "AND ({0}, sequence) < (SELECT number, sequence FROM (SELECT {0} AS number, sequence "
      "FROM changes WHERE changed_at >= $1 ORDER BY {0}, sequence LIMIT 1) AS young "
      "UNION ALL SELECT 9223372036854775807, 0 ORDER BY 1 LIMIT 1)",
      column, settled(connection.dialect()));
  connection.execute(sql, {older_than});
}

}  // namespace b3::store::queries
