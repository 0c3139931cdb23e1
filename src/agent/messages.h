// What BigBlueButton publishes in its node's redis, as far as it tells who is in which meeting.
// Pure; any thread.
//
// Source: the message classes of akka-bbb-apps, bigbluebutton/bigbluebutton,
// bbb-common-message/src/main/scala/org/bigbluebutton/common2/msgs (2.7 and 3.0).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace b3::agent {

struct Person {
  std::string internal_id;  // BBB's, "w_..." or "v_..."
  std::string user_id;      // the frontend's, or the internal one
  std::string full_name;
  bool moderator = false;
  bool presenter = false;
  bool listening_only = false;
  bool voice = false;
  bool video = false;
  bool operator==(const Person&) const = default;
};

struct Message {
  enum class Kind {
    meeting_created,
    meeting_over,
    joined,
    left,
    role_changed,
    presenter_assigned,
    presenter_unassigned,
    voice_joined,  // person.listening_only: only to listen
    voice_left,
    camera_on,
    camera_off,
    breakouts_changed,
  };
  Kind kind{};
  std::string meeting_id;   // BBB's internal one
  std::string external_id;  // meeting_created: what the frontend, or b3scale, called it
  std::string parent_id;    // of a breakout room that was created or has changed: internal, or ""
  std::string stream;       // of a camera; "" all of them
  Person person;            // as much of it as the message tells
};

// Channels that carry such messages; the others are for pictures, slides and chats.
inline constexpr std::string_view channel_pattern = "from-akka-apps-*";
bool is_wanted_channel(std::string_view channel);

// nullopt: a message of another kind. The error says what is malformed, and quotes nothing.
std::expected<std::optional<Message>, std::string> parse_message(std::string_view text);

}  // namespace b3::agent
