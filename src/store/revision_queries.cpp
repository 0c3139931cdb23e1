// Meeting rows that a function changes, many in one transaction.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <utility>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

struct Revised {
  Meeting meeting;
  Revision state = Revision::unchanged;
};
using RevisedById = std::map<std::string, Revised, std::less<>>;  // by scoped id as stored

std::string id_list(const RevisedById& rows) {
  boost::json::array list;
  for (const auto& [id, row] : rows) list.push_back(boost::json::object{{"id", id}});
  return boost::json::serialize(list);
}

TextList ids_of(const RevisedById& rows, Revision state) {
  TextList ids;
  for (const auto& [id, row] : rows) {
    if (row.state == state) ids.push_back(id);
  }
  return ids;
}

// Fills the rows; those that are not there go.
void lock_rows(Connection& connection, RevisedById& rows) {
  const auto dialect = connection.dialect();
  const auto select = fmt::format("SELECT {} FROM meetings WHERE scoped_id ",
                                  meeting_columns(dialect, MeetingTexts::revised));
  Rows found;
  if (dialect == Dialect::postgres) {
    found = connection.execute(
        select + "= ANY ($1) ORDER BY scoped_id" + std::string(for_update(dialect)),
        {ids_of(rows, Revision::unchanged)});
  } else {
    found = connection.execute(
        fmt::format("{}IN ({})", select, record_set(dialect, "$1", {{"id", ColumnType::text}})),
        {id_list(rows)});
  }
  rows.clear();
  for (auto& meeting : read_all(std::move(found), read_meeting)) {
    auto id = meeting.scoped_id;
    rows.try_emplace(std::move(id), Revised{std::move(meeting)});
  }
}

struct WrittenLists {
  TextList ids, documents, attendee_ids;
  IntegerList running, participants, moderators, listeners, voices, videos;
};

WrittenLists lists_of(const RevisedById& rows) {
  WrittenLists lists;
  for (const auto& [id, row] : rows) {
    if (row.state != Revision::changed) continue;
    const auto& [participants, moderators, listeners, voices, videos] = row.meeting.counts;
    lists.ids.push_back(id);
    lists.documents.push_back(row.meeting.document);
    lists.attendee_ids.push_back(row.meeting.attendee_ids);
    lists.running.push_back(row.meeting.running ? 1 : 0);
    lists.participants.push_back(participants);
    lists.moderators.push_back(moderators);
    lists.listeners.push_back(listeners);
    lists.voices.push_back(voices);
    lists.videos.push_back(videos);
  }
  return lists;
}

void write_to_postgres(Connection& connection, const WrittenLists& lists) {
  constexpr std::string_view sql =
      "UPDATE meetings SET running = wanted.running <> 0, participants = wanted.participants, "
      "moderators = wanted.moderators, listeners = wanted.listeners, voices = wanted.voices, "
      "videos = wanted.videos, document = wanted.document, attendee_ids = wanted.attendee_ids "
      "FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
      "$6::bigint[], $7::bigint[], $8::text[], $9::text[]) AS wanted(scoped_id, running, "
      "participants, moderators, listeners, voices, videos, document, attendee_ids) "
      "WHERE meetings.scoped_id = wanted.scoped_id AND meetings.scoped_id = ANY ($1)";
  connection.execute_later(
      sql, {lists.ids, lists.running, lists.participants, lists.moderators, lists.listeners,
            lists.voices, lists.videos, lists.documents, lists.attendee_ids});
}

// Without round trips one by one is fastest: nothing is written as JSON and read again.
void write_to_sqlite(Connection& connection, const WrittenLists& lists) {
  for (std::size_t i = 0; i < lists.ids.size(); ++i) {
    connection.execute(
        "UPDATE meetings SET running = $2, participants = $3, moderators = $4, listeners = $5, "
        "voices = $6, videos = $7, document = $8, attendee_ids = $9 WHERE scoped_id = $1",
        {lists.ids[i], lists.running[i], lists.participants[i], lists.moderators[i],
         lists.listeners[i], lists.voices[i], lists.videos[i], lists.documents[i],
         lists.attendee_ids[i]});
  }
}

void write_changed(Connection& connection, const RevisedById& rows) {
  const auto lists = lists_of(rows);
  if (lists.ids.empty()) return;
  if (connection.dialect() == Dialect::postgres) return write_to_postgres(connection, lists);
  write_to_sqlite(connection, lists);
}

// Few end in one group, so one by one.
void remove_ended(Connection& connection, const RevisedById& rows, WallTime now) {
  for (const auto& [id, row] : rows) {
    if (row.state == Revision::ended) end(connection, id, row.meeting.epoch, now);
  }
}

}  // namespace

std::vector<std::optional<Meeting>> revise_meetings(
    Connection& connection, const std::vector<std::string>& scoped_ids,
    const std::function<Revision(std::size_t, Meeting&)>& revise, WallTime now) {
  RevisedById rows;
  for (const auto& id : scoped_ids) rows.try_emplace(to_storable_text(id));
  lock_rows(connection, rows);
  for (std::size_t index = 0; index < scoped_ids.size(); ++index) {
    const auto row = rows.find(to_storable_text(scoped_ids[index]));
    if (row == rows.end() || row->second.state == Revision::ended) continue;
    const auto made = revise(index, row->second.meeting);
    if (made != Revision::unchanged) row->second.state = made;
  }
  write_changed(connection, rows);
  remove_ended(connection, rows, now);
  std::vector<std::optional<Meeting>> revised;
  revised.reserve(scoped_ids.size());
  for (const auto& id : scoped_ids) {
    const auto row = rows.find(to_storable_text(id));
    revised.push_back(row == rows.end() ? std::nullopt : std::optional(row->second.meeting));
  }
  return revised;
}

}  // namespace b3::store::queries
