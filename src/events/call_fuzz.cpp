// Calls of hostile agents: whatever can be read can be applied, and leaves a row whose document is
// a <meeting> with counts that are none below zero.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/encoding.h"
#include "base/json.h"
#include "bbb/xml.h"
#include "events/apply.h"
#include "events/parse.h"

using namespace b3;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

Meeting meeting_with_one() {
  Meeting meeting;
  meeting.scoped_id = "moodle~m";
  meeting.backend_id = "b";
  meeting.phase = MeetingPhase::bound;
  meeting.internal_id = "i-1";
  meeting.counts.participants = 1;
  meeting.document =
      "<meeting><meetingID>moodle~m</meetingID><attendees><attendee><userID>u0</userID>"
      "</attendee></attendees></meeting>";
  meeting.attendee_ids = R"({"w_0":"u0"})";
  return meeting;
}

void check(const Meeting& meeting) {
  const auto document = bbb::xml::parse(meeting.document);
  expect(document && std::string_view(document->document_element().name()) == "meeting");
  expect(parse_json_object(meeting.attendee_ids).has_value());
  const auto& [participants, moderators, listeners, voices, videos] = meeting.counts;
  expect(participants >= 0 && moderators >= 0 && listeners >= 0 && voices >= 0 && videos >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto call = parse_json_object({reinterpret_cast<const char*>(data), size});
  if (!call) return 0;
  const auto events = events::parse_call(*call);
  if (!events) {
    expect(!events.error().empty() && is_valid_utf8(events.error()));
    return 0;
  }
  auto meeting = meeting_with_one();
  events::MeetingEdit edit(meeting);
  for (auto event : *events) {
    if (event.kind == events::Event::Kind::malformed) {
      expect(!event.problem.empty());
      continue;
    }
    expect(event.internal_id.empty() == (event.kind == events::Event::Kind::refresh));
    event.internal_id = meeting.internal_id;
    expect(edit.apply("b", event).kind != events::Outcome::Kind::malformed);
  }
  edit.finish();
  check(meeting);
  return 0;
}
