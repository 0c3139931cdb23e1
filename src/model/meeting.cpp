#include "model/meeting.h"

#include "model/enum_text.h"

namespace b3 {

namespace {

constexpr EnumText<MeetingPhase, 2> phases{{
    {MeetingPhase::reserved, "reserved"},
    {MeetingPhase::bound, "bound"},
}};

}  // namespace

std::string_view to_string(MeetingPhase phase) {
  return text_of(phases, phase);
}

std::optional<MeetingPhase> parse_meeting_phase(std::string_view text) {
  return value_of(phases, text);
}

}  // namespace b3
