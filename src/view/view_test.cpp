#include "view/view.h"

#include <doctest/doctest.h>

#include "view/rows_test.h"

namespace b3::view {
namespace {

// -- frontends and backends ------------------------------------------------------------------

TEST_CASE("an empty view has nothing") {
  const TestView view;
  CHECK(view.version() == 0);
  CHECK_FALSE(view.frontend_by_key("a"));
  CHECK_FALSE(view.frontend("f1"));
  CHECK_FALSE(view.backend("b1"));
  CHECK_FALSE(view.backend_by_host("https://a/"));
  CHECK_FALSE(view.meeting("a~m"));
  CHECK_FALSE(view.meeting_by_internal_id(""));
  CHECK(view.meetings_of_frontend("f1").empty());
  CHECK(view.meetings_of_backend("b1").empty());
  CHECK(view.candidates(test_now).empty());
  CHECK_FALSE(view.candidate("b1", test_now));
}

TEST_CASE("a frontend is found by id and key, with its settings read") {
  TestView view;
  view.put(frontend_row("f1", "moodle", R"({"required_tags": ["eu"]})"));
  REQUIRE(view.frontend("f1"));
  CHECK(view.frontend_by_key("moodle") == view.frontend("f1"));
  CHECK(view.frontend("f1")->settings.required_tags == std::vector<std::string>{"eu"});
  CHECK_FALSE(view.frontend_by_key("Moodle"));
}

TEST_CASE("a frontend's new key and settings replace the old ones") {
  TestView view;
  view.put(frontend_row("f1", "moodle", R"({"required_tags": ["eu"]})"));
  view.put(frontend_row("f1", "ilias"));
  CHECK_FALSE(view.frontend_by_key("moodle"));
  REQUIRE(view.frontend_by_key("ilias"));
  CHECK(view.frontend_by_key("ilias")->settings.required_tags.empty());
  CHECK(view.frontends().size() == 1);
}

TEST_CASE("a key that changed hands belongs to the last row put") {
  TestView view;
  view.put(frontend_row("f1", "moodle"));
  view.put(frontend_row("f2", "moodle"));
  view.put(frontend_row("f1", "old-moodle"));
  REQUIRE(view.frontend_by_key("moodle"));
  CHECK(view.frontend_by_key("moodle")->frontend.id == "f2");
  view.erase_frontend("f1");
  CHECK(view.frontend_by_key("moodle"));
  CHECK_FALSE(view.frontend_by_key("old-moodle"));
}

TEST_CASE("unreadable settings are kept as text and read as defaults") {
  TestView view;
  view.put(frontend_row("f1", "moodle", R"({"required_tags": 7})"));
  view.put(backend_row("b1", "https://a/", "not json"));
  CHECK(view.frontend("f1")->settings.required_tags.empty());
  CHECK(view.frontend("f1")->frontend.settings_json == R"({"required_tags": 7})");
  CHECK_FALSE(view.backend("b1")->settings.max_meetings);
  CHECK(view.backend("b1")->backend.settings_json == "not json");
  view.put(backend_row("b1", "https://a/", R"({"max_meetings": 3})"));
  CHECK(view.backend("b1")->settings.max_meetings == 3);
}

TEST_CASE("frontends are listed by key, backends by host") {
  TestView view;
  for (const auto* key : {"c", "a", "b"}) view.put(frontend_row(std::string("id-") + key, key));
  for (const auto* host : {"https://c/", "https://a/", "https://b/"}) {
    view.put(backend_row(std::string("id-") + host, host));
  }
  view.put(backend_row("id-https://a/", "https://x/"));
  view.put(backend_row("id-https://b/", "https://b/"));
  std::string listed;
  for (const auto* entry : view.frontends()) listed += entry->frontend.key;
  for (const auto* entry : view.backends()) listed += entry->backend.host.substr(8, 1);
  CHECK(listed == "abcbcx");
}

TEST_CASE("a backend is found by its present host only") {
  TestView view;
  view.put(backend_row("b1", "https://a/"));
  view.put(backend_row("b2", "https://c/"));
  CHECK(view.backend_by_host("https://a/") == view.backend("b1"));
  CHECK_FALSE(view.backend_by_host("https://b/"));
  CHECK_FALSE(view.backend_by_host(""));
  CHECK_FALSE(view.backend_by_host("https://z/"));
  view.put(backend_row("b1", "https://z/"));
  CHECK_FALSE(view.backend_by_host("https://a/"));
  CHECK(view.backend_by_host("https://z/") == view.backend("b1"));
  view.erase_backend("b1");
  CHECK_FALSE(view.backend_by_host("https://z/"));
  CHECK(view.backends().size() == 1);
}

TEST_CASE("two backends that share a host for a moment are both kept") {
  TestView view;
  view.put(backend_row("b1", "https://a/"));
  view.put(backend_row("b2", "https://a/"));
  CHECK(view.backends().size() == 2);
  view.erase_backend("b1");
  REQUIRE(view.backend_by_host("https://a/"));
  CHECK(view.backend_by_host("https://a/")->backend.id == "b2");
}

TEST_CASE("erasing a frontend or a backend takes its meetings along") {
  TestView view;
  view.put(frontend_row("f1", "moodle"));
  view.put(backend_row("b1", "https://a/"));
  view.put(meeting_row("m1", "f1", "b1", "i1"));
  view.put(meeting_row("m2", "f2", "b1", "i2"));
  view.put(meeting_row("m3", "f1", "b2", "i3"));
  std::vector<std::string> seen;
  view.on_meeting_changed([&](std::string_view id) {
    seen.emplace_back(id);
    CHECK_FALSE(view.meeting(id));
    CHECK_FALSE(view.backend("b1"));
  });
  view.erase_backend(view.backend("b1")->backend.id);
  CHECK(seen == std::vector<std::string>{"m1", "m2"});
  CHECK(scoped_ids(view.meetings()) == "m3 ");
  CHECK_FALSE(view.meeting_by_internal_id("i1"));
  view.erase_frontend("f1");
  CHECK(seen.size() == 3);
  CHECK(view.meeting_count() == 0);
}

TEST_CASE("the version grows with every write and with nothing else") {
  TestView view;
  const auto grows = [&view](auto write) {
    const auto before = view.version();
    write();
    return view.version() > before;
  };
  CHECK(grows([&] { view.put(frontend_row("f1", "moodle")); }));
  CHECK(grows([&] { view.put(frontend_row("f1", "moodle")); }));
  CHECK(grows([&] { view.put(backend_row("b1", "https://a/")); }));
  CHECK(grows([&] { view.put(meeting_row("m1", "f1", "b1")); }));
  CHECK(grows([&] { view.put(meeting_row("m1", "f1", "b1")); }));
  CHECK_FALSE(grows([&] { view.erase_meeting("m2", 9); }));
  CHECK_FALSE(grows([&] { view.erase_backend("b2"); }));
  CHECK_FALSE(grows([&] { view.erase_frontend("f2"); }));
  CHECK_FALSE(grows([&] { (void)view.candidates(test_now); }));
  CHECK(grows([&] { view.erase_meeting("m1", 1); }));
  CHECK(grows([&] { view.erase_backend("b1"); }));
  CHECK(grows([&] { view.erase_frontend("f1"); }));
  CHECK(grows([&] { view.load({}, {}, {}); }));
}

// -- candidates ------------------------------------------------------------------------------

TEST_CASE("a candidate carries what the backend row and its settings say") {
  TestView view;
  auto row =
      backend_row("b1", "https://a/", R"({"tags": ["x"], "max_meetings": 7, "max_attendees": 90})");
  row.load_factor = 2.5;
  row.admin_state = AdminState::stopped;
  row.node_state = NodeState::error;
  row.last_error = "connection refused";
  row.agent_heartbeat = test_now.wall;
  view.put(row);
  const auto candidate = view.candidate("b1", test_now);
  REQUIRE(candidate);
  CHECK(candidate->backend_id == "b1");
  CHECK(candidate->host == "https://a/");
  CHECK(candidate->admin_state == AdminState::stopped);
  CHECK(candidate->node_state == NodeState::error);
  CHECK(candidate->last_error == "connection refused");
  CHECK(candidate->agent_silence == milliseconds{0});
  CHECK(candidate->synced);
  CHECK(std::vector(candidate->tags.begin(), candidate->tags.end()) ==
        std::vector<std::string>{"x"});
  CHECK(candidate->max_meetings == 7);
  CHECK(candidate->max_attendees == 90);
  CHECK(candidate->load_factor == 2.5);
  CHECK(candidate->meetings == 0);
  CHECK(candidate->expected_load == 0);
  row.synced_at.reset();
  view.put(row);
  CHECK_FALSE(view.candidate("b1", test_now)->synced);
}

TEST_CASE("loads are summed over meetings and reservations as of now") {
  TestView view;
  view.put(backend_row("b1", "https://a/"));
  auto reservation = meeting_row("m1", "f1", "b1");
  reservation.expected_size = 15;
  auto fading = meeting_row("m2", "f1", "b1", "i2");
  fading.expected_size = 40;
  fading.counts.participants = 5;
  fading.reserved_at = test_now.wall - std::chrono::minutes{20};
  auto full = meeting_row("m3", "f2", "b1", "i3");
  full.counts.participants = 60;
  auto broken = meeting_row("m4", "f2", "b1", "i4");
  broken.counts.participants = -10;
  broken.expected_size = 0;
  view.load({}, {backend_row("b1", "https://a/")}, {reservation, fading, full, broken});
  const auto candidate = view.candidate("b1", test_now);
  REQUIRE(candidate);
  CHECK(candidate->meetings == 4);
  CHECK(candidate->attendees == 65);
  CHECK(candidate->expected_load == 15 + 20 + 60);
  CHECK(view.candidate("b1", later(std::chrono::hours{1}))->expected_load == 65);
}

TEST_CASE("loads follow updates, moves and endings") {
  TestView view;
  view.put(backend_row("b1", "https://a/"));
  view.put(backend_row("b2", "https://b/"));
  auto row = meeting_row("m1", "f1", "b1", "i1");
  view.put(row);
  row.counts.participants = 30;
  view.put(row);
  CHECK(view.candidate("b1", test_now)->meetings == 1);
  CHECK(view.candidate("b1", test_now)->expected_load == 30);
  row.backend_id = "b2";
  row.epoch = 2;
  view.put(row);
  CHECK(view.candidate("b1", test_now)->meetings == 0);
  CHECK(view.candidate("b1", test_now)->expected_load == 0);
  CHECK(view.candidate("b2", test_now)->attendees == 30);
  view.erase_meeting("m1", 2);
  CHECK(view.candidate("b2", test_now)->meetings == 0);
}

}  // namespace
}  // namespace b3::view
