#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "store/queries.h"

namespace b3::store::queries {

namespace {

// Ordered by name, so that instances which claim at the same time lock rows in one order.
std::string claim_list(const std::vector<LeaseClaim>& claims) {
  std::map<std::string_view, std::string_view> ordered;
  for (const auto& claim : claims) ordered.emplace(claim.name, claim.expected_holder);
  boost::json::array list;
  for (const auto& [name, holder] : ordered) {
    list.push_back(boost::json::object{
        {"number", list.size()}, {"name", text_in_json(name)}, {"holder", text_in_json(holder)}});
  }
  return boost::json::serialize(list);
}

std::string claims_in(Dialect dialect) {
  return record_set(
      dialect, "$1",
      {{"number", ColumnType::integer}, {"name", ColumnType::text}, {"holder", ColumnType::text}});
}

std::string name_list(const std::vector<std::string>& names) {
  boost::json::array list;
  for (const auto& name : names) list.push_back(boost::json::object{{"name", text_in_json(name)}});
  return boost::json::serialize(list);
}

}  // namespace

Membership beat(Connection& connection, std::string_view instance_id, std::string_view host,
                WallTime now) {
  connection.execute(
      "INSERT INTO instances (id, host, beat, started_at, reads_groups) "
      "VALUES ($1, $2, 1, $3, TRUE) "
      "ON CONFLICT (id) DO UPDATE SET beat = instances.beat + 1, host = excluded.host",
      {instance_id, host, now});
  Membership membership;
  for (auto& row : connection.execute("SELECT id, beat FROM instances ORDER BY id")) {
    RowReader reader(row);
    auto id = reader.text();
    membership.instances.push_back({std::move(id), reader.integer()});
  }
  for (auto& row : connection.execute("SELECT name, holder FROM leases ORDER BY name")) {
    RowReader reader(row);
    auto name = reader.text();
    membership.leases.push_back({std::move(name), reader.text()});
  }
  return membership;
}

std::vector<std::string> claim_leases(Connection& connection, std::string_view instance_id,
                                      const std::vector<LeaseClaim>& claims) {
  const auto dialect = connection.dialect();
  const auto list = claim_list(claims);
  const auto insert = fmt::format(
      "WITH wanted AS MATERIALIZED ({}) INSERT INTO leases (name, holder) "
      "SELECT wanted.name, CAST($2 AS text) FROM wanted WHERE wanted.holder = '' "
      "ORDER BY wanted.number ON CONFLICT (name) DO NOTHING",
      claims_in(dialect));
  connection.execute(insert, {list, instance_id});
  const auto take_over = fmt::format(
      "WITH wanted AS MATERIALIZED ({}), standing AS MATERIALIZED (SELECT leases.name "
      "FROM leases JOIN wanted ON wanted.name = leases.name AND wanted.holder = leases.holder "
      "ORDER BY leases.name{}) UPDATE leases SET holder = $2 FROM wanted, standing "
      "WHERE leases.name = wanted.name AND leases.holder = wanted.holder "
      "AND leases.name = standing.name",
      claims_in(dialect), for_update(dialect, "leases"));
  connection.execute(take_over, {list, instance_id});
  std::vector<std::string> held;
  for (auto& row : connection.execute("SELECT name FROM leases WHERE holder = $1 ORDER BY name",
                                      {instance_id})) {
    held.push_back(RowReader(row).text());
  }
  return held;
}

void release_leases(Connection& connection, std::string_view instance_id,
                    const std::vector<std::string>& names) {
  if (names.empty()) return;
  const auto sql =
      fmt::format("DELETE FROM leases WHERE holder = $2 AND name IN ({})",
                  record_set(connection.dialect(), "$1", {{"name", ColumnType::text}}));
  connection.execute(sql, {name_list(names), instance_id});
}

bool remove_instance(Connection& connection, std::string_view instance_id,
                     std::optional<std::int64_t> beat) {
  connection.execute(
      "DELETE FROM instances WHERE id = $1 "
      "AND (CAST($2 AS bigint) IS NULL OR beat = CAST($2 AS bigint))",
      {instance_id, beat});
  if (!connection.execute("SELECT id FROM instances WHERE id = $1", {instance_id}).empty()) {
    return false;
  }
  connection.execute("DELETE FROM leases WHERE holder = $1", {instance_id});
  return true;
}

}  // namespace b3::store::queries
