#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <random>
#include <set>

#include "view/in_flight.h"
#include "view/rows_test.h"
#include "view/view.h"

namespace b3::view {
namespace {

TEST_CASE("a meeting is found by every index, lists are in order") {
  TestView view;
  view.put(meeting_row("k~c", "f1", "b1", "ic"));
  view.put(meeting_row("k~a", "f1", "b2", "ia"));
  view.put(meeting_row("k~b", "f2", "b1"));
  REQUIRE(view.meeting("k~a"));
  CHECK(view.meeting_by_internal_id("ia") == view.meeting("k~a"));
  CHECK(scoped_ids(view.meetings()) == "k~a k~b k~c ");
  CHECK(scoped_ids(view.meetings_of_frontend("f1")) == "k~a k~c ");
  CHECK(scoped_ids(view.meetings_of_backend("b1")) == "k~b k~c ");
  CHECK(view.meeting_count() == 3);
}

TEST_CASE("a reservation has no internal id to be found by") {
  TestView view;
  view.put(meeting_row("m1", "f1", "b1"));
  view.put(meeting_row("m2", "f1", "b1"));
  CHECK_FALSE(view.meeting_by_internal_id(""));
}

TEST_CASE("a put meeting moves between the indexes") {
  TestView view;
  view.put(meeting_row("m1", "f1", "b1", "i1"));
  auto moved = meeting_row("m1", "f1", "b2", "i2");
  moved.epoch = 2;
  view.put(moved);
  CHECK_FALSE(view.meeting_by_internal_id("i1"));
  REQUIRE(view.meeting_by_internal_id("i2"));
  CHECK(view.meetings_of_backend("b1").empty());
  CHECK(scoped_ids(view.meetings_of_backend("b2")) == "m1 ");
  CHECK(scoped_ids(view.meetings_of_frontend("f1")) == "m1 ");
}

TEST_CASE("an internal id that changed hands belongs to the last row put") {
  TestView view;
  view.put(meeting_row("m1", "f1", "b1", "i1"));
  view.put(meeting_row("m2", "f1", "b1", "i1"));
  view.erase_meeting("m1", 1);
  REQUIRE(view.meeting_by_internal_id("i1"));
  CHECK(view.meeting_by_internal_id("i1")->scoped_id() == "m2");
}

TEST_CASE("an older epoch neither replaces nor erases a newer one") {
  TestView view;
  auto row = meeting_row("m1", "f1", "b2");
  row.epoch = 3;
  view.put(row);
  int calls = 0;
  view.on_meeting_changed([&calls](std::string_view) { ++calls; });
  const auto before = view.version();
  row.epoch = 2;
  row.backend_id = "b1";
  view.put(row);
  view.erase_meeting("m1", 2);
  CHECK(view.version() == before);
  CHECK(calls == 0);
  REQUIRE(view.meeting("m1"));
  CHECK(view.meeting("m1")->backend_id() == "b2");
  view.erase_meeting("m1", 4);
  CHECK_FALSE(view.meeting("m1"));
  CHECK(calls == 1);
}

TEST_CASE("changed_at_version marks placement, not counters") {
  TestView view;
  auto row = meeting_row("m1", "f1", "b1");
  const auto stamp = [&] {
    view.put(row);
    return view.meeting("m1")->changed_at_version();
  };
  const auto is_fresh = [&] { return stamp() == view.version(); };
  CHECK(is_fresh());  // new

  const auto before = view.meeting("m1")->changed_at_version();
  row.counts.participants = 9;
  row.running = true;
  row.document = "<meeting/>";
  row.name = "Maths";
  row.seen_at = test_now.wall;
  CHECK(stamp() == before);
  CHECK(view.meeting("m1")->counts().participants == 9);

  row.phase = MeetingPhase::bound;
  CHECK(is_fresh());
  CHECK_FALSE(is_fresh());
  row.internal_id = "i1";
  CHECK(is_fresh());
  row.epoch = 2;
  CHECK(is_fresh());
  row.backend_id = "b2";
  CHECK(is_fresh());

  view.erase_meeting("m1", 2);
  CHECK(is_fresh());  // new again
}

TEST_CASE("the observer sees the state after the change") {
  TestView view;
  std::vector<std::string> log;
  view.on_meeting_changed([&](std::string_view id) {
    const auto* entry = view.meeting(id);
    log.push_back(entry ? fmt::format("{} on {}", id, entry->backend_id())
                        : fmt::format("{} gone", id));
    CHECK(view.meetings().size() == view.meeting_count());
  });
  view.put(meeting_row("m1", "f1", "b1"));
  auto moved = meeting_row("m1", "f1", "b2");
  moved.epoch = 2;
  view.put(moved);
  view.erase_meeting("m1", 2);
  CHECK(log == std::vector<std::string>{"m1 on b1", "m1 on b2", "m1 gone"});
}

TEST_CASE("the observer may write, erase what it was told of, and replace itself") {
  TestView view;
  view.on_meeting_changed([&view](std::string_view id) {
    view.on_meeting_changed({});
    view.erase_meeting(std::string(id), 1);
    view.put(meeting_row("other", "f1", "b1"));
  });
  view.put(meeting_row("m1", "f1", "b1"));
  CHECK(scoped_ids(view.meetings()) == "other ");
}

TEST_CASE("others may watch as well, each for as long as it likes") {
  TestView view;
  std::string log;
  view.on_meeting_changed([&](std::string_view id) { log += fmt::format("main {} ", id); });
  auto first = view.watch_meetings([&](std::string_view id) { log += fmt::format("1 {} ", id); });
  std::shared_ptr<const void> second;
  second = view.watch_meetings([&](std::string_view id) {
    log += fmt::format("2 {} ", id);
    second.reset();
  });
  view.put(meeting_row("m1", "f1", "b1"));
  CHECK(log == "main m1 1 m1 2 m1 ");
  log.clear();
  view.on_meeting_changed({});
  view.erase_meeting("m1", 1);
  CHECK(log == "1 m1 ");
  log.clear();
  first.reset();
  view.put(meeting_row("m1", "f1", "b1"));
  CHECK(log.empty());
}

TEST_CASE("a meeting may be erased by the very text the view returned") {
  TestView view;
  view.put(meeting_row("a-scoped-id-too-long-for-the-string-itself", "f1", "b1", "i1"));
  std::string seen;
  view.on_meeting_changed([&seen](std::string_view id) { seen = id; });
  view.erase_meeting(view.meetings()[0]->scoped_id(), 1);
  CHECK(seen == "a-scoped-id-too-long-for-the-string-itself");
  CHECK(view.meeting_count() == 0);
}

TEST_CASE("load replaces everything") {
  TestView view;
  view.put(frontend_row("f1", "old"));
  view.put(backend_row("b1", "https://old/"));
  view.put(meeting_row("m1", "f1", "b1", "i1"));
  auto newer = meeting_row("m2", "f1", "b1", "i2");
  newer.epoch = 5;
  view.put(newer);
  view.load({frontend_row("f2", "new")}, {backend_row("b2", "https://new/")},
            {meeting_row("m2", "f2", "b2", "i9")});
  CHECK_FALSE(view.frontend_by_key("old"));
  CHECK(view.frontend_by_key("new"));
  CHECK_FALSE(view.backend_by_host("https://old/"));
  CHECK(view.backend_by_host("https://new/"));
  CHECK_FALSE(view.meeting("m1"));
  CHECK_FALSE(view.meeting_by_internal_id("i1"));
  CHECK(view.meetings_of_frontend("f1").empty());
  REQUIRE(view.meeting("m2"));
  CHECK(view.meeting("m2")->epoch() == 1);
  CHECK(view.candidates(test_now).size() == 1);
  CHECK(view.candidate("b2", test_now)->meetings == 1);
}

TEST_CASE("load tells of every meeting that was or is there and keeps unchanged stamps") {
  TestView view;
  view.put(meeting_row("gone", "f1", "b1", "i1"));
  view.put(meeting_row("same", "f1", "b1", "i2"));
  view.put(meeting_row("moved", "f1", "b1", "i3"));
  const auto before = view.meeting("same")->changed_at_version();
  std::set<std::string> seen;
  view.on_meeting_changed([&](std::string_view id) {
    CHECK(seen.emplace(id).second);
    CHECK(view.meeting("moved")->backend_id() == "b2");
    CHECK_FALSE(view.meeting("gone"));
  });
  view.load({}, {},
            {meeting_row("same", "f1", "b1", "i2"), meeting_row("moved", "f1", "b2", "i3"),
             meeting_row("new", "f1", "b1", "i4")});
  CHECK(seen == std::set<std::string>{"gone", "same", "moved", "new"});
  CHECK(view.meeting("same")->changed_at_version() == before);
  CHECK(view.meeting("moved")->changed_at_version() == view.version());
  CHECK(view.meeting("new")->changed_at_version() == view.version());
  view.put(meeting_row("later", "f1", "b1"));
  CHECK(seen.contains("later"));  // the observer outlives a load
}

// A second, naive bookkeeping of the same rows.
using Rows = std::map<std::string, Meeting>;

void check_same(const View& view, const Rows& rows) {
  std::map<std::string, std::string> by_backend;
  std::map<std::string, std::string> by_frontend;
  std::map<std::string, std::int64_t> attendees;
  for (const auto& [id, row] : rows) {
    by_backend[row.backend_id] += id + " ";
    by_frontend[row.frontend_id] += id + " ";
    attendees[row.backend_id] += row.counts.participants;
    REQUIRE(view.meeting(id));
    REQUIRE(view.meeting(id)->epoch() == row.epoch);
    if (!row.internal_id.empty()) {
      REQUIRE(view.meeting_by_internal_id(row.internal_id) == view.meeting(id));
    }
  }
  REQUIRE(view.meeting_count() == rows.size());
  for (int i = 0; i < 4; ++i) {
    const auto backend = fmt::format("b{}", i);
    const auto frontend = fmt::format("f{}", i);
    REQUIRE(scoped_ids(view.meetings_of_backend(backend)) == by_backend[backend]);
    REQUIRE(scoped_ids(view.meetings_of_frontend(frontend)) == by_frontend[frontend]);
    REQUIRE(view.candidate(backend, test_now)->attendees == attendees[backend]);
  }
}

TEST_CASE("property: after any sequence of writes all indexes agree with the rows") {
  std::mt19937_64 random{7};
  TestView view;
  Rows rows;
  for (int i = 0; i < 4; ++i) view.put(backend_row(fmt::format("b{}", i), fmt::format("h{}", i)));
  for (int step = 0; step < 3'000; ++step) {
    const auto number = random() % 20;
    const auto id = fmt::format("m{:02}", number);
    const auto epoch = std::int64_t(random() % 4);
    const auto held = rows.find(id);
    const bool is_outdated = held != rows.end() && held->second.epoch > epoch;
    if (random() % 3 == 0) {
      view.erase_meeting(id, epoch);
      if (!is_outdated) rows.erase(id);
    } else {
      auto row =
          meeting_row(id, fmt::format("f{}", random() % 4), fmt::format("b{}", random() % 4));
      if (random() % 2) row.internal_id = fmt::format("i{}-{}", number, random() % 3);
      row.counts.participants = std::int64_t(random() % 100);
      row.epoch = epoch;
      view.put(row);
      if (!is_outdated) rows.insert_or_assign(id, row);
    }
    if (step % 10 == 0) check_same(view, rows);
  }
  check_same(view, rows);
}

TEST_CASE("1,000 backends and 100,000 meetings") {
  constexpr int backends = 1'000;
  constexpr int meetings = 100'000;
  std::vector<Backend> nodes;
  for (int i = 0; i < backends; ++i) {
    nodes.push_back(backend_row(fmt::format("b{}", i), fmt::format("https://n{:04}/", i)));
  }
  std::vector<Meeting> rows;
  for (int i = 0; i < meetings; ++i) {
    rows.push_back(meeting_row(fmt::format("k~{:06}", i), fmt::format("f{}", i % 10),
                               fmt::format("b{}", i % backends), fmt::format("i{}", i)));
    rows.back().counts.participants = i % backends;
    rows.back().reserved_at = test_now.wall - std::chrono::hours{1};
  }
  TestView view;
  view.load({}, nodes, rows);
  CHECK(view.meeting_count() == meetings);
  const auto candidates = view.candidates(test_now);
  REQUIRE(candidates.size() == backends);
  for (int i = 0; i < backends; ++i) {
    const auto& candidate = candidates[std::size_t(i)];
    REQUIRE(candidate.backend_id == fmt::format("b{}", i));
    REQUIRE(candidate.meetings == meetings / backends);
    REQUIRE(candidate.attendees == std::int64_t(i) * (meetings / backends));
    REQUIRE(candidate.expected_load == double(candidate.attendees));
  }
  CHECK(view.meetings_of_frontend("f3").size() == meetings / 10);
  CHECK(view.meeting_by_internal_id("i99999") == view.meeting("k~099999"));
  const auto ranking =
      placement::rank(candidates, {}, placement::Policy::expected_load, test_now.wall);
  CHECK(ranking.ranked.at(0).backend_id == "b0");
  for (int i = 0; i < meetings; i += 2) view.erase_meeting(fmt::format("k~{:06}", i), 1);
  CHECK(view.candidates(test_now)[0].meetings == 0);
  CHECK(view.candidates(test_now)[1].meetings == meetings / backends);
}

TEST_CASE("an id is in flight while at least one request holds it") {
  InFlight in_flight;
  CHECK_FALSE(in_flight.contains("m1"));
  {
    const InFlight::Hold first{in_flight, "m1"};
    {
      const InFlight::Hold second{in_flight, "m1"};
      CHECK(in_flight.contains("m1"));
    }
    CHECK(in_flight.contains("m1"));
    CHECK_FALSE(in_flight.contains("m2"));
  }
  CHECK_FALSE(in_flight.contains("m1"));
}

}  // namespace
}  // namespace b3::view
