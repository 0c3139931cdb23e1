// Reservations and bindings of many requests in one transaction. Each element must come out as if
// it had come alone, so one that fails never fails the statement.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <utility>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

std::string id_list(const std::set<std::string>& ids) {
  boost::json::array list;
  for (const auto& id : ids) list.push_back(boost::json::object{{"id", id}});
  return boost::json::serialize(list);
}

std::string ids_in(Dialect dialect, std::string_view parameter) {
  return record_set(dialect, parameter, {{"id", ColumnType::text}});
}

// Without their explanations.
RowsById find_rows(Connection& connection, const std::set<std::string>& ids) {
  if (ids.empty()) return {};
  const auto dialect = connection.dialect();
  const auto sql =
      fmt::format("SELECT {} FROM meetings WHERE scoped_id IN ({})",
                  meeting_columns(dialect, MeetingTexts::no_explanation), ids_in(dialect, "$1"));
  RowsById rows;
  auto found = read_all(connection.execute(sql, {id_list(ids)}), read_meeting);
  for (auto& row : found) {
    auto id = row.scoped_id;
    rows.insert_or_assign(std::move(id), std::move(row));
  }
  return rows;
}

bool has_holders(Connection& connection, const Meeting& meeting) {
  return !connection
              .execute(
                  "SELECT frontends.id FROM frontends JOIN backends ON backends.id = $2 "
                  "WHERE frontends.id = $1",
                  {meeting.frontend_id, meeting.backend_id})
              .empty();
}

ReserveOutcome outcome_for(const Meeting& meeting, const Meeting& row, bool inserted) {
  const bool ours = !meeting.owner.empty() && row.owner == meeting.owner;
  return {inserted || ours, row};
}

bool is_bound_as(const Meeting& row, const Store::BindRequest& request) {
  return row.epoch == request.epoch && row.phase == MeetingPhase::bound &&
         row.internal_id == to_storable_text(request.binding.internal_id);
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

std::vector<ReserveAnswer> tell_inserted(std::span<const Meeting> meetings,
                                         const RowsById& inserted) {
  std::vector<ReserveAnswer> answers;
  std::set<std::string> seen;
  for (const auto& meeting : meetings) {
    auto id = to_storable_text(meeting.scoped_id);
    const auto row = inserted.find(id);
    const bool first = seen.insert(std::move(id)).second;
    auto& answer = answers.emplace_back();
    if (row != inserted.end()) answer = outcome_for(meeting, row->second, first);
  }
  return answers;
}

void tell_others(Connection& connection, std::span<const Meeting> meetings,
                 std::vector<ReserveAnswer>& answers) {
  std::set<std::string> open;
  for (std::size_t index = 0; index < meetings.size(); ++index) {
    if (!answers[index]) open.insert(to_storable_text(meetings[index].scoped_id));
  }
  const auto rows = find_rows(connection, open);
  for (std::size_t index = 0; index < meetings.size(); ++index) {
    if (answers[index]) continue;
    const auto& meeting = meetings[index];
    const auto row = rows.find(to_storable_text(meeting.scoped_id));
    if (row != rows.end()) {
      answers[index] = outcome_for(meeting, row->second, false);
    } else if (!has_holders(connection, meeting)) {
      answers[index] = std::unexpected(WriteError::not_found);
    }
  }
}

void tell_bound(Connection& connection, std::span<const Store::BindRequest> requests,
                std::vector<std::optional<Meeting>>& answers) {
  std::set<std::string> open;
  for (std::size_t index = 0; index < requests.size(); ++index) {
    if (!answers[index]) open.insert(to_storable_text(requests[index].scoped_id));
  }
  const auto rows = find_rows(connection, open);
  for (std::size_t index = 0; index < requests.size(); ++index) {
    const auto row = rows.find(to_storable_text(requests[index].scoped_id));
    if (answers[index] || row == rows.end()) continue;
    if (is_bound_as(row->second, requests[index])) answers[index] = row->second;
  }
}

}  // namespace b3::store::queries
