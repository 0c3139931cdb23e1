// What one simulated node knows: its meetings and the people in them. Pure: no I/O, no clocks; the
// owner (SimNode) passes `now` and keeps the value on the event loop's thread.
//
// Behaviour follows bbb-web of BigBlueButton 2.7/3.0 (BBB API reference, docs.bigbluebutton.org,
// "API"); where a node would consult its other services, the simulator decides at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace b3::sim {

struct NodeSettings {
  milliseconds never_joined{300'000};  // a meeting nobody joined ends after this; 0: never
  milliseconds empty{60'000};          // ends this long after the last person left; 0: never
  milliseconds end_delay{0};           // an ended meeting stays listed for this long
  bool cdata = false;                  // wrap meeting names and ids in CDATA
  std::string version = "2.7.14";      // bbbVersion of the index call
  bool operator==(const NodeSettings&) const = default;
};

struct Attendee {
  std::string user_id;  // the frontend's userID parameter, or the internal one
  std::string internal_id;
  std::string full_name;
  std::string session_token;
  bool moderator = false;
  bool presenter = false;
  bool listening_only = false;
  bool voice = false;
  bool video = false;
};

struct Meeting {
  std::string meeting_id;
  std::string internal_id;
  std::string parent_internal_id = "bbb-none";
  std::string name;
  std::string attendee_password;
  std::string moderator_password;
  std::string voice_bridge;
  std::string dial_number;
  WallTime created{};
  SteadyTime created_steady{};
  std::int64_t duration_minutes = 0;  // 0: no limit
  std::int64_t max_participants = 0;  // 0: no limit
  std::int64_t sequence = 0;          // of a breakout room
  bool breakout = false;
  bool free_join = false;
  bool recording = false;
  bool has_user_joined = false;
  bool forcibly_ended = false;
  std::optional<WallTime> started;  // first join
  std::optional<WallTime> ended;
  std::optional<SteadyTime> empty_since;  // set while nobody is left after someone was there
  std::optional<SteadyTime> gone_at;      // of a forcibly ended meeting
  std::vector<Attendee> attendees;
  std::vector<std::pair<std::string, std::string>> metadata;  // names without "meta_"
  std::vector<std::string> breakout_rooms;                    // their internal ids
  std::size_t presentations = 0;
  std::size_t chat_messages = 0;

  bool running() const { return !attendees.empty(); }
};

// When the meeting disappears by itself; nullopt: not in sight.
std::optional<SteadyTime> disappears_at(const Meeting& meeting, const NodeSettings& settings);

// A "no" in BBB's words: returncode FAILED with these two.
struct Refusal {
  std::string message_key;
  std::string message;
};

struct CreateRequest {
  std::string meeting_id;
  std::string name;
  std::optional<std::string> attendee_password;   // absent: generated, or matches any
  std::optional<std::string> moderator_password;  // absent: generated, or matches any
  std::optional<std::string> voice_bridge;
  std::optional<std::string> dial_number;
  std::int64_t duration_minutes = 0;
  std::int64_t max_participants = 0;
  bool recording = false;
  bool breakout = false;
  bool free_join = false;
  std::int64_t sequence = 0;
  std::string parent_meeting_id;  // for breakout rooms
  std::vector<std::pair<std::string, std::string>> metadata;
  std::size_t presentations = 0;
};

struct Created {
  const Meeting* meeting = nullptr;
  bool duplicate = false;  // the meeting was there already
};

struct JoinRequest {
  std::string meeting_id;
  std::string full_name;
  std::string user_id;
  std::optional<std::string> password;
  std::optional<bool> moderator;  // from the role parameter; goes before the password
  std::optional<std::string> create_time;
};

struct Joined {
  const Meeting* meeting = nullptr;
  Attendee attendee;
};

// A change of the people in a meeting from outside (the control API, the script).
struct PeopleChange {
  std::size_t leave = 0;  // the latest to come leave first, before anybody joins
  std::size_t join = 0;
  std::size_t moderators = 0;  // so many of those who join
  // Totals among those present afterwards; absent: as they are.
  std::optional<std::size_t> voice = {};
  std::optional<std::size_t> video = {};
  std::optional<std::size_t> listening = {};
};

// Something that happened in a meeting, as it was just then.
struct StateEvent {
  enum class Kind { created, ended, joined, left, voice_joined, voice_left, camera_on, camera_off };
  Kind kind{};
  std::string meeting_id;
  std::string meeting_internal_id;
  std::string meeting_name;
  std::string parent_internal_id;
  std::string voice_bridge;
  bool breakout = false;
  Attendee person;  // of all but created and ended
  std::int64_t unix_milliseconds = 0;
};

// Pointers that functions return live until the next call that is not const.
class NodeState {
 public:
  NodeState(std::string name, std::uint64_t seed) : name_(std::move(name)), random_(seed) {}

  const std::string& name() const { return name_; }
  NodeSettings settings;

  std::expected<Created, Refusal> create(const CreateRequest& request, const Now& now);
  std::expected<Joined, Refusal> join(const JoinRequest& request, const Now& now);
  // notFound when unknown. A wrong `password` (when given) is invalidPassword.
  std::expected<void, Refusal> end(std::string_view meeting_id,
                                   const std::optional<std::string>& password, const Now& now);
  // nullptr: unknown, or over by now.
  const Meeting* find(std::string_view meeting_id, const Now& now);
  std::expected<void, Refusal> add_presentations(std::string_view meeting_id, std::size_t count,
                                                 const Now& now);
  std::expected<void, Refusal> add_chat_message(std::string_view meeting_id, const Now& now);
  // False when the meeting is unknown or has been ended. maxParticipants does not bind here.
  bool change_people(std::string_view meeting_id, const PeopleChange& change, const Now& now);
  // The meeting a session token belongs to; nullptr: none.
  const Meeting* find_session(std::string_view session_token, const Now& now);

  // Forgets meetings that are over, after which meetings() lists exactly those left.
  void expire(const Now& now);
  using Meetings = std::map<std::string, Meeting, std::less<>>;
  const Meetings& meetings() const { return meetings_; }
  // As a machine without power does: it tells nobody.
  void lose_all_meetings();

  // Whether to remember what happens, for take_events().
  bool records_events = false;
  std::vector<StateEvent> take_events() { return std::exchange(events_, {}); }

 private:
  void record(StateEvent::Kind kind, const Meeting& meeting, const Attendee& person = {});
  void record_changes(const Meeting& meeting, const std::vector<Attendee>& before);
  Meeting* find_live(std::string_view meeting_id, const Now& now);
  void end_now(std::string_view meeting_id, const Now& now);
  std::vector<std::string> meetings_of(const std::vector<std::string>& internal_ids) const;
  void forget(Meetings::iterator place);
  void remove_people(Meeting& meeting, std::size_t count, const Now& now);
  Attendee& add_person(Meeting& meeting, std::string full_name, std::string user_id, bool moderator,
                       const Now& now);
  Meeting make_meeting(const CreateRequest& request, const Now& now);
  std::string random_word(std::size_t length);

  std::string name_;
  std::mt19937_64 random_;
  Meetings meetings_;
  std::map<std::string, std::string, std::less<>> sessions_;  // token -> meeting id
  std::uint64_t people_made_ = 0;                             // names people without a name
  std::vector<StateEvent> events_;
  WallTime last_created_{};  // no two meetings share a createTime, so internal ids differ
};

}  // namespace b3::sim
