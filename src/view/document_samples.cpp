// Meetings as nodes list them, with everything made up: what they contain is how often which
// characters come, and how long what is copied from the dictionary mostly is. The same in every
// process; as with the dictionary only their usefulness matters.
#include <array>
#include <random>
#include <span>

#include "view/document.h"

namespace b3::view {
namespace {

// '@' and a letter stand for something made up; see put().
constexpr std::string_view head =
    "<meeting><meetingName>@n "
    "@d</meetingName><meetingID>@k~@i</meetingID><internalMeetingID>@h-17@s"
    "</internalMeetingID><createTime>17@s</createTime><createDate>Tue Oct 13 @c:@c:@c UTC 2026"
    "</createDate><voiceBridge>@d</voiceBridge><dialNumber>613-555-1234</dialNumber><attendeePW>@w"
    "</attendeePW><moderatorPW>@w</moderatorPW><running>true</running><duration>0</duration>"
    "<hasUserJoined>true</hasUserJoined><recording>@b</recording><hasBeenForciblyEnded>false"
    "</hasBeenForciblyEnded><startTime>17@s</startTime><endTime>0</endTime><participantCount>@c"
    "</participantCount><listenerCount>@c</listenerCount><voiceParticipantCount>@c"
    "</voiceParticipantCount><videoCount>@c</videoCount><maxUsers>0</maxUsers><moderatorCount>1"
    "</moderatorCount><attendees>";
constexpr std::string_view moderator =
    "<attendee><userID>w_@w</userID><fullName>@n</fullName><role>MODERATOR</role><isPresenter>true"
    "</isPresenter><isListeningOnly>false</isListeningOnly><hasJoinedVoice>true</hasJoinedVoice>"
    "<hasVideo>@b</hasVideo><clientType>HTML5</clientType></attendee>";
constexpr std::string_view viewer =
    "<attendee><userID>w_@w</userID><fullName>@n</fullName><role>VIEWER</role><isPresenter>false"
    "</isPresenter><isListeningOnly>@b</isListeningOnly><hasJoinedVoice>@b</hasJoinedVoice>"
    "<hasVideo>@b</hasVideo><clientType>HTML5</clientType></attendee>";
constexpr std::array<std::string_view, 3> tails{
    "</attendees><metadata><bbb-origin>Moodle</bbb-origin><bbb-origin-version>4.1 (Build: 20221128)"
    "</bbb-origin-version><bbb-origin-server-name>@w.example.org</bbb-origin-server-name>"
    "<bbb-context>@n "
    "@n</bbb-context><bbb-context-id>@d</bbb-context-id></metadata><isBreakout>false"
    "</isBreakout></meeting>",
    "</attendees><metadata><endcallbackurl>https://@w.example.org/rooms/@i/ended</endcallbackurl>"
    "<bbb-origin>Greenlight</bbb-origin><bbb-origin-version>3</bbb-origin-version></metadata>"
    "<isBreakout>false</isBreakout></meeting>",
    "</attendees><metadata/><isBreakout>false</isBreakout></meeting>"};

constexpr std::array<std::string_view, 24> names{
    "Aaliyah", "Bruno",    "Chidi",     "Daniela", "Emre",     "Freja",    "Giovanni", "Hyun-woo",
    "Ingrid",  "Jaroslav", "Katharina", "Lucas",   "Mohammed", "Nguyen",   "Olivia",   "Priya",
    "Quentin", "Roberts",  "Schneider", "Tanaka",  "Usman",    "Virtanen", "Wagner",   "Yilmaz"};

constexpr std::string_view digits = "0123456789";
constexpr std::string_view hexadecimal = "0123456789abcdef";
constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyz0123456789";

class Dice {
 public:
  std::size_t below(std::size_t count) { return numbers_() % count; }
  std::string_view one_of(std::span<const std::string_view> choices) {
    return choices[below(choices.size())];
  }
  std::string text(std::size_t length, std::string_view alphabet) {
    std::string made(length, '\0');
    for (char& each : made) each = alphabet[below(alphabet.size())];
    return made;
  }

 private:
  std::mt19937 numbers_;
};

std::string made_up(char kind, Dice& dice) {
  switch (kind) {
    case 'b':
      return dice.below(2) == 0 ? "true" : "false";
    case 'c':
      return dice.text(1 + dice.below(2), digits);
    case 'd':
      return dice.text(5, digits);
    case 'h':
      return dice.text(40, hexadecimal);
    case 'i':
      return dice.text(12 + dice.below(30), dice.below(2) == 0 ? hexadecimal : letters_and_digits);
    case 'k':
      return dice.text(4, letters_and_digits);
    case 'n':
      return std::string(dice.one_of(names)).append(" ").append(dice.one_of(names));
    case 's':
      return dice.text(11, digits);
    default:
      return dice.text(12, letters_and_digits);
  }
}

void put(std::string& sample, std::string_view pattern, Dice& dice) {
  for (;;) {
    const auto at = pattern.find('@');
    sample += pattern.substr(0, at);
    if (at == std::string_view::npos) return;
    sample += made_up(pattern[at + 1], dice);
    pattern.remove_prefix(at + 2);
  }
}

}  // namespace

std::vector<std::string> document_samples() {
  std::vector<std::string> samples(64);
  Dice dice;
  for (auto& sample : samples) {
    put(sample, head, dice);
    put(sample, moderator, dice);
    for (auto viewers = dice.below(25); viewers > 0; --viewers) put(sample, viewer, dice);
    put(sample, dice.one_of(tails), dice);
  }
  return samples;
}

}  // namespace b3::view
