#include "feed/apply.h"

#include <doctest/doctest.h>

#include <set>

using namespace b3;

namespace {

struct Fixture {
  view::View view;
  std::set<std::string, std::less<>> creating;

  Fixture() {
    view.remember_erasures();
    Frontend frontend;
    frontend.id = "f1";
    frontend.key = "moodle";
    view.put(frontend);
    Backend backend;
    backend.id = "b1";
    backend.host = "http://b1/";
    view.put(backend);
  }

  static Meeting row(MeetingPhase phase = MeetingPhase::reserved, std::int64_t epoch = 5) {
    Meeting meeting;
    meeting.scoped_id = "moodle~math";
    meeting.frontend_id = "f1";
    meeting.backend_id = "b1";
    meeting.phase = phase;
    meeting.epoch = epoch;
    return meeting;
  }

  std::vector<std::string> apply(store::Changes changes, std::uint64_t asked_at) {
    return feed::apply(std::move(changes), view, asked_at,
                       [this](std::string_view id) { return creating.contains(id); });
  }
  const view::MeetingEntry* meeting() const { return view.meeting("moodle~math"); }
};

store::Changes put(Meeting meeting) {
  store::Changes changes;
  changes.meetings = {std::move(meeting)};
  return changes;
}

store::Changes gone() {
  store::Changes changes;
  changes.gone_meetings = {"moodle~math"};
  return changes;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "rows of other instances appear and disappear") {
  apply(put(row()), view.version());
  REQUIRE(meeting());
  apply(gone(), view.version());
  CHECK_FALSE(meeting());
}

TEST_CASE_FIXTURE(Fixture, "a row older than what this instance wrote meanwhile is skipped") {
  const auto asked_at = view.version();
  view.put(row(MeetingPhase::bound));
  apply(put(row(MeetingPhase::reserved)), asked_at);
  CHECK(meeting()->phase() == MeetingPhase::bound);
  apply(gone(), asked_at);
  CHECK(meeting());
  apply(put(row(MeetingPhase::bound, 6)), view.version());
  CHECK(meeting()->epoch() == 6);
}

TEST_CASE_FIXTURE(Fixture, "a meeting ended here meanwhile is not brought back") {
  view.put(row(MeetingPhase::bound));
  const auto asked_at = view.version();
  view.erase_meeting("moodle~math", 5);
  apply(put(row(MeetingPhase::bound)), asked_at);
  CHECK_FALSE(meeting());
  view.forget_erasures(view.version());
  apply(put(row(MeetingPhase::bound)), view.version());
  CHECK(meeting());
}

TEST_CASE_FIXTURE(Fixture, "a running create is not disturbed") {
  view.put(row());
  creating.insert("moodle~math");
  const auto skipped = apply(gone(), view.version());
  CHECK(skipped == std::vector<std::string>{"moodle~math"});
  CHECK(meeting());
  apply(put(row(MeetingPhase::bound)), view.version());
  CHECK(meeting()->phase() == MeetingPhase::reserved);
}

TEST_CASE_FIXTURE(Fixture, "frontends and backends follow, with their meetings when they go") {
  view.put(row(MeetingPhase::bound));
  store::Changes changes;
  Frontend frontend;
  frontend.id = "f2";
  frontend.key = "nextcloud";
  changes.frontends = {frontend};
  changes.gone_backends = {"b1"};
  apply(std::move(changes), view.version());
  CHECK(view.frontend_by_key("nextcloud"));
  CHECK_FALSE(view.backend("b1"));
  CHECK_FALSE(meeting());
}

TEST_CASE_FIXTURE(Fixture,
                  "a row with a lower epoch replaces what the view holds: the store is right") {
  view.put(row(MeetingPhase::bound, 9));
  auto older = row(MeetingPhase::reserved, 4);
  older.name = "from the store";
  apply(put(older), view.version());
  REQUIRE(meeting());
  CHECK(meeting()->epoch() == 4);
  CHECK(meeting()->phase() == MeetingPhase::reserved);
  CHECK(meeting()->name() == "from the store");
}
