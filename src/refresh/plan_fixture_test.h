// A view, a poll and the plan made of them. For tests.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "refresh/plan.h"

namespace b3::refresh::test {

inline const Now now{from_unix_milliseconds(1'800'000'000'000),
                     SteadyTime{std::chrono::hours{100}}};

struct Fixture {
  view::View view{[] { return now; }};
  Poll poll;
  Baseline baseline;
  Tombstones tombstones;
  Strays strays = Strays::adopt;
  std::set<std::string, std::less<>> creating;

  Fixture() {
    Frontend frontend;
    frontend.id = "f1";
    frontend.key = "moodle";
    frontend.secret = "s";
    view.put(frontend);
    for (const char* id : {"b1", "b2"}) {
      Backend backend;
      backend.id = id;
      backend.host = std::string("http://") + id + "/";
      view.put(backend);
    }
    poll.backend_id = "b1";
  }

  Meeting row(std::string id, MeetingPhase phase = MeetingPhase::bound) {
    Meeting meeting;
    meeting.scoped_id = "moodle~" + id;
    meeting.meeting_id = id;
    meeting.frontend_id = "f1";
    meeting.backend_id = "b1";
    meeting.phase = phase;
    meeting.epoch = 7;
    meeting.owner = "owner";
    if (phase == MeetingPhase::bound) meeting.internal_id = id + "-internal";
    meeting.reserved_at = now.wall;
    return meeting;
  }

  static bbb::NodeMeeting listed(std::string id) {
    bbb::NodeMeeting meeting;
    meeting.scoped_id = "moodle~" + id;
    meeting.internal_id = id + "-internal";
    return meeting;
  }

  // The poll starts now, as far as the view is concerned.
  void start_poll() {
    poll.view_version = view.version();
    baseline = Baseline(view, poll.backend_id);
  }
  // Somebody tells of a meeting: it is put into the view.
  void tell(const Meeting& meeting) {
    view.put(meeting);
    baseline.notice(*view.meeting(meeting.scoped_id));
  }

  void bury(std::string internal_id, store::TombstoneKind kind = store::TombstoneKind::ended) {
    tombstones.emplace(std::move(internal_id), kind);
  }

  Plan plan_at(Now at) {
    const std::function<bool(std::string_view)> in_flight = [this](std::string_view id) {
      return creating.contains(id);
    };
    return make_plan(
        {view, poll, baseline, tombstones, in_flight, at, milliseconds{60'000}, strays});
  }
  Plan plan(milliseconds later = milliseconds{0}) {
    return plan_at({now.wall + later, now.steady + later});
  }
};

}  // namespace b3::refresh::test
