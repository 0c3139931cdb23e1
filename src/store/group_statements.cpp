#include "store/group_statements.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

// `meeting` as its reservation is stored.
Meeting reservation_of(const Meeting& meeting, const std::string& id, std::int64_t epoch) {
  Meeting row;
  row.scoped_id = id;
  row.meeting_id = to_storable_text(meeting.meeting_id);
  row.frontend_id = meeting.frontend_id;
  row.backend_id = meeting.backend_id;
  row.epoch = epoch;
  row.owner = to_storable_text(meeting.owner);
  row.name = to_storable_text(meeting.name);
  row.expected_size = meeting.expected_size;
  row.document = to_storable_text(meeting.document);
  row.placement_json = to_storable_text(meeting.placement_json);
  row.reserved_at = meeting.reserved_at;
  return row;
}

// -- PostgreSQL ----------------------------------------------------------------------------

struct ReservationLists {
  TextList ids, meetings, frontends, backends, owners, names, documents, explanations;
  IntegerList sizes, times;
};

ReservationLists lists_of(const ById<Meeting>& wanted) {
  ReservationLists lists;
  for (const auto& [id, meeting] : wanted) {
    lists.ids.push_back(id);
    lists.meetings.push_back(meeting->meeting_id);
    lists.frontends.push_back(meeting->frontend_id);
    lists.backends.push_back(meeting->backend_id);
    lists.owners.push_back(meeting->owner);
    lists.names.push_back(meeting->name);
    lists.documents.push_back(meeting->document);
    lists.explanations.push_back(meeting->placement_json);
    lists.sizes.push_back(meeting->expected_size);
    lists.times.push_back(to_unix_milliseconds(meeting->reserved_at));
  }
  return lists;
}

struct BindingLists {
  TextList ids, internal_ids, names, documents, replaced_ids;
  IntegerList epochs;
};

BindingLists lists_of(const ById<Store::BindRequest>& wanted) {
  BindingLists lists;
  for (const auto& [id, request] : wanted) {
    lists.ids.push_back(id);
    lists.epochs.push_back(request->epoch);
    lists.internal_ids.push_back(request->binding.internal_id);
    lists.names.push_back(request->binding.name);
    lists.documents.push_back(request->binding.document);
    lists.replaced_ids.push_back(request->binding.replaces);
  }
  return lists;
}

// What the function tells of a binding, after its id.
Meeting read_bound(RowReader& reader, const Store::BindRequest& request, WallTime now) {
  Meeting bound;
  bound.scoped_id = to_storable_text(request.scoped_id);
  bound.meeting_id = reader.text();
  bound.frontend_id = reader.text();
  bound.backend_id = reader.text();
  bound.owner = reader.text();
  bound.expected_size = reader.integer();
  bound.reserved_at = reader.time();
  bound.phase = MeetingPhase::bound;
  bound.epoch = request.epoch;
  bound.internal_id = to_storable_text(request.binding.internal_id);
  bound.name = to_storable_text(request.binding.name);
  bound.document = to_storable_text(request.binding.document);
  bound.bound_at = now;
  return bound;
}

CreatesWritten call_write_creates(Connection& connection, const CreatesWanted& wanted) {
  const auto wished = lists_of(wanted.reservations);
  const auto made = lists_of(wanted.bindings);
  const auto sql = fmt::format(
      "SELECT * FROM {}($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
      "$17)",
      wanted.careful ? "write_creates" : "record_creates");
  auto rows = connection.execute_and_commit(
      sql,
      {wished.ids, wished.meetings, wished.frontends, wished.backends, wished.owners, wished.names,
       wished.sizes, wished.documents, wished.explanations, wished.times, made.ids, made.epochs,
       made.internal_ids, made.names, made.documents, made.replaced_ids, wanted.now});
  CreatesWritten done;
  for (auto& row : rows) {
    RowReader reader(row);
    done.transaction = reader.integer();
    const auto id = reader.text();
    const auto epoch = reader.integer();  // 0: a binding
    if (epoch != 0) {
      done.reserved.insert_or_assign(id, reservation_of(*wanted.reservations.at(id), id, epoch));
    } else {
      done.bound.insert_or_assign(id, read_bound(reader, *wanted.bindings.at(id), wanted.now));
    }
  }
  return done;
}

// -- SQLite --------------------------------------------------------------------------------

std::string wanted_list(const ById<Meeting>& wanted) {
  boost::json::array list;
  for (const auto& [id, meeting] : wanted) {
    list.push_back(boost::json::object{
        {"number", list.size()},
        {"scoped_id", id},
        {"meeting_id", text_in_json(meeting->meeting_id)},
        {"frontend_id", text_in_json(meeting->frontend_id)},
        {"backend_id", text_in_json(meeting->backend_id)},
        {"owner", text_in_json(meeting->owner)},
        {"name", text_in_json(meeting->name)},
        {"expected_size", meeting->expected_size},
        {"document", text_in_json(meeting->document)},
        {"placement", text_in_json(meeting->placement_json)},
        {"reserved_at", time_in_json(Dialect::sqlite, meeting->reserved_at)},
    });
  }
  return boost::json::serialize(list);
}

// A new place for an id: what its old node may still hold is over.
void end_detached(Connection& connection, const RowsById& inserted) {
  boost::json::array ids;
  for (const auto& [id, row] : inserted) ids.push_back(boost::json::object{{"id", id}});
  const auto sql = fmt::format(
      "UPDATE tombstones SET kind = 'ended' WHERE kind = 'detached' AND scoped_id IN ({})",
      record_set(Dialect::sqlite, "$1", {{"id", ColumnType::text}}));
  connection.execute(sql, {boost::json::serialize(ids)});
}

RowsById insert_reservations(Connection& connection, const ById<Meeting>& wanted) {
  draw_epochs(connection, std::int64_t(wanted.size()));
  const auto sql = fmt::format(
      "WITH wanted AS MATERIALIZED ({}) INSERT INTO meetings (scoped_id, meeting_id, frontend_id, "
      "backend_id, phase, epoch, owner, internal_id, name, running, participants, moderators, "
      "listeners, voices, videos, expected_size, document, placement, reserved_at) "
      "SELECT wanted.scoped_id, wanted.meeting_id, frontends.id, backends.id, 'reserved', {}, "
      "wanted.owner, '', wanted.name, FALSE, 0, 0, 0, 0, 0, wanted.expected_size, "
      "wanted.document, wanted.placement, wanted.reserved_at FROM wanted "
      "JOIN frontends ON frontends.id = wanted.frontend_id "
      "JOIN backends ON backends.id = wanted.backend_id WHERE TRUE ORDER BY wanted.number "
      "ON CONFLICT (scoped_id) DO NOTHING RETURNING scoped_id, epoch",
      record_set(Dialect::sqlite, "$1",
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
      epoch_expression(Dialect::sqlite, "wanted.number"));
  RowsById reserved;
  auto rows = connection.execute(sql, {wanted_list(wanted)});
  for (auto& row : rows) {
    RowReader reader(row);
    const auto id = reader.text();
    reserved.insert_or_assign(id, reservation_of(*wanted.at(id), id, reader.integer()));
  }
  if (!reserved.empty()) end_detached(connection, reserved);
  return reserved;
}

std::string binding_list(const ById<Store::BindRequest>& wanted) {
  boost::json::array list;
  for (const auto& [id, request] : wanted) {
    list.push_back(boost::json::object{{"scoped_id", id},
                                       {"epoch", request->epoch},
                                       {"internal_id", text_in_json(request->binding.internal_id)},
                                       {"name", text_in_json(request->binding.name)},
                                       {"document", text_in_json(request->binding.document)},
                                       {"replaces", text_in_json(request->binding.replaces)}});
  }
  return boost::json::serialize(list);
}

// A row already bound to this internal id stays as it is: what refreshes have written since is
// fresher than the create answer. A new internal id begins a new life with nobody in it.
RowsById update_bound(Connection& connection, const ById<Store::BindRequest>& wanted,
                      WallTime now) {
  const auto sql = fmt::format(
      "WITH wanted AS MATERIALIZED ({}) UPDATE meetings SET phase = 'bound', "
      "internal_id = wanted.internal_id, name = wanted.name, document = wanted.document, "
      "bound_at = $2, seen_at = NULL, running = FALSE, participants = 0, "
      "moderators = 0, listeners = 0, voices = 0, videos = 0 FROM wanted "
      "WHERE meetings.scoped_id = wanted.scoped_id AND meetings.epoch = wanted.epoch "
      "AND NOT (meetings.phase = 'bound' AND (meetings.internal_id = wanted.internal_id "
      "OR meetings.internal_id <> wanted.replaces)) "
      "AND NOT EXISTS (SELECT 1 FROM tombstones "
      "WHERE tombstones.internal_id = wanted.internal_id AND tombstones.kind = 'ended') "
      "RETURNING {}",
      record_set(Dialect::sqlite, "$1",
                 {{"scoped_id", ColumnType::text},
                  {"epoch", ColumnType::integer},
                  {"internal_id", ColumnType::text},
                  {"name", ColumnType::text},
                  {"document", ColumnType::text},
                  {"replaces", ColumnType::text}}),
      meeting_columns(Dialect::sqlite, MeetingTexts::no_explanation));
  auto rows = read_all(connection.execute(sql, {binding_list(wanted), now}), read_meeting);
  unbury(connection, rows);
  RowsById bound;
  for (auto& row : rows) {
    auto id = row.scoped_id;
    bound.insert_or_assign(std::move(id), std::move(row));
  }
  return bound;
}

}  // namespace

CreatesWritten write_creates(Connection& connection, const CreatesWanted& wanted) {
  if (connection.dialect() == Dialect::postgres) return call_write_creates(connection, wanted);
  CreatesWritten done;
  if (!wanted.bindings.empty()) done.bound = update_bound(connection, wanted.bindings, wanted.now);
  if (!wanted.reservations.empty()) {
    done.reserved = insert_reservations(connection, wanted.reservations);
  }
  connection.commit();
  return done;
}

}  // namespace b3::store::queries
