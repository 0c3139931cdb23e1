#include "gateway/listings.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace b3;
using namespace b3::gateway;

namespace {

const Now now{from_unix_milliseconds(1'800'000'000'000), SteadyTime{std::chrono::hours{100}}};

struct Fixture {
  view::View view{[] { return now; }};
  Listings listings;

  void hold(const std::string& frontend, const std::string& id, std::string_view topic = "") {
    Meeting meeting;
    meeting.scoped_id = "key-" + frontend + "~" + id;
    meeting.meeting_id = id;
    meeting.frontend_id = frontend;
    meeting.backend_id = "b1";
    meeting.phase = MeetingPhase::bound;
    meeting.internal_id = frontend + id;
    meeting.document = fmt::format("<meeting><meetingID>{}</meetingID><topic>{}</topic></meeting>",
                                   meeting.scoped_id, topic);
    view.put(meeting);
  }

  std::string ask(const std::string& frontend, milliseconds later = milliseconds{0}) {
    return listings.answer(view, frontend, "key-" + frontend, now.steady + later);
  }
  // The same without anything kept.
  std::string fresh(const std::string& frontend) {
    return Listings{}.answer(view, frontend, "key-" + frontend, now.steady);
  }
};

constexpr std::string_view begin = "<response><returncode>SUCCESS</returncode><meetings>";
constexpr std::string_view end = "</meetings></response>";

std::string listed(std::string_view id, std::string_view topic = "") {
  if (topic.empty()) return fmt::format("<meeting><meetingID>{}</meetingID><topic/></meeting>", id);
  return fmt::format("<meeting><meetingID>{}</meetingID><topic>{}</topic></meeting>", id, topic);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a tenant sees its own meetings under its own ids, and no others") {
  hold("f1", "math", "sums");
  hold("f2", "art", "lines");
  hold("f2", "math", "secrets");
  for (int again = 0; again < 2; ++again) {
    CHECK(ask("f1") == fmt::format("{}{}{}", begin, listed("math", "sums"), end));
    CHECK(ask("f2") ==
          fmt::format("{}{}{}{}", begin, listed("art", "lines"), listed("math", "secrets"), end));
    CHECK(ask("f3").contains("noMeetings"));
  }
}

TEST_CASE_FIXTURE(Fixture, "a kept answer follows every change") {
  hold("f1", "a", "1");
  hold("f1", "b", "2");
  CHECK(ask("f1") == fmt::format("{}{}{}{}", begin, listed("a", "1"), listed("b", "2"), end));
  hold("f1", "b", "3");
  hold("f1", "c", "1");
  CHECK(ask("f1") == fmt::format("{}{}{}{}{}", begin, listed("a", "1"), listed("b", "3"),
                                 listed("c", "1"), end));
  view.erase_meeting("key-f1~a", 0);
  CHECK(ask("f1") == fmt::format("{}{}{}{}", begin, listed("b", "3"), listed("c", "1"), end));
  view.erase_frontend("f1");
  CHECK(ask("f1").contains("noMeetings"));
  hold("f1", "a", "1");
  CHECK(ask("f1") == fmt::format("{}{}{}", begin, listed("a", "1"), end));
}

TEST_CASE_FIXTURE(Fixture,
                  "a meeting that went to another tenant is not in the first one's answer") {
  hold("f1", "math", "sums");
  ask("f1");
  auto row = view.meeting("key-f1~math")->row();
  row.frontend_id = "f2";
  view.put(row);
  CHECK(ask("f1").contains("noMeetings"));
  CHECK(ask("f2").contains("<meetingID>key-f1~math</meetingID>"));
}

TEST_CASE_FIXTURE(Fixture, "a tenant's new key is used for ids at once") {
  hold("f1", "math");
  ask("f1");
  CHECK(listings.answer(view, "f1", "other", now.steady).contains("key-f1~math"));
}

TEST_CASE_FIXTURE(Fixture, "reservations are not listed") {
  hold("f1", "math");
  auto row = view.meeting("key-f1~math")->row();
  row.phase = MeetingPhase::reserved;
  row.epoch = 1;
  view.put(row);
  CHECK(ask("f1").contains("noMeetings"));
}

TEST_CASE_FIXTURE(Fixture, "equal documents are each listed") {
  for (const auto* id : {"a", "b"}) {
    hold("f1", id);
    auto row = view.meeting(std::string("key-f1~") + id)->row();
    row.document = "<meeting>same</meeting>";
    view.put(row);
  }
  ask("f1");
  hold("f1", "c", "x");
  CHECK(ask("f1") == fresh("f1"));
  CHECK(ask("f1") == fmt::format("{}<meeting>same</meeting><meeting>same</meeting>{}{}", begin,
                                 listed("c", "x"), end));
}

TEST_CASE_FIXTURE(Fixture, "answers nobody asks for any more are forgotten") {
  hold("f1", "math");
  hold("f2", "math");
  ask("f1");
  ask("f2");
  const auto both = listings.bytes();
  ask("f1", seconds{6});
  CHECK(listings.bytes() == both);
  listings.forget_unused(now.steady + seconds{12});
  CHECK(listings.bytes() < both);
  CHECK(listings.bytes() > 0);
  listings.forget_unused(now.steady + seconds{60});
  CHECK(listings.bytes() == 0);
}

TEST_CASE_FIXTURE(Fixture, "the answers kept are bounded, the last ones asked for stay") {
  for (const auto* frontend : {"f1", "f2", "f3"}) hold(frontend, "math", std::string(300, 'x'));
  ask("f1");
  const auto each = listings.bytes();
  listings = Listings{{seconds{10}, 2 * each}};
  const auto expected = fresh("f1");
  ask("f1");
  ask("f2", seconds{1});
  ask("f3", seconds{2});
  CHECK(listings.bytes() == 2 * each);
  CHECK(ask("f1", seconds{2}) == expected);
  listings = Listings{{seconds{10}, each - 1}};
  CHECK(ask("f1") == expected);
  CHECK(listings.bytes() == 0);
}
