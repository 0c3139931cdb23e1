#include "sim/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/encoding.h"

namespace b3::sim {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\r':
        out += "&#13;";
        break;  // a parser would turn a bare one into a line feed
      default:
        // XML 1.0 has no other control characters, not even escaped.
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
}

void append_cdata(std::string& out, std::string_view text) {
  out += "<![CDATA[";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("]]>")) {
      out += "]]]]><![CDATA[>";
      i += 2;
    } else if (static_cast<unsigned char>(text[i]) >= 0x20 || text[i] == '\n' || text[i] == '\t') {
      out += text[i];
    }
  }
  out += "]]>";
}

// Writes elements one after the other; the caller keeps them balanced.
class Writer {
 public:
  explicit Writer(bool cdata = false) : cdata_(cdata) {}

  void open(std::string_view name) {
    out_ += '<';
    out_ += name;
    out_ += '>';
  }
  void close(std::string_view name) {
    out_ += "</";
    out_ += name;
    out_ += '>';
  }
  void text(std::string_view name, std::string_view value) {
    open(name);
    append_escaped(out_, value);
    close(name);
  }
  void flag(std::string_view name, bool value) { text(name, value ? "true" : "false"); }
  void number(std::string_view name, std::int64_t value) { text(name, fmt::format("{}", value)); }
  // Meeting names and ids, which some BBB versions wrap.
  void label(std::string_view name, std::string_view value) {
    open(name);
    cdata_ ? append_cdata(out_, value) : append_escaped(out_, value);
    close(name);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  bool cdata_;
};

Writer begin_success(bool cdata = false) {
  Writer xml(cdata);
  xml.open("response");
  xml.text("returncode", "SUCCESS");
  return xml;
}

std::string finish(Writer& xml) {
  xml.close("response");
  return xml.take();
}

std::int64_t unix_or_zero(const std::optional<WallTime>& time) {
  return time ? to_unix_milliseconds(*time) : 0;
}

void write_attendee(Writer& xml, const Attendee& person) {
  xml.open("attendee");
  xml.text("userID", person.user_id);
  xml.text("fullName", person.full_name);
  xml.text("role", person.moderator ? "MODERATOR" : "VIEWER");
  xml.flag("isPresenter", person.presenter);
  xml.flag("isListeningOnly", person.listening_only);
  xml.flag("hasJoinedVoice", person.voice);
  xml.flag("hasVideo", person.video);
  xml.text("clientType", "HTML5");
  xml.close("attendee");
}

void write_counts(Writer& xml, const Meeting& meeting) {
  const auto count = [&](bool Attendee::* flag) {
    return std::int64_t(std::ranges::count(meeting.attendees, true, flag));
  };
  xml.number("participantCount", std::int64_t(meeting.attendees.size()));
  xml.number("listenerCount", count(&Attendee::listening_only));
  xml.number("voiceParticipantCount", count(&Attendee::voice));
  xml.number("videoCount", count(&Attendee::video));
  xml.number("maxUsers", meeting.max_participants);
  xml.number("moderatorCount", count(&Attendee::moderator));
}

void write_breakouts(Writer& xml, const Meeting& meeting) {
  xml.flag("isBreakout", meeting.breakout);
  if (meeting.breakout) {
    xml.text("parentMeetingID", meeting.parent_internal_id);
    xml.number("sequence", meeting.sequence);
    xml.flag("freeJoin", meeting.free_join);
  }
  if (meeting.breakout_rooms.empty()) return;
  xml.open("breakoutRooms");
  for (const std::string& room : meeting.breakout_rooms) xml.text("breakout", room);
  xml.close("breakoutRooms");
}

void write_meeting(Writer& xml, const Meeting& meeting) {
  xml.label("meetingName", meeting.name);
  xml.label("meetingID", meeting.meeting_id);
  xml.text("internalMeetingID", meeting.internal_id);
  xml.number("createTime", to_unix_milliseconds(meeting.created));
  xml.text("createDate", to_create_date(meeting.created));
  xml.text("voiceBridge", meeting.voice_bridge);
  xml.text("dialNumber", meeting.dial_number);
  xml.text("attendeePW", meeting.attendee_password);
  xml.text("moderatorPW", meeting.moderator_password);
  xml.flag("running", meeting.running());
  xml.number("duration", meeting.duration_minutes);
  xml.flag("hasUserJoined", meeting.has_user_joined);
  xml.flag("recording", meeting.recording);
  xml.flag("hasBeenForciblyEnded", meeting.forcibly_ended);
  xml.number("startTime", unix_or_zero(meeting.started));
  xml.number("endTime", unix_or_zero(meeting.ended));
  write_counts(xml, meeting);
  xml.open("attendees");
  for (const Attendee& person : meeting.attendees) write_attendee(xml, person);
  xml.close("attendees");
  xml.open("metadata");
  for (const auto& [name, value] : meeting.metadata) xml.text(name, value);
  xml.close("metadata");
  write_breakouts(xml, meeting);
}

}  // namespace

std::string success_xml(const Elements& elements) {
  Writer xml = begin_success();
  for (const auto& [name, value] : elements) xml.text(name, value);
  return finish(xml);
}

std::string failed_xml(const Refusal& refusal) {
  Writer xml;
  xml.open("response");
  xml.text("returncode", "FAILED");
  xml.text("messageKey", refusal.message_key);
  xml.text("message", refusal.message);
  return finish(xml);
}

std::string index_xml(const NodeSettings& settings) {
  return success_xml({{"version", "2.0"}, {"apiVersion", "2.0"}, {"bbbVersion", settings.version}});
}

std::string created_xml(const Created& created, const NodeSettings& settings) {
  const Meeting& meeting = *created.meeting;
  Writer xml = begin_success(settings.cdata);
  xml.label("meetingID", meeting.meeting_id);
  xml.text("internalMeetingID", meeting.internal_id);
  xml.text("parentMeetingID", meeting.parent_internal_id);
  xml.text("attendeePW", meeting.attendee_password);
  xml.text("moderatorPW", meeting.moderator_password);
  xml.number("createTime", to_unix_milliseconds(meeting.created));
  xml.text("voiceBridge", meeting.voice_bridge);
  xml.text("dialNumber", meeting.dial_number);
  xml.text("createDate", to_create_date(meeting.created));
  xml.flag("hasUserJoined", meeting.has_user_joined);
  xml.number("duration", meeting.duration_minutes);
  xml.flag("hasBeenForciblyEnded", meeting.forcibly_ended);
  xml.text("messageKey", created.duplicate ? "duplicateWarning" : "");
  xml.text("message", created.duplicate ? "This conference was already in existence and may "
                                          "currently be in progress."
                                        : "");
  return finish(xml);
}

std::string joined_xml(const Joined& joined, std::string_view client_url) {
  const Attendee& person = joined.attendee;
  return success_xml({{"messageKey", "successfullyJoined"},
                      {"message", "You have joined successfully."},
                      {"meeting_id", joined.meeting->internal_id},
                      {"user_id", person.internal_id},
                      {"auth_token", digest_hex(HashAlgorithm::sha1, person.internal_id)},
                      {"session_token", person.session_token},
                      {"guestStatus", "ALLOW"},
                      {"url", client_url}});
}

std::string meeting_info_xml(const Meeting& meeting, const NodeSettings& settings) {
  Writer xml = begin_success(settings.cdata);
  write_meeting(xml, meeting);
  return finish(xml);
}

std::string meetings_xml(const NodeState::Meetings& meetings, const NodeSettings& settings) {
  Writer xml = begin_success(settings.cdata);
  xml.open("meetings");
  for (const auto& [id, meeting] : meetings) {
    xml.open("meeting");
    write_meeting(xml, meeting);
    xml.close("meeting");
  }
  xml.close("meetings");
  if (meetings.empty()) {
    xml.text("messageKey", "noMeetings");
    xml.text("message", "no meetings were found on this server");
  }
  return finish(xml);
}

std::string no_recordings_xml() {
  return success_xml({{"recordings", ""},
                      {"messageKey", "noRecordings"},
                      {"message", "There are no recordings for the meeting(s)."}});
}

std::string oversized_xml(std::size_t bytes) {
  const std::string padding(bytes, 'x');
  return success_xml({{"messageKey", ""}, {"message", padding}});
}

std::string to_create_date(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  static constexpr std::string_view weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format(
      "{} {} {:02} {:02}:{:02}:{:02} UTC {}", weekdays[std::chrono::weekday(day).c_encoding()],
      months[unsigned(date.month()) - 1], unsigned(date.day()), clock.hours().count(),
      clock.minutes().count(), clock.seconds().count(), int(date.year()));
}

}  // namespace b3::sim
