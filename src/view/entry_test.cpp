// What the view keeps of a meeting, how old it takes it to be, and what its lists show.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <random>

#include "placement/placement.h"
#include "view/document.h"
#include "view/rows_test.h"
#include "view/view.h"

namespace b3::view {
namespace {

using std::chrono::minutes;

// A view whose clock the test moves.
struct MovingView : View {
  Now now = test_now;
  MovingView() : View([this] { return now; }) {}
  void pass(milliseconds time) { now = {now.wall + time, now.steady + time}; }
};

std::string document_of(std::string_view id, std::string_view more = "") {
  return fmt::format("<meeting><meetingID>{}</meetingID>{}</meeting>", id, more);
}

TEST_CASE("a row comes back as it was put, but for what stays in the store") {
  TestView view;
  auto row = meeting_row("key~math", "f1", "b1", "internal-1");
  row.meeting_id = "math";
  row.epoch = 77;
  row.name = "Maths & more";
  row.running = true;
  row.counts = {5, 1, 2, 3, 4};
  row.expected_size = 40;
  row.document = document_of("key~math", "<meetingName>Maths &amp; more</meetingName>");
  row.owner = "somebody";
  row.placement_json = R"({"policy":"classic"})";
  row.bound_at = test_now.wall + seconds{1};
  view.put(row);
  const auto held = view.meeting("key~math")->row();
  CHECK(held.scoped_id == row.scoped_id);
  CHECK(held.meeting_id == "math");
  CHECK(held.frontend_id == "f1");
  CHECK(held.backend_id == "b1");
  CHECK(held.phase == MeetingPhase::bound);
  CHECK(held.epoch == 77);
  CHECK(held.internal_id == "internal-1");
  CHECK(held.name == row.name);
  CHECK(held.running);
  CHECK(held.counts == row.counts);
  CHECK(held.expected_size == 40);
  CHECK(held.document == row.document);
  CHECK(held.reserved_at == row.reserved_at);
  CHECK(held.bound_at == row.bound_at);
  CHECK_FALSE(held.seen_at);
  CHECK(held.owner.empty());
  CHECK(held.placement_json == "{}");
  CHECK(view.meeting("key~math")->row_without_document().document.empty());
}

TEST_CASE("a reservation keeps its owner, who alone may release it") {
  TestView view;
  auto row = meeting_row("key~math", "f1", "b1");
  row.owner = "somebody";
  view.put(row);
  CHECK(view.meeting("key~math")->owner() == "somebody");
  row.phase = MeetingPhase::bound;
  view.put(row);
  CHECK(view.meeting("key~math")->owner().empty());
}

TEST_CASE("a meeting id that does not end the scoped id is kept as well") {
  TestView view;
  auto row = meeting_row("key~math", "f1", "b1");
  row.meeting_id = "physics";
  view.put(row);
  CHECK(view.meeting("key~math")->meeting_id() == "physics");
}

TEST_CASE("any document survives packing, whatever it repeats of the meeting") {
  std::mt19937_64 random{5};
  const KnownTexts known{"key~mathematics", "internal-1", "A lesson"};
  std::string noise;
  for (int i = 0; i < 10'000; ++i) noise += char(random());
  for (const std::string& document : {
           std::string("x"),
           document_of("key~mathematics",
                       "<meetingName>A lesson</meetingName>internal-1internal-1"),
           std::string("key~mathematics"),
           std::string("\x01\x02 is no mark, key~mathematics"),
           noise,
           std::string(document_dictionary()),
           std::string(1'000'000, 'x'),
       }) {
    const auto packed = pack_document(document, known);
    CHECK(unpack_document(packed, known) == document);
    CHECK(packed.size() <= document.size() + 1);
  }
  CHECK(pack_document("", known).empty());
  CHECK(unpack_document("", known).empty());
}

TEST_CASE("meetings with people in them are packed to less than a ninth") {
  std::size_t before = 0;
  std::size_t after = 0;
  for (const auto& document : document_samples()) {
    const auto packed = pack_document(document, {});
    CHECK(unpack_document(packed, {}) == document);
    before += document.size();
    after += packed.size();
  }
  CHECK(after * 9 < before);
}

TEST_CASE("a damaged document is noticed") {
  auto packed = pack_document(document_of("key~mathematics"), {});
  packed.resize(packed.size() - 1);
  CHECK_THROWS_AS(unpack_document(packed, {}), std::logic_error);
}

TEST_CASE("a document is still itself after the meeting got another name or internal id") {
  TestView view;
  auto row = meeting_row("key~math", "f1", "b1", "internal-1");
  row.name = "A lesson";
  row.document = document_of("key~math", "A lesson internal-1");
  view.put(row);
  row.name = "Another lesson";
  row.internal_id = "internal-2";
  view.put(row);
  CHECK(view.meeting("key~math")->document() == row.document);
}

TEST_CASE("the hash tells documents apart") {
  TestView view;
  auto row = meeting_row("key~math", "f1", "b1", "i");
  row.document = document_of("key~math");
  view.put(row);
  CHECK(view.meeting("key~math")->document_hash() == document_hash(row.document));
  CHECK(document_hash(row.document) != document_hash(row.document + " "));
  CHECK(document_hash("") == 0);
}

TEST_CASE("a document that was not read is filled in later, once") {
  TestView view;
  auto row = meeting_row("key~math", "f1", "b1", "i");
  view.put(row);
  view.put(meeting_row("key~reserved", "f1", "b1"));
  CHECK(view.lacks_documents("f1"));
  const auto changed = view.meeting("key~math")->changed_at_version();
  const auto shown = view.meetings_changed_at("f1");
  view.put_document("key~math", 9, "<meeting>other epoch</meeting>");
  view.put_document("key~reserved", 1, "<meeting>not bound</meeting>");
  view.put_document("key~nothing", 1, "<meeting/>");
  CHECK(view.lacks_documents("f1"));
  view.put_document("key~math", 1, "<meeting>first</meeting>");
  CHECK_FALSE(view.lacks_documents("f1"));
  CHECK(view.meetings_changed_at("f1") > shown);
  CHECK(view.meeting("key~math")->changed_at_version() == changed);
  view.put_document("key~math", 1, "<meeting>late</meeting>");
  CHECK(view.meeting("key~math")->document() == "<meeting>first</meeting>");
  row.counts.participants = 3;  // again without its document
  view.put(row);
  CHECK(view.meeting("key~math")->document() == "<meeting>first</meeting>");
  row.epoch = 2;
  view.put(row);
  CHECK(view.lacks_documents("f1"));
  view.erase_meeting("key~math", 2);
  CHECK_FALSE(view.lacks_documents("f1"));
}

// -- ages ------------------------------------------------------------------------------------

TEST_CASE("a meeting is as old as this view's knowledge of its epoch") {
  MovingView view;
  auto row = meeting_row("m1", "f1", "b1");
  row.reserved_at = test_now.wall - minutes{20};
  view.put(row);
  view.pass(minutes{5});
  row.phase = MeetingPhase::bound;
  view.put(row);
  CHECK(view.meeting("m1")->held_since() == test_now.steady);
  CHECK(view.meeting("m1")->born() == test_now.steady);
  row.epoch = 2;
  view.put(row);
  CHECK(view.meeting("m1")->held_since() == view.now.steady);
}

TEST_CASE("what is loaded is as old as its row says, within half an hour, and stays so") {
  MovingView view;
  const auto aged = [](const char* id, milliseconds age) {
    auto row = meeting_row(id, "f1", "b1");
    row.reserved_at = test_now.wall - age;
    return row;
  };
  const std::vector rows{aged("young", minutes{20}), aged("old", minutes{300}),
                         aged("ahead", -minutes{300})};
  const auto ages = [&] {
    return fmt::format(
        "{} {} {}",
        std::chrono::floor<minutes>(view.now.steady - view.meeting("young")->born()).count(),
        std::chrono::floor<minutes>(view.now.steady - view.meeting("old")->born()).count(),
        std::chrono::floor<minutes>(view.now.steady - view.meeting("ahead")->born()).count());
  };
  view.load({}, {}, rows);
  CHECK(ages() == "20 30 0");
  CHECK(view.meeting("young")->held_since() == test_now.steady);
  view.pass(minutes{4});
  view.load({}, {}, rows);
  CHECK(ages() == "24 34 4");
}

TEST_CASE("a step of the wall clock makes no expectation fade") {
  MovingView view;
  view.put(backend_row("b1", "https://a/"));
  view.put(meeting_row("m1", "f1", "b1"));
  view.now.wall += std::chrono::hours{24};
  CHECK(view.candidate("b1", view.now)->expected_load == 15);
  view.now.steady += minutes{20};
  CHECK(view.candidate("b1", view.now)->expected_load == 7.5);
}

TEST_CASE("an agent is silent since its heartbeat last changed here, whatever its clock says") {
  MovingView view;
  auto row = backend_row("b1", "https://a/");
  view.put(row);
  CHECK_FALSE(view.candidate("b1", view.now)->agent_silence);
  row.agent_heartbeat = test_now.wall - std::chrono::hours{3};
  view.put(row);
  CHECK(view.candidate("b1", view.now)->agent_silence == milliseconds{0});
  view.pass(seconds{7});
  row.last_error = "something else changed";
  view.put(row);
  CHECK(view.candidate("b1", view.now)->agent_silence == seconds{7});
  view.load({}, {row}, {});
  CHECK(view.candidate("b1", view.now)->agent_silence == seconds{7});
  row.agent_heartbeat = *row.agent_heartbeat + milliseconds{1};
  view.put(row);
  CHECK(view.candidate("b1", view.now)->agent_silence == milliseconds{0});
}

TEST_CASE("a heartbeat that the store has not heard of yet is not forgotten") {
  MovingView view;
  auto row = backend_row("b1", "https://a/");
  const auto stored = row;
  row.agent_heartbeat = test_now.wall;
  row.agent_report = R"({"load1":2})";
  view.put(row);
  view.put(stored);
  REQUIRE(view.backend("b1")->backend.agent_heartbeat == test_now.wall);
  CHECK(view.backend("b1")->backend.agent_report == row.agent_report);
}

TEST_CASE("property: loads are what the rule says of each meeting, at any time") {
  std::mt19937_64 random{3};
  MovingView view;
  view.put(backend_row("b1", "https://a/"));
  struct Known {
    std::int64_t present = 0;
    std::int64_t expected = 0;
    SteadyTime since;
  };
  std::map<std::string, Known> known;
  for (int step = 0; step < 3'000; ++step) {
    const auto id = fmt::format("m{}", random() % 30);
    auto row = meeting_row(id, "f1", "b1", "i" + id);
    row.counts.participants = std::int64_t(random() % 40);
    row.expected_size = std::int64_t(random() % 60);
    if (random() % 4 == 0) {
      view.erase_meeting(id, 1);
      known.erase(id);
    } else {
      view.put(row);
      auto& each = known.try_emplace(id, Known{0, 0, view.now.steady}).first->second;
      each.present = row.counts.participants;
      each.expected = row.expected_size;
    }
    view.pass(milliseconds(random() % 60'000));
    double load = 0;
    for (const auto& [key, each] : known) {
      load += placement::expected_load_of(
          each.present, each.expected,
          std::chrono::duration_cast<milliseconds>(view.now.steady - each.since));
    }
    // Summed up once a second, in which 60 people fade by 1/1,200.
    const double fades = double(known.size()) * 60 / 1'200;
    REQUIRE(std::abs(view.candidate("b1", view.now)->expected_load - load) <= fades + 1e-9);
  }
}

// -- listings --------------------------------------------------------------------------------

TEST_CASE("a frontend's listing changes with its documents and bindings, not with the rest") {
  TestView view;
  CHECK(view.meetings_changed_at("f1") == 0);
  const auto changes = [&view](auto write) {
    const auto before = view.meetings_changed_at("f1");
    write();
    return view.meetings_changed_at("f1") != before;
  };
  auto row = meeting_row("m1", "f1", "b1");
  const auto put = [&] { view.put(row); };
  CHECK(changes(put));
  CHECK_FALSE(changes(put));
  row.phase = MeetingPhase::bound;
  row.internal_id = "i1";
  CHECK(changes(put));
  row.document = document_of("m1");
  CHECK(changes(put));
  row.counts.participants = 4;
  CHECK_FALSE(changes(put));
  CHECK_FALSE(changes([&] { view.put(meeting_row("m2", "f2", "b1")); }));
  row.frontend_id = "f2";
  CHECK(changes(put));
  row.frontend_id = "f1";
  CHECK(changes(put));
  CHECK(changes([&] { view.erase_meeting("m1", 1); }));
  CHECK(view.meetings_changed_at("f1") == 0);
}

TEST_CASE("load replaces a higher epoch and tells the listings of what is gone") {
  TestView view;
  auto row = meeting_row("m1", "f1", "b1", "i1");
  row.epoch = 9;
  view.put(row);
  view.put(meeting_row("m2", "f1", "b1", "i2"));
  const auto before = view.meetings_changed_at("f1");
  row.epoch = 3;
  view.load({}, {}, {row});
  CHECK(view.meeting("m1")->epoch() == 3);
  CHECK_FALSE(view.meeting("m2"));
  CHECK(view.meetings_changed_at("f1") > before);
}

}  // namespace
}  // namespace b3::view
