#include "sim/node_state.h"

#include <algorithm>
#include <chrono>

#include "base/encoding.h"
#include "bbb/meeting_id.h"

namespace b3::sim {
namespace {

std::unexpected<Refusal> refuse(std::string_view key, std::string_view message) {
  return std::unexpected(Refusal{std::string(key), std::string(message)});
}

std::unexpected<Refusal> not_found() {
  return refuse("notFound", "A meeting with that ID does not exist");
}

std::optional<Refusal> check_meeting_id(std::string_view meeting_id) {
  if (meeting_id.empty()) return Refusal{"validationError", "You must provide a meeting ID"};
  const std::size_t length = bbb::count_code_points(meeting_id);
  if (length < bbb::min_meeting_id_length || length > bbb::max_meeting_id_length) {
    return Refusal{"validationError", "Meeting ID must be between 2 and 256 characters"};
  }
  if (meeting_id.contains(',')) return Refusal{"validationError", "Meeting ID cannot contain ','"};
  return std::nullopt;
}

// A password left out of a repeated create matches whatever was given or generated before.
bool same_passwords(const CreateRequest& request, const Meeting& meeting) {
  return request.attendee_password.value_or(meeting.attendee_password) ==
             meeting.attendee_password &&
         request.moderator_password.value_or(meeting.moderator_password) ==
             meeting.moderator_password;
}

std::optional<bool> moderator_by_password(const std::optional<std::string>& password,
                                          const Meeting& meeting) {
  if (!password) return std::nullopt;
  if (*password == meeting.moderator_password) return true;
  if (*password == meeting.attendee_password) return false;
  return std::nullopt;
}

void mark(std::vector<Attendee>& people, bool Attendee::* flag, std::optional<std::size_t> total) {
  if (!total) return;
  for (std::size_t i = 0; i < people.size(); ++i) people[i].*flag = i < *total;
}

}  // namespace

std::optional<SteadyTime> disappears_at(const Meeting& meeting, const NodeSettings& settings) {
  std::optional<SteadyTime> earliest = meeting.gone_at;
  const auto consider = [&](SteadyTime time) {
    earliest = std::min(earliest.value_or(time), time);
  };
  if (meeting.duration_minutes > 0) {
    consider(meeting.created_steady + std::chrono::minutes(meeting.duration_minutes));
  }
  if (!meeting.has_user_joined && settings.never_joined.count() > 0) {
    consider(meeting.created_steady + settings.never_joined);
  }
  if (meeting.empty_since && settings.empty.count() > 0) {
    consider(*meeting.empty_since + settings.empty);
  }
  return earliest;
}

std::expected<Created, Refusal> NodeState::create(const CreateRequest& request, const Now& now) {
  if (auto refusal = check_meeting_id(request.meeting_id)) {
    return std::unexpected(*std::move(refusal));
  }
  if (const Meeting* existing = find_live(request.meeting_id, now);
      existing && !existing->forcibly_ended) {
    if (same_passwords(request, *existing)) return Created{existing, true};
    return refuse("idNotUnique",
                  "A meeting already exists with that meeting ID. Please use a different meeting "
                  "ID.");
  }
  Meeting meeting = make_meeting(request, now);
  if (request.breakout) {
    if (request.parent_meeting_id.empty()) {
      return refuse("parentMeetingIDMissing",
                    "No parent meeting ID was provided for the breakout room.");
    }
    Meeting* parent = find_live(request.parent_meeting_id, now);
    if (!parent || parent->forcibly_ended) {
      return refuse("parentMeetingDoesNotExist", "No parent meeting exists for the breakout room.");
    }
    meeting.parent_internal_id = parent->internal_id;
    parent->breakout_rooms.push_back(meeting.internal_id);
  }
  if (const auto ended = meetings_.find(request.meeting_id); ended != meetings_.end()) {
    forget(ended);
  }
  const auto [place, made] = meetings_.emplace(request.meeting_id, std::move(meeting));
  record(StateEvent::Kind::created, place->second);
  return Created{&place->second, false};
}

Meeting NodeState::make_meeting(const CreateRequest& request, const Now& now) {
  Meeting meeting;
  meeting.meeting_id = request.meeting_id;
  last_created_ = std::max(now.wall, last_created_ + milliseconds(1));
  meeting.created = last_created_;
  meeting.created_steady = now.steady;
  meeting.internal_id = digest_hex(HashAlgorithm::sha1, request.meeting_id) + "-" +
                        std::to_string(to_unix_milliseconds(meeting.created));
  meeting.name = request.name.empty() ? request.meeting_id : request.name;
  meeting.attendee_password =
      request.attendee_password ? *request.attendee_password : random_word(8);
  meeting.moderator_password =
      request.moderator_password ? *request.moderator_password : random_word(8);
  meeting.voice_bridge =
      request.voice_bridge ? *request.voice_bridge : std::to_string(70'000 + random_() % 10'000);
  meeting.dial_number = request.dial_number.value_or("613-555-1234");
  meeting.duration_minutes = request.duration_minutes;
  meeting.max_participants = request.max_participants;
  meeting.recording = request.recording;
  meeting.breakout = request.breakout;
  meeting.free_join = request.free_join;
  meeting.sequence = request.sequence;
  meeting.metadata = request.metadata;
  meeting.presentations = request.presentations;
  return meeting;
}

std::expected<Joined, Refusal> NodeState::join(const JoinRequest& request, const Now& now) {
  if (request.full_name.empty()) return refuse("validationError", "You must provide your name");
  if (auto refusal = check_meeting_id(request.meeting_id)) {
    return std::unexpected(*std::move(refusal));
  }
  Meeting* meeting = find_live(request.meeting_id, now);
  if (!meeting) return not_found();
  if (meeting->forcibly_ended) {
    return refuse("meetingForciblyEnded",
                  "You can not re-join a meeting that has already been forcibly ended.");
  }
  if (request.create_time &&
      *request.create_time != std::to_string(to_unix_milliseconds(meeting->created))) {
    return refuse("mismatchCreateTimeParam",
                  "The createTime parameter submitted mismatches with the current meeting.");
  }
  const std::optional<bool> moderator =
      request.moderator ? request.moderator : moderator_by_password(request.password, *meeting);
  if (!moderator) {
    return refuse("invalidPassword",
                  "You either did not supply a password or the password supplied is neither the "
                  "attendee or moderator password for this conference.");
  }
  if (meeting->max_participants > 0 &&
      std::cmp_greater_equal(meeting->attendees.size(), meeting->max_participants)) {
    return refuse("maxParticipantsReached",
                  "The number of participants allowed for this meeting has been reached.");
  }
  return Joined{meeting, add_person(*meeting, request.full_name, request.user_id, *moderator, now)};
}

std::expected<void, Refusal> NodeState::end(std::string_view meeting_id,
                                            const std::optional<std::string>& password,
                                            const Now& now) {
  if (auto refusal = check_meeting_id(meeting_id)) return std::unexpected(*std::move(refusal));
  Meeting* meeting = find_live(meeting_id, now);
  if (!meeting) return not_found();
  if (password && *password != meeting->moderator_password) {
    return refuse("invalidPassword", "You must supply the moderator password for this call.");
  }
  if (meeting->forcibly_ended) return {};
  for (const std::string& room : meetings_of(meeting->breakout_rooms)) end_now(room, now);
  end_now(meeting_id, now);
  return {};
}

void NodeState::end_now(std::string_view meeting_id, const Now& now) {
  const auto place = meetings_.find(meeting_id);
  if (place == meetings_.end() || place->second.forcibly_ended) return;
  if (settings.end_delay.count() <= 0) return forget(place);
  Meeting& meeting = place->second;
  remove_people(meeting, meeting.attendees.size(), now);
  meeting.forcibly_ended = true;
  record(StateEvent::Kind::ended, meeting);
  meeting.ended = now.wall;
  meeting.gone_at = now.steady + settings.end_delay;
}

std::vector<std::string> NodeState::meetings_of(
    const std::vector<std::string>& internal_ids) const {
  std::vector<std::string> found;
  if (internal_ids.empty()) return found;
  for (const auto& [id, meeting] : meetings_) {
    if (std::ranges::find(internal_ids, meeting.internal_id) != internal_ids.end()) {
      found.push_back(id);
    }
  }
  return found;
}

const Meeting* NodeState::find(std::string_view meeting_id, const Now& now) {
  return find_live(meeting_id, now);
}

std::expected<void, Refusal> NodeState::add_presentations(std::string_view meeting_id,
                                                          std::size_t count, const Now& now) {
  if (auto refusal = check_meeting_id(meeting_id)) return std::unexpected(*std::move(refusal));
  Meeting* meeting = find_live(meeting_id, now);
  if (!meeting || meeting->forcibly_ended) return not_found();
  meeting->presentations += count;
  return {};
}

std::expected<void, Refusal> NodeState::add_chat_message(std::string_view meeting_id,
                                                         const Now& now) {
  if (auto refusal = check_meeting_id(meeting_id)) return std::unexpected(*std::move(refusal));
  Meeting* meeting = find_live(meeting_id, now);
  if (!meeting || meeting->forcibly_ended) return not_found();
  meeting->chat_messages += 1;
  return {};
}

bool NodeState::change_people(std::string_view meeting_id, const PeopleChange& change,
                              const Now& now) {
  Meeting* meeting = find_live(meeting_id, now);
  if (!meeting || meeting->forcibly_ended) return false;
  remove_people(*meeting, change.leave, now);
  for (std::size_t i = 0; i < change.join; ++i) {
    add_person(*meeting, "Person " + std::to_string(++people_made_), {}, i < change.moderators,
               now);
  }
  const auto before = records_events ? meeting->attendees : std::vector<Attendee>();
  mark(meeting->attendees, &Attendee::voice, change.voice);
  mark(meeting->attendees, &Attendee::video, change.video);
  mark(meeting->attendees, &Attendee::listening_only, change.listening);
  record_changes(*meeting, before);
  return true;
}

const Meeting* NodeState::find_session(std::string_view session_token, const Now& now) {
  const auto session = sessions_.find(session_token);
  if (session == sessions_.end()) return nullptr;
  const std::string meeting_id = session->second;  // find_live may erase the session
  return find_live(meeting_id, now);
}

void NodeState::expire(const Now& now) {
  for (auto place = meetings_.begin(); place != meetings_.end();) {
    const auto current = place++;
    const auto time = disappears_at(current->second, settings);
    if (time && *time <= now.steady) forget(current);
  }
}

void NodeState::lose_all_meetings() {
  meetings_.clear();
  sessions_.clear();
}

Meeting* NodeState::find_live(std::string_view meeting_id, const Now& now) {
  const auto place = meetings_.find(meeting_id);
  if (place == meetings_.end()) return nullptr;
  const auto time = disappears_at(place->second, settings);
  if (!time || *time > now.steady) return &place->second;
  forget(place);
  return nullptr;
}

void NodeState::forget(Meetings::iterator place) {
  if (!place->second.forcibly_ended) record(StateEvent::Kind::ended, place->second);
  for (const Attendee& attendee : place->second.attendees) sessions_.erase(attendee.session_token);
  if (place->second.breakout) {
    for (auto& [id, meeting] : meetings_) {
      std::erase(meeting.breakout_rooms, place->second.internal_id);
    }
  }
  meetings_.erase(place);
}

void NodeState::remove_people(Meeting& meeting, std::size_t count, const Now& now) {
  if (meeting.attendees.empty()) return;
  for (; count > 0 && !meeting.attendees.empty(); --count) {
    sessions_.erase(meeting.attendees.back().session_token);
    record(StateEvent::Kind::left, meeting, meeting.attendees.back());
    meeting.attendees.pop_back();
  }
  if (meeting.attendees.empty()) meeting.empty_since = now.steady;
}

Attendee& NodeState::add_person(Meeting& meeting, std::string full_name, std::string user_id,
                                bool moderator, const Now& now) {
  Attendee person;
  person.internal_id = "w_" + random_word(12);
  person.user_id = user_id.empty() ? person.internal_id : std::move(user_id);
  person.full_name = std::move(full_name);
  person.session_token = random_word(16);
  person.moderator = moderator;
  person.presenter = moderator && std::ranges::none_of(meeting.attendees, &Attendee::presenter);
  sessions_.emplace(person.session_token, meeting.meeting_id);
  meeting.has_user_joined = true;
  meeting.empty_since.reset();
  if (!meeting.started) meeting.started = now.wall;
  record(StateEvent::Kind::joined, meeting, person);
  meeting.attendees.push_back(std::move(person));
  return meeting.attendees.back();
}

void NodeState::record(StateEvent::Kind kind, const Meeting& meeting, const Attendee& person) {
  if (!records_events) return;
  events_.push_back({.kind = kind,
                     .meeting_id = meeting.meeting_id,
                     .meeting_internal_id = meeting.internal_id,
                     .meeting_name = meeting.name,
                     .parent_internal_id = meeting.parent_internal_id,
                     .voice_bridge = meeting.voice_bridge,
                     .breakout = meeting.breakout,
                     .person = person,
                     .unix_milliseconds = to_unix_milliseconds(meeting.created)});
}

// `before`: the same people in the same order.
void NodeState::record_changes(const Meeting& meeting, const std::vector<Attendee>& before) {
  using Kind = StateEvent::Kind;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Attendee& now = meeting.attendees[i];
    if (now.voice != before[i].voice || now.listening_only != before[i].listening_only) {
      record(now.voice || now.listening_only ? Kind::voice_joined : Kind::voice_left, meeting, now);
    }
    if (now.video != before[i].video) {
      record(now.video ? Kind::camera_on : Kind::camera_off, meeting, now);
    }
  }
}

std::string NodeState::random_word(std::size_t length) {
  static constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string word(length, ' ');
  for (char& letter : word) letter = letters[random_() % letters.size()];
  return word;
}

}  // namespace b3::sim
