// Reservations and bindings of many requests in one transaction. Each element must come out as if
// it had come alone, so one that fails never fails the statement.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

using RowsById = std::map<std::string, Meeting, std::less<>>;  // by scoped id

RowsById by_id(std::vector<Meeting> meetings) {
  RowsById rows;
  for (auto& meeting : meetings) {
    auto id = meeting.scoped_id;
    rows.insert_or_assign(std::move(id), std::move(meeting));
  }
  return rows;
}

// By scoped id, so that groups of several instances lock rows in one order. Of equal ones the first
// comes first.
template <class Element>
std::vector<std::size_t> in_locking_order(std::span<const Element> elements) {
  std::vector<std::size_t> order(elements.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t index) {
    return std::pair<std::string_view, std::size_t>(elements[index].scoped_id, index);
  });
  return order;
}

std::string id_list(const std::set<std::string>& ids) {
  boost::json::array list;
  for (const auto& id : ids) list.push_back(boost::json::object{{"id", id}});
  return boost::json::serialize(list);
}

std::string ids_in(Dialect dialect, std::string_view parameter) {
  return record_set(dialect, parameter, {{"id", ColumnType::text}});
}

std::string wanted_list(Dialect dialect, std::span<const Meeting> meetings) {
  boost::json::array list;
  for (const auto index : in_locking_order(meetings)) {
    const auto& meeting = meetings[index];
    list.push_back(boost::json::object{
        {"number", list.size()},
        {"scoped_id", text_in_json(meeting.scoped_id)},
        {"meeting_id", text_in_json(meeting.meeting_id)},
        {"frontend_id", text_in_json(meeting.frontend_id)},
        {"backend_id", text_in_json(meeting.backend_id)},
        {"owner", text_in_json(meeting.owner)},
        {"name", text_in_json(meeting.name)},
        {"expected_size", meeting.expected_size},
        {"document", text_in_json(meeting.document)},
        {"placement", text_in_json(meeting.placement_json)},
        {"reserved_at", time_in_json(dialect, meeting.reserved_at)},
    });
  }
  return boost::json::serialize(list);
}

// Frontends and backends that are being deleted are waited for: then they are gone, or stay until
// this transaction has ended. The rows come without the texts, which we have.
RowsById insert_wanted(Connection& connection, std::span<const Meeting> meetings) {
  const auto dialect = connection.dialect();
  draw_epochs(connection, std::int64_t(meetings.size()));
  const auto sql = fmt::format(
      "WITH wanted AS MATERIALIZED ({}) INSERT INTO meetings (scoped_id, meeting_id, frontend_id, "
      "backend_id, phase, epoch, owner, internal_id, name, running, participants, moderators, "
      "listeners, voices, videos, expected_size, document, placement, reserved_at) "
      "SELECT wanted.scoped_id, wanted.meeting_id, frontends.id, backends.id, 'reserved', {}, "
      "wanted.owner, '', wanted.name, FALSE, 0, 0, 0, 0, 0, wanted.expected_size, "
      "wanted.document, wanted.placement, wanted.reserved_at FROM wanted "
      "JOIN frontends ON frontends.id = wanted.frontend_id "
      "JOIN backends ON backends.id = wanted.backend_id WHERE TRUE ORDER BY wanted.number{} "
      "ON CONFLICT (scoped_id) DO NOTHING RETURNING {}",
      record_set(dialect, "$1",
                 {{"number", ColumnType::integer},
                  {"scoped_id", ColumnType::text},
                  {"meeting_id", ColumnType::text},
                  {"frontend_id", ColumnType::text},
                  {"backend_id", ColumnType::text},
                  {"owner", ColumnType::text},
                  {"name", ColumnType::text},
                  {"expected_size", ColumnType::integer},
                  {"document", ColumnType::text},
                  {"placement", ColumnType::text},
                  {"reserved_at", ColumnType::time}}),
      epoch_expression(dialect, "wanted.number"), for_key_share(dialect, "frontends, backends"),
      meeting_columns(dialect, MeetingTexts::none));
  return by_id(read_all(connection.execute(sql, {wanted_list(dialect, meetings)}), read_meeting));
}

// A new place for an id: what its old node may still hold is over.
void end_detached(Connection& connection, const RowsById& inserted) {
  if (inserted.empty()) return;
  std::set<std::string> ids;
  for (const auto& [id, row] : inserted) ids.insert(id);
  const auto sql = fmt::format(
      "UPDATE tombstones SET kind = 'ended' WHERE kind = 'detached' AND scoped_id IN ({})",
      ids_in(connection.dialect(), "$1"));
  connection.execute_later(sql, {id_list(ids)});
}

RowsById find_rows(Connection& connection, const std::set<std::string>& ids) {
  if (ids.empty()) return {};
  const auto dialect = connection.dialect();
  const auto sql = fmt::format("SELECT {} FROM meetings WHERE scoped_id IN ({})",
                               meeting_columns(dialect), ids_in(dialect, "$1"));
  return by_id(read_all(connection.execute(sql, {id_list(ids)}), read_meeting));
}

bool has_holders(Connection& connection, const Meeting& meeting) {
  return !connection
              .execute(
                  "SELECT frontends.id FROM frontends JOIN backends ON backends.id = $2 "
                  "WHERE frontends.id = $1",
                  {meeting.frontend_id, meeting.backend_id})
              .empty();
}

// Whose the inserted rows are. Of several that wanted one id it is the first that fits.
std::vector<bool> winners(std::span<const Meeting> meetings, const RowsById& inserted) {
  std::vector<bool> won(meetings.size(), false);
  std::set<std::string_view> given;
  for (std::size_t index = 0; index < meetings.size(); ++index) {
    const auto& meeting = meetings[index];
    const auto found = inserted.find(to_storable_text(meeting.scoped_id));
    if (found == inserted.end() || given.contains(found->first)) continue;
    const auto& row = found->second;
    won[index] = row.owner == to_storable_text(meeting.owner) &&
                 row.backend_id == meeting.backend_id && row.frontend_id == meeting.frontend_id;
    if (won[index]) given.insert(found->first);
  }
  return won;
}

}  // namespace

std::vector<std::optional<std::expected<ReserveOutcome, WriteError>>> reserve_all(
    Connection& connection, std::span<const Meeting> meetings) {
  std::vector<std::optional<std::expected<ReserveOutcome, WriteError>>> outcomes(meetings.size());
  if (meetings.empty()) return outcomes;
  auto rows = insert_wanted(connection, meetings);
  end_detached(connection, rows);
  const auto won = winners(meetings, rows);
  for (std::size_t index = 0; index < meetings.size(); ++index) {
    if (!won[index]) continue;
    auto& row = rows.at(to_storable_text(meetings[index].scoped_id));
    row.document = to_storable_text(meetings[index].document);
    row.placement_json = to_storable_text(meetings[index].placement_json);
  }
  std::set<std::string> elsewhere;
  for (const auto& meeting : meetings) {
    auto id = to_storable_text(meeting.scoped_id);
    if (!rows.contains(id)) elsewhere.insert(std::move(id));
  }
  rows.merge(find_rows(connection, elsewhere));
  for (std::size_t index = 0; index < meetings.size(); ++index) {
    const auto& meeting = meetings[index];
    const auto row = rows.find(to_storable_text(meeting.scoped_id));
    if (row != rows.end()) {
      const bool ours = !meeting.owner.empty() && row->second.owner == meeting.owner;
      outcomes[index] = ReserveOutcome{won[index] || ours, row->second};
    } else if (!has_holders(connection, meeting)) {
      outcomes[index] = std::unexpected(WriteError::not_found);
    }
  }
  return outcomes;
}

namespace {

std::string binding_list(std::span<const Store::BindRequest> requests) {
  boost::json::array list;
  for (const auto index : in_locking_order(requests)) {
    const auto& request = requests[index];
    list.push_back(boost::json::object{{"scoped_id", text_in_json(request.scoped_id)},
                                       {"epoch", request.epoch},
                                       {"internal_id", text_in_json(request.binding.internal_id)},
                                       {"name", text_in_json(request.binding.name)},
                                       {"document", text_in_json(request.binding.document)},
                                       {"replaces", text_in_json(request.binding.replaces)}});
  }
  return boost::json::serialize(list);
}

void lock_rows(Connection& connection, const std::set<std::string>& ids) {
  if (connection.dialect() == Dialect::sqlite || ids.size() < 2) return;
  const auto sql =
      fmt::format("SELECT scoped_id FROM meetings WHERE scoped_id IN ({}) ORDER BY scoped_id{}",
                  ids_in(connection.dialect(), "$1"), for_update(connection.dialect()));
  connection.execute_later(sql, {id_list(ids)});
}

// A row already bound to this internal id stays as it is: what refreshes have written since is
// fresher than the create answer. A new internal id begins a new life with nobody in it.
RowsById update_bound(Connection& connection, std::span<const Store::BindRequest> requests,
                      WallTime now) {
  const auto dialect = connection.dialect();
  const auto sql = fmt::format(
      "WITH wanted AS MATERIALIZED ({}) UPDATE meetings SET phase = 'bound', "
      "internal_id = wanted.internal_id, name = wanted.name, document = wanted.document, "
      "bound_at = CAST($2 AS {}), seen_at = NULL, running = FALSE, participants = 0, "
      "moderators = 0, listeners = 0, voices = 0, videos = 0 FROM wanted "
      "WHERE meetings.scoped_id = wanted.scoped_id AND meetings.epoch = wanted.epoch "
      "AND NOT (meetings.phase = 'bound' AND (meetings.internal_id = wanted.internal_id "
      "OR meetings.internal_id <> wanted.replaces)) "
      "AND NOT EXISTS (SELECT 1 FROM tombstones "
      "WHERE tombstones.internal_id = wanted.internal_id AND tombstones.kind = 'ended') "
      "RETURNING {}",
      record_set(dialect, "$1",
                 {{"scoped_id", ColumnType::text},
                  {"epoch", ColumnType::integer},
                  {"internal_id", ColumnType::text},
                  {"name", ColumnType::text},
                  {"document", ColumnType::text},
                  {"replaces", ColumnType::text}}),
      time_type(dialect), meeting_columns(dialect));
  auto bound = read_all(connection.execute(sql, {binding_list(requests), now}), read_meeting);
  unbury(connection, bound);
  return by_id(std::move(bound));
}

bool is_bound_as(const Meeting& row, const Store::BindRequest& request) {
  return row.epoch == request.epoch && row.phase == MeetingPhase::bound &&
         row.internal_id == to_storable_text(request.binding.internal_id);
}

std::set<std::string> ids_of(std::span<const Store::BindRequest> requests) {
  std::set<std::string> ids;
  for (const auto& request : requests) ids.insert(to_storable_text(request.scoped_id));
  return ids;
}

}  // namespace

void unbury(Connection& connection, std::span<const Meeting> meetings) {
  if (meetings.empty()) return;
  std::set<std::string> ids;
  for (const auto& meeting : meetings) ids.insert(meeting.internal_id);
  connection.execute_later(fmt::format("DELETE FROM tombstones WHERE internal_id IN ({})",
                                       ids_in(connection.dialect(), "$1")),
                           {id_list(ids)});
}

std::vector<std::optional<Meeting>> find_meetings(Connection& connection,
                                                  std::span<const std::string> scoped_ids) {
  std::set<std::string> ids;
  for (const auto& id : scoped_ids) ids.insert(to_storable_text(id));
  const auto rows = find_rows(connection, ids);
  std::vector<std::optional<Meeting>> found;
  found.reserve(scoped_ids.size());
  for (const auto& id : scoped_ids) {
    const auto row = rows.find(to_storable_text(id));
    found.push_back(row == rows.end() ? std::nullopt : std::optional(row->second));
  }
  return found;
}

// Requests for one id take turns, as they would one by one.
std::vector<std::optional<Meeting>> bind_all(Connection& connection,
                                             std::span<const Store::BindRequest> requests,
                                             WallTime now) {
  const auto ids = ids_of(requests);
  if (ids.size() < requests.size()) {
    std::vector<std::optional<Meeting>> outcomes;
    for (std::size_t index = 0; index < requests.size(); ++index) {
      outcomes.push_back(std::move(bind_all(connection, requests.subspan(index, 1), now).front()));
    }
    return outcomes;
  }
  std::vector<std::optional<Meeting>> outcomes(requests.size());
  if (requests.empty()) return outcomes;
  lock_rows(connection, ids);
  auto rows = update_bound(connection, requests, now);
  std::set<std::string> untouched;
  std::ranges::copy_if(ids, std::inserter(untouched, untouched.end()),
                       [&](const std::string& id) { return !rows.contains(id); });
  rows.merge(find_rows(connection, untouched));
  for (std::size_t index = 0; index < requests.size(); ++index) {
    const auto row = rows.find(to_storable_text(requests[index].scoped_id));
    if (row == rows.end() || !is_bound_as(row->second, requests[index])) continue;
    outcomes[index] = std::move(row->second);
  }
  return outcomes;
}

}  // namespace b3::store::queries
