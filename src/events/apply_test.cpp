#include "events/apply.h"

#include <doctest/doctest.h>

#include "bbb/answer.h"
#include "bbb/xml.h"

namespace b3::events {
namespace {

Meeting bound_meeting() {
  Meeting meeting;
  meeting.scoped_id = "moodle~m";
  meeting.backend_id = "b";
  meeting.phase = MeetingPhase::bound;
  meeting.internal_id = "i-1";
  meeting.name = "Maths";
  meeting.document =
      "<meeting><meetingID>moodle~m</meetingID><internalMeetingID>i-1</internalMeetingID>"
      "<running>false</running><metadata><a>b</a></metadata></meeting>";
  return meeting;
}

Event event_of(Event::Kind kind) {
  Event event;
  event.kind = kind;
  event.internal_id = "i-1";
  return event;
}

Event add_of(std::string internal_user_id, std::string user_id, std::string full_name = "Anna") {
  auto event = event_of(Event::Kind::add);
  event.attendee.internal_user_id = std::move(internal_user_id);
  event.attendee.user_id = std::move(user_id);
  event.attendee.full_name = std::move(full_name);
  return event;
}

Event remove_of(std::string internal_user_id) {
  auto event = event_of(Event::Kind::remove);
  event.internal_user_id = std::move(internal_user_id);
  return event;
}

struct Applied {
  store::Revision revision;
  bool should_poll;
};
Applied apply_all(Meeting& meeting, const std::vector<Event>& events) {
  MeetingEdit edit(meeting);
  for (const auto& event : events) {
    REQUIRE(edit.apply("b", event).kind == Outcome::Kind::done);
  }
  const auto revision = edit.finish();
  return {revision, edit.should_poll()};
}

// What a poll of this document would find.
bbb::NodeMeeting as_listed(const Meeting& meeting) {
  const auto answer = bbb::Answer::parse("<response><returncode>SUCCESS</returncode><meetings>" +
                                         meeting.document + "</meetings></response>");
  REQUIRE(answer);
  REQUIRE(answer->meetings().size() == 1);
  return answer->meetings().front();
}

std::string people(const Meeting& meeting) {
  std::string names;
  const auto document = bbb::xml::parse(meeting.document);
  for (const auto each : document->document_element().child("attendees").children()) {
    names += bbb::xml::text_of(each.child("fullName")) + " ";
  }
  return names;
}

TEST_CASE("the first attendee makes a meeting run, and the document tells all of it") {
  auto meeting = bound_meeting();
  auto add = add_of("w_1", "u1", "Änne <&>");
  add.attendee.role = "MODERATOR";
  add.attendee.has_video = true;
  add.attendee.has_joined_voice = true;
  CHECK(apply_all(meeting, {add}).revision == store::Revision::changed);
  CHECK(meeting.running);
  CHECK(meeting.counts == MeetingCounts{1, 1, 0, 1, 1});
  CHECK(meeting.attendee_ids == R"({"w_1":"u1"})");
  const auto listed = as_listed(meeting);
  CHECK(listed.running);
  CHECK(listed.counts == meeting.counts);
  CHECK(listed.scoped_id == "moodle~m");
  CHECK(people(meeting) == "Änne <&> ");
  CHECK(meeting.document.contains("<metadata><a>b</a></metadata>"));
  CHECK(meeting.document.contains(
      "<attendee><userID>u1</userID><fullName>Änne &lt;&amp;&gt;</fullName><role>MODERATOR</role>"
      "<isPresenter>false</isPresenter><isListeningOnly>false</isListeningOnly>"
      "<hasJoinedVoice>true</hasJoinedVoice><hasVideo>true</hasVideo>"
      "<clientType>HTML5</clientType></attendee>"));
}

TEST_CASE("a removal has the node asked where somebody of that user may have gone before") {
  auto meeting = bound_meeting();
  apply_all(meeting, {add_of("w_1", "u1"), add_of("w_2", "u1")});
  MeetingEdit quiet(meeting);
  CHECK(quiet.apply("b", remove_of("w_1")).kind == Outcome::Kind::done);
  CHECK_FALSE(quiet.should_poll());
  quiet.finish();
  apply_all(meeting, {add_of("w_1", "u1")});
  // The node's list comes before the message that w_1 has left.
  Event reset;
  reset.kind = Event::Kind::reset;
  reset.internal_id = meeting.internal_id;
  reset.node_meeting = as_listed(meeting);
  auto& document = reset.node_meeting->document;
  document.erase(document.find("<attendee>"),
                 document.find("</attendee>") + 11 - document.find("<attendee>"));
  reset.node_meeting->counts.participants = 1;
  MeetingEdit doubtful(meeting);
  doubtful.apply("b", reset);
  doubtful.apply("b", remove_of("w_1"));
  CHECK(doubtful.should_poll());
}

TEST_CASE("somebody known by internal id is replaced, by another one joined") {
  auto meeting = bound_meeting();
  apply_all(meeting, {add_of("w_1", "u1"), add_of("w_2", "u1"), add_of("w_3", "u2", "Bert")});
  CHECK(meeting.counts.participants == 3);
  auto again = add_of("w_3", "u2", "Bert B.");
  again.attendee.is_listening_only = true;
  apply_all(meeting, {again, again});
  CHECK(meeting.counts == MeetingCounts{3, 0, 1, 0, 0});
  CHECK(people(meeting) == "Anna Anna Bert B. ");
  again.attendee.is_listening_only = false;
  apply_all(meeting, {again});
  CHECK(meeting.counts.listeners == 0);
}

TEST_CASE("leaving takes one away and does not stop the meeting") {
  auto meeting = bound_meeting();
  apply_all(meeting, {add_of("w_1", "u1"), add_of("w_2", "u2", "Bert")});
  CHECK(apply_all(meeting, {remove_of("w_1")}).revision == store::Revision::changed);
  CHECK(people(meeting) == "Bert ");
  CHECK(meeting.counts.participants == 1);
  CHECK(meeting.attendee_ids == R"({"w_2":"u2"})");
  apply_all(meeting, {remove_of("w_2")});
  CHECK(meeting.counts.participants == 0);
  CHECK(as_listed(meeting).counts.participants == 0);
  CHECK(meeting.running);
}

TEST_CASE("leaving of somebody unknown changes nothing and asks the node") {
  auto meeting = bound_meeting();
  apply_all(meeting, {add_of("w_1", "u1")});
  const auto before = meeting.document;
  const auto applied = apply_all(meeting, {remove_of("w_9")});
  CHECK(applied.revision == store::Revision::unchanged);
  CHECK(applied.should_poll);
  CHECK(meeting.document == before);
}

TEST_CASE("somebody a poll has found before the event came is not there twice") {
  auto meeting = bound_meeting();
  meeting.counts.participants = 1;
  meeting.document =
      "<meeting><meetingID>moodle~m</meetingID><attendees><attendee><userID>u1</userID>"
      "<fullName>Anna</fullName><customdata><x>1</x></customdata></attendee></attendees></meeting>";
  apply_all(meeting, {add_of("w_1", "u1")});
  CHECK(meeting.counts.participants == 1);
  CHECK(meeting.document.contains("<customdata><x>1</x></customdata>"));
  apply_all(meeting, {add_of("w_2", "u1")});  // in a second window
  CHECK(meeting.counts.participants == 2);
}

TEST_CASE("somebody a poll has missed joins again under another id") {
  auto meeting = bound_meeting();
  meeting.attendee_ids = R"({"w_1":"u1"})";
  apply_all(meeting, {add_of("w_2", "u1")});
  CHECK(meeting.counts.participants == 1);
  CHECK(meeting.attendee_ids == R"({"w_2":"u1"})");
  CHECK(apply_all(meeting, {remove_of("w_1")}).should_poll);
}

TEST_CASE("counts beyond the list of attendees are kept, and never fall below zero") {
  auto meeting = bound_meeting();
  meeting.counts = {5, 2, 0, 0, 0};
  apply_all(meeting, {add_of("w_1", "u1")});
  CHECK(meeting.counts == MeetingCounts{6, 2, 0, 0, 0});
  meeting.counts = {};
  apply_all(meeting, {remove_of("w_1")});
  CHECK(meeting.counts == MeetingCounts{});
}

TEST_CASE("running is set, and set once only") {
  auto meeting = bound_meeting();
  auto running = event_of(Event::Kind::running);
  running.running = true;
  CHECK(apply_all(meeting, {running}).revision == store::Revision::changed);
  CHECK(as_listed(meeting).running);
  CHECK(apply_all(meeting, {running}).revision == store::Revision::unchanged);
  running.running = false;
  CHECK(apply_all(meeting, {running}).revision == store::Revision::changed);
  CHECK_FALSE(meeting.running);
}

TEST_CASE("a reset by attendees replaces everybody") {
  auto meeting = bound_meeting();
  apply_all(meeting, {add_of("w_1", "u1")});
  auto reset = event_of(Event::Kind::reset);
  reset.attendees = {add_of("w_5", "u5", "Eve").attendee, add_of("", "u6", "Fred").attendee};
  apply_all(meeting, {reset});
  CHECK(people(meeting) == "Eve Fred ");
  CHECK(meeting.counts.participants == 2);
  CHECK(meeting.attendee_ids == R"({"w_5":"u5"})");
  CHECK(meeting.running);
  reset.attendees.clear();
  reset.running = false;
  apply_all(meeting, {reset});
  CHECK(meeting.counts == MeetingCounts{});
  CHECK_FALSE(meeting.running);
}

TEST_CASE("a reset by the node's element is what a poll would write") {
  auto meeting = bound_meeting();
  apply_all(meeting, {add_of("w_1", "u1"), add_of("w_2", "u2")});
  auto reset = event_of(Event::Kind::reset);
  reset.node_meeting = bbb::NodeMeeting{};
  auto& told = *reset.node_meeting;
  told.scoped_id = "moodle~m";
  told.running = true;
  told.counts = {1, 0, 0, 0, 0};
  told.document =
      "<meeting><meetingID>moodle~m</meetingID><attendees><attendee><userID>u2</userID>"
      "</attendee></attendees></meeting>";
  CHECK(apply_all(meeting, {reset}).revision == store::Revision::changed);
  CHECK(meeting.document == told.document);
  CHECK(meeting.counts.participants == 1);
  CHECK(meeting.attendee_ids == R"({"w_2":"u2"})");
  CHECK(apply_all(meeting, {reset}).revision == store::Revision::unchanged);
  told.scoped_id = "other~m";
  const auto refused = apply_all(meeting, {reset});
  CHECK(refused.revision == store::Revision::unchanged);
  CHECK(refused.should_poll);
}

TEST_CASE("an end ends it, and nothing comes behind") {
  auto meeting = bound_meeting();
  MeetingEdit edit(meeting);
  CHECK(edit.apply("b", event_of(Event::Kind::ended)).kind == Outcome::Kind::done);
  CHECK(edit.apply("b", add_of("w", "u")).kind == Outcome::Kind::no_such_meeting);
  CHECK(edit.finish() == store::Revision::ended);
}

TEST_CASE("events of other runs, other backends and reservations do nothing") {
  auto meeting = bound_meeting();
  MeetingEdit edit(meeting);
  auto other = add_of("w", "u");
  other.internal_id = "i-0";
  CHECK(edit.apply("b", other).kind == Outcome::Kind::no_such_meeting);
  CHECK(edit.apply("c", add_of("w", "u")).kind == Outcome::Kind::other_backend);
  CHECK(edit.finish() == store::Revision::unchanged);
  meeting.phase = MeetingPhase::reserved;
  CHECK(MeetingEdit(meeting).apply("b", add_of("w", "u")).kind == Outcome::Kind::no_such_meeting);
}

TEST_CASE("a row without a document that can be read gets one") {
  for (const auto* document : {"", "<meeting", "<other/>"}) {
    auto meeting = bound_meeting();
    meeting.document = document;
    meeting.attendee_ids = "broken";
    apply_all(meeting, {add_of("w_1", "u1")});
    const auto listed = as_listed(meeting);
    CHECK(listed.scoped_id == "moodle~m");
    CHECK(listed.internal_id == "i-1");
    CHECK(listed.name == "Maths");
    CHECK(listed.counts.participants == 1);
  }
}

}  // namespace
}  // namespace b3::events
