#include "agent/state.h"

#include <algorithm>

#include "bbb/meeting_id.h"

namespace b3::agent {
namespace {

using Kind = Message::Kind;

constexpr milliseconds settle{500};  // until a doubtful meeting is looked at
constexpr milliseconds longest_repeat{8'000};
constexpr milliseconds retry_snapshot{1'000};
constexpr milliseconds retry_refused{5'000};
constexpr int most_refusals = 3;
// bbb-web hears the same messages, perhaps a little later than we do.
constexpr milliseconds node_lag{300};
constexpr std::size_t remembered_ends = 1'000;

void set_camera(const Message& message, std::set<std::string, std::less<>>& streams) {
  if (message.kind == Kind::camera_on) {
    streams.insert(message.stream);
  } else if (message.stream.empty()) {
    streams.clear();
  } else {
    streams.erase(message.stream);
  }
}

// The person after a message; cameras are seen to apart.
Person changed(Person person, const Message& message) {
  switch (message.kind) {
    case Kind::role_changed:
      person.moderator = message.person.moderator;
      break;
    case Kind::presenter_assigned:
    case Kind::presenter_unassigned:
      person.presenter = message.kind == Kind::presenter_assigned;
      break;
    case Kind::voice_joined:
      person.listening_only = message.person.listening_only;
      person.voice = !person.listening_only;
      break;
    case Kind::voice_left:
      person.listening_only = person.voice = false;
      break;
    default:
      break;
  }
  return person;
}

}  // namespace

std::vector<Call> State::apply(const Message& message, SteadyTime now) {
  auto calls = react(message, now);
  for (Call& call : calls) {
    const auto place = meetings_.find(call.meeting_id);
    if (place != meetings_.end()) call.scoped_id = place->second.external_id;
  }
  return calls;
}

std::vector<Call> State::react(const Message& message, SteadyTime now) {
  if (message.kind == Kind::breakouts_changed) {
    want(message.parent_id, now + settle);
    return {};
  }
  if (message.kind == Kind::meeting_created) {
    create(message, now);
    return {};
  }
  if (message.kind == Kind::meeting_over) return finish(message.meeting_id);
  if (is_of_no_concern(message.meeting_id)) return {};
  const auto place = meetings_.find(message.meeting_id);
  if (place == meetings_.end()) {
    want(message.meeting_id, now + settle);
    return {};
  }
  place->second.touched = now;
  if (message.kind == Kind::joined) return join(message, place->second, now);
  if (message.kind == Kind::left) return leave(message, place->second, now);
  return change(message, place->second, now);
}

bool State::is_of_no_concern(std::string_view meeting_id) const {
  return foreign_.contains(meeting_id) || over_.contains(meeting_id);
}

void State::create(const Message& message, SteadyTime now) {
  if (!message.parent_id.empty()) want(message.parent_id, now + settle);
  if (over_.contains(message.meeting_id)) return;
  if (!bbb::unscope(message.external_id)) {
    foreign_.insert(message.meeting_id);
  } else if (const auto [place, made] = meetings_.try_emplace(message.meeting_id); made) {
    place->second.external_id = message.external_id;
    place->second.known_since = place->second.touched = now;
  }
}

std::vector<Call> State::finish(std::string_view meeting_id) {
  if (const auto due = due_.find(meeting_id); due != due_.end()) due_.erase(due);
  if (const auto foreign = foreign_.find(meeting_id); foreign != foreign_.end()) {
    foreign_.erase(foreign);
    return {};
  }
  if (!over_.emplace(meeting_id).second) return {};
  over_order_.emplace_back(meeting_id);
  if (over_order_.size() > remembered_ends) {
    over_.erase(over_order_.front());
    over_order_.pop_front();
  }
  // Even if we had not heard of it: the cluster may have, before we were started.
  Call call = ended_call(meeting_id);
  if (const auto place = meetings_.find(meeting_id); place != meetings_.end()) {
    call.scoped_id = place->second.external_id;
    meetings_.erase(place);
  }
  return {std::move(call)};
}

std::vector<Call> State::join(const Message& message, Meeting& meeting, SteadyTime now) {
  const auto [place, made] = meeting.people.try_emplace(message.person.internal_id);
  Attendee& attendee = place->second;
  attendee.touched = now;
  const Person before = attendee.person;
  attendee.person = message.person;
  // Told again, as after a short loss of the connection: sound and camera have messages of their
  // own.
  attendee.person.listening_only = before.listening_only;
  attendee.person.voice = before.voice;
  attendee.person.video = before.video;
  if (!made && attendee.person == before) return {};
  return {add_call(message.meeting_id, attendee.person)};
}

std::vector<Call> State::leave(const Message& message, Meeting& meeting, SteadyTime now) {
  if (meeting.people.erase(message.person.internal_id) == 0) {
    want(message.meeting_id, now + settle);
    return {};
  }
  return {remove_call(message.meeting_id, message.person.internal_id)};
}

std::vector<Call> State::change(const Message& message, Meeting& meeting, SteadyTime now) {
  const auto place = meeting.people.find(message.person.internal_id);
  if (place == meeting.people.end()) {
    want(message.meeting_id, now + settle);
    return {};
  }
  Attendee& attendee = place->second;
  attendee.touched = now;
  const Person before = attendee.person;
  attendee.person = changed(before, message);
  if (message.kind == Kind::camera_on || message.kind == Kind::camera_off) {
    const bool is_unheard_of = message.kind == Kind::camera_off && !message.stream.empty() &&
                               !attendee.streams.contains(message.stream);
    // It was on before we listened, and others may be.
    if (is_unheard_of && before.video) want(message.meeting_id, now + settle);
    set_camera(message, attendee.streams);
    attendee.person.video = !attendee.streams.empty();
  }
  if (attendee.person == before) return {};
  return {add_call(message.meeting_id, attendee.person)};
}

void State::want_everything(SteadyTime now) {
  everything_due_ = std::min(everything_due_.value_or(now), now);
}

void State::want(std::string_view meeting_id, SteadyTime when) {
  if (meeting_id.empty() || is_of_no_concern(meeting_id)) return;
  const auto [place, made] = due_.try_emplace(std::string(meeting_id), when);
  if (!made) place->second = std::min(place->second, when);
}

std::optional<SteadyTime> State::snapshot_due() const {
  std::optional<SteadyTime> earliest = everything_due_;
  for (const auto& [id, when] : due_) earliest = std::min(earliest.value_or(when), when);
  return earliest;
}

SnapshotRequest State::begin_snapshot(SteadyTime now) {
  SnapshotRequest request{
      .begun = now, .all = everything_due_ && *everything_due_ <= now, .meetings = {}};
  if (request.all) {
    everything_due_.reset();
    due_.clear();
    return request;
  }
  std::erase_if(due_, [&](const auto& entry) {
    if (entry.second > now) return false;
    request.meetings.insert(entry.first);
    return true;
  });
  return request;
}

std::vector<Call> State::finish_snapshot(const SnapshotRequest& request,
                                         const std::vector<SeenMeeting>& seen, SteadyTime now) {
  std::vector<Call> calls;
  std::set<std::string_view> listed;
  if (request.all) foreign_.clear();
  for (const SeenMeeting& meeting : seen) {
    listed.insert(meeting.internal_id);
    if (!bbb::unscope(meeting.external_id)) {
      foreign_.insert(meeting.internal_id);
    } else if (!meeting.ended && !over_.contains(meeting.internal_id) &&
               (request.all || request.meetings.contains(meeting.internal_id))) {
      reset(meeting, request, now, calls);
    }
  }
  std::vector<std::string> gone;
  for (const auto& [id, meeting] : meetings_) {
    const bool asked = request.all || request.meetings.contains(id);
    if (asked && !listed.contains(id) && meeting.known_since + node_lag < request.begun) {
      gone.push_back(id);
    }
  }
  for (const auto& id : gone) {
    for (auto& call : finish(id)) calls.push_back(std::move(call));
  }
  if (request.all) calls.push_back(refresh_call());
  return calls;
}

void State::reset(const SeenMeeting& seen, const SnapshotRequest& request, SteadyTime now,
                  std::vector<Call>& calls) {
  const auto [place, made] = meetings_.try_emplace(seen.internal_id);
  Meeting& meeting = place->second;
  if (made) meeting.known_since = request.begun;
  meeting.external_id = seen.external_id;
  const auto first = std::ptrdiff_t(calls.size());
  merge(seen, request, meeting, now);
  calls.push_back(reset_call(seen.internal_id, seen.document));
  // The list has no internal ids, by which people leave.
  for (const auto& [id, attendee] : meeting.people) {
    calls.push_back(add_call(seen.internal_id, attendee.person));
  }
  std::for_each(calls.begin() + first, calls.end(),
                [&](Call& call) { call.scoped_id = seen.external_id; });
}

// Of two sources for one person the later one counts.
void State::merge(const SeenMeeting& seen, const SnapshotRequest& request, Meeting& meeting,
                  SteadyTime now) {
  const auto is_newer = [&](SteadyTime touched) { return touched + node_lag >= request.begun; };
  std::multimap<std::string_view, const Person*> listed;
  for (const Person& person : seen.people) listed.emplace(person.user_id, &person);
  for (auto place = meeting.people.begin(); place != meeting.people.end();) {
    const auto current = place++;
    Attendee& attendee = current->second;
    const auto match = listed.find(attendee.person.user_id);
    const Person* person = match == listed.end() ? nullptr : match->second;
    if (person) listed.erase(match);
    if (is_newer(attendee.touched)) continue;
    if (!person) {
      meeting.people.erase(current);
      continue;
    }
    attendee.person = *person;
    attendee.person.internal_id = current->first;
    if (!attendee.person.video) attendee.streams.clear();
  }
  for (const auto& [user_id, person] : listed) {
    if (!person->internal_id.empty()) {
      meeting.people.try_emplace(person->internal_id, Attendee{.person = *person, .streams = {}});
    }
  }
  if (!is_newer(meeting.touched)) {
    meeting.repeat = {};
    return;
  }
  meeting.repeat = std::clamp(meeting.repeat * 2, settle, longest_repeat);
  want(seen.internal_id, now + meeting.repeat);
}

void State::fail_snapshot(const SnapshotRequest& request, SteadyTime now) {
  if (request.all) want_everything(now + retry_snapshot);
  for (const auto& id : request.meetings) want(id, now + retry_snapshot);
}

void State::refused(std::string_view meeting_id, SteadyTime now) {
  const auto place = meetings_.find(meeting_id);
  if (place == meetings_.end() || ++place->second.refusals > most_refusals) return;
  want(meeting_id, now + retry_refused);
}

std::size_t State::people() const {
  std::size_t count = 0;
  for (const auto& [id, meeting] : meetings_) count += meeting.people.size();
  return count;
}

}  // namespace b3::agent
