#include "store/columns.h"

#include <fmt/format.h>

namespace b3::store {

std::string frontend_columns(Dialect dialect) {
  return fmt::format(
      "frontends.id, frontends.key, frontends.secret, frontends.active, frontends.settings, "
      "frontends.account_ref, {}, {}",
      time_column(dialect, "frontends.created_at"), time_column(dialect, "frontends.updated_at"));
}

std::string backend_columns(Dialect dialect) {
  return fmt::format(
      "backends.id, backends.host, backends.secret, backends.settings, backends.load_factor, "
      "backends.admin_state, backends.node_state, backends.last_error, "
      "backends.latency_microseconds, backends.meetings_count, backends.attendees_count, "
      "backends.forced_health, backends.health, backends.health_reason, "
      "backends.agent_ref, backends.agent_report, {}, {}, {}, {}",
      time_column(dialect, "backends.agent_heartbeat"), time_column(dialect, "backends.synced_at"),
      time_column(dialect, "backends.created_at"), time_column(dialect, "backends.updated_at"));
}

std::string meeting_columns(Dialect dialect, MeetingTexts texts) {
  const bool has_ids = texts == MeetingTexts::all || texts == MeetingTexts::revised;
  return fmt::format(
      "meetings.scoped_id, meetings.meeting_id, meetings.frontend_id, meetings.backend_id, "
      "meetings.phase, meetings.epoch, meetings.owner, meetings.internal_id, meetings.name, "
      "meetings.running, meetings.participants, meetings.moderators, meetings.listeners, "
      "meetings.voices, meetings.videos, meetings.expected_size, {}, {}, {}, {}, {}, {}",
      texts == MeetingTexts::none ? "''" : "meetings.document",
      texts == MeetingTexts::all ? "meetings.placement" : "''",
      has_ids ? "meetings.attendee_ids" : "'{}'", time_column(dialect, "meetings.reserved_at"),
      time_column(dialect, "meetings.bound_at"), time_column(dialect, "meetings.seen_at"));
}

std::string tombstone_columns(Dialect dialect) {
  return fmt::format(
      "tombstones.internal_id, tombstones.scoped_id, tombstones.backend_id, tombstones.kind, {}",
      time_column(dialect, "tombstones.ended_at"));
}

namespace {

template <class Enum>
Enum known(std::optional<Enum> value, const char* column) {
  if (value) return *value;
  throw StoreCorrupt(fmt::format("the database holds an unknown {}", column));
}

std::optional<TombstoneKind> parse_tombstone_kind(std::string_view text) {
  if (text == "ended") return TombstoneKind::ended;
  if (text == "detached") return TombstoneKind::detached;
  return std::nullopt;
}

}  // namespace

std::string_view to_string(TombstoneKind kind) {
  return kind == TombstoneKind::ended ? "ended" : "detached";
}

Frontend read_frontend(Row& row) {
  RowReader reader{row};
  Frontend frontend;
  frontend.id = reader.text();
  frontend.key = reader.text();
  frontend.secret = reader.text();
  frontend.active = reader.boolean();
  frontend.settings_json = reader.text();
  frontend.account_ref = reader.optional_text();
  frontend.created_at = reader.time();
  frontend.updated_at = reader.time();
  return frontend;
}

Backend read_backend(Row& row) {
  RowReader reader{row};
  Backend backend;
  backend.id = reader.text();
  backend.host = reader.text();
  backend.secret = reader.text();
  backend.settings_json = reader.text();
  backend.load_factor = reader.real();
  backend.admin_state = known(parse_admin_state(reader.text()), "admin state");
  backend.node_state = known(parse_node_state(reader.text()), "node state");
  backend.last_error = reader.text();
  backend.latency_microseconds = reader.integer();
  backend.meetings_count = reader.integer();
  backend.attendees_count = reader.integer();
  if (const auto forced = reader.optional_text()) {
    backend.forced_health = known(parse_health(*forced), "forced health");
  }
  backend.health = known(parse_health(reader.text()), "health");
  backend.health_reason = reader.text();
  backend.agent_ref = reader.optional_text();
  backend.agent_report = reader.text();
  backend.agent_heartbeat = reader.optional_time();
  backend.synced_at = reader.optional_time();
  backend.created_at = reader.time();
  backend.updated_at = reader.time();
  return backend;
}

Meeting read_meeting(Row& row) {
  RowReader reader{row};
  Meeting meeting;
  meeting.scoped_id = reader.text();
  meeting.meeting_id = reader.text();
  meeting.frontend_id = reader.text();
  meeting.backend_id = reader.text();
  meeting.phase = known(parse_meeting_phase(reader.text()), "meeting phase");
  meeting.epoch = reader.integer();
  meeting.owner = reader.text();
  meeting.internal_id = reader.text();
  meeting.name = reader.text();
  meeting.running = reader.boolean();
  meeting.counts.participants = reader.integer();
  meeting.counts.moderators = reader.integer();
  meeting.counts.listeners = reader.integer();
  meeting.counts.voices = reader.integer();
  meeting.counts.videos = reader.integer();
  meeting.expected_size = reader.integer();
  meeting.document = reader.text();
  meeting.placement_json = reader.text();
  meeting.attendee_ids = reader.text();
  meeting.reserved_at = reader.time();
  meeting.bound_at = reader.optional_time();
  meeting.seen_at = reader.optional_time();
  return meeting;
}

Tombstone read_tombstone(Row& row) {
  RowReader reader{row};
  Tombstone tombstone;
  tombstone.internal_id = reader.text();
  tombstone.scoped_id = reader.text();
  tombstone.backend_id = reader.text();
  tombstone.kind = known(parse_tombstone_kind(reader.text()), "tombstone kind");
  tombstone.ended_at = reader.time();
  return tombstone;
}

}  // namespace b3::store
