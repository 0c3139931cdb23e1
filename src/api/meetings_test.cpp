#include <doctest/doctest.h>

#include "api/rig_test.h"

namespace b3::api {
namespace {

using test::Rig;

struct Cluster : Rig {
  Cluster() {
    moodle = add_frontend("moodle", "school");
    other = add_frontend("other");
    a = add_backend("https://a.example");
    b = add_backend("https://b.example");
    place("moodle", "reserved one", moodle, a);
    bind(place("moodle", "math+1/2", moodle, b), "internal-1");
    bind(place("other", "math", other, a), "internal-2");
  }
  std::string ids(std::string query, std::string token = test::admin()) {
    const auto reply = call("GET", "/api/v1/meetings" + query, "", token);
    REQUIRE(reply.status == 200);
    std::string all;
    for (const auto& meeting : reply.body.as_array()) {
      all += std::string(meeting.at("id").as_string()) + ";";
    }
    return all;
  }
  std::string moodle, other, a, b;
};

TEST_CASE("meetings are listed by node and tenant") {
  Cluster cluster;
  CHECK(cluster.ids("") == "moodle~math+1/2;moodle~reserved one;other~math;");
  CHECK(cluster.ids("?backend_id=" + cluster.a) == "moodle~reserved one;other~math;");
  CHECK(cluster.ids("?backend_host=https://b.example") == "moodle~math+1/2;");
  CHECK(cluster.ids("?frontend_id=" + cluster.other) == "other~math;");
  CHECK(cluster.ids("?frontend_key=moodle&backend_id=" + cluster.a) == "moodle~reserved one;");
  CHECK(cluster.ids("?running=true") == "");
  CHECK(cluster.ids("?limit=1&offset=2") == "other~math;");
  CHECK(cluster.ids("", test::tenant("school")) == "moodle~math+1/2;moodle~reserved one;");
  CHECK(cluster.ids("", test::tenant("nobody")) == "");
  CHECK(cluster.call("GET", "/api/v1/meetings?running=perhaps").status == 400);
}

TEST_CASE("one meeting, by scoped id or internal id") {
  Cluster cluster;
  for (const auto* id : {"moodle~math%2B1%2F2", "moodle~math+1%2F2", "internal-1"}) {
    const auto reply = cluster.call("GET", std::string("/api/v1/meetings/") + id);
    REQUIRE(reply.status == 200);
    CHECK(reply.text("/id") == "moodle~math+1/2");
    CHECK(reply.text("/meeting_id") == "math+1/2");
    CHECK(reply.text("/internal_id") == "internal-1");
    CHECK(reply.text("/frontend_key") == "moodle");
    CHECK(reply.text("/backend_host") == "https://b.example/bigbluebutton/api/");
    CHECK(reply.text("/state") == "bound");
    CHECK(reply.text("/name") == "Maths");
    CHECK(reply.at("/counts/participants") == 0);
    CHECK(reply.text("/placement/policy") == "expected-load");
    CHECK(reply.at("/seen_at").is_null());
  }
  const auto reserved = cluster.call("GET", "/api/v1/meetings/moodle~reserved%20one");
  CHECK(reserved.text("/state") == "reserved");
  CHECK(reserved.at("/internal_id").is_null());
  CHECK(reserved.at("/bound_at").is_null());
  CHECK(cluster.call("GET", "/api/v1/meetings/math").status == 404);
}

TEST_CASE("a tenant sees its meetings without the cluster behind them") {
  Cluster cluster;
  const auto token = test::tenant("school");
  const auto own = cluster.call("GET", "/api/v1/meetings/internal-1", "", token);
  CHECK(own.at("/backend_id").is_null());
  CHECK(own.at("/backend_host").is_null());
  CHECK(cluster.ids("?backend_id=" + cluster.b, token) == "");
  CHECK(own.status == 200);
  CHECK_FALSE(own.body.as_object().contains("placement"));
  CHECK(cluster.call("GET", "/api/v1/meetings/internal-2", "", token).status == 404);
  CHECK(cluster.call("GET", "/api/v1/meetings/internal-1/placement", "", token).status == 403);
}

TEST_CASE("deleting a bound meeting leaves a tombstone, deleting a reserved one does not") {
  Cluster cluster;
  const auto gone = cluster.call("DELETE", "/api/v1/meetings/internal-1");
  REQUIRE(gone.status == 200);
  CHECK(gone.text("/id") == "moodle~math+1/2");
  CHECK_FALSE(cluster.view.meeting("moodle~math+1/2"));
  const auto tombstones = [&](const std::string& backend) {
    return cluster.store.run_blocking(
        [&](store::Store& db) { return db.list_tombstones(backend); });
  };
  REQUIRE(tombstones(cluster.b).size() == 1);
  CHECK(tombstones(cluster.b)[0].internal_id == "internal-1");

  CHECK(cluster.call("DELETE", "/api/v1/meetings/moodle~reserved%20one").status == 200);
  CHECK(tombstones(cluster.a).empty());
  CHECK(cluster.call("DELETE", "/api/v1/meetings/internal-1").status == 404);
  CHECK(cluster.ids("") == "other~math;");
}

TEST_CASE("a meeting that moved on behind the view's back is deleted where it is") {
  Cluster cluster;
  const auto* held = cluster.view.meeting("moodle~reserved one");
  const auto moved = cluster.store.run_blocking([&](store::Store& db) {
    return db.move_reservation(held->scoped_id(), held->epoch(), "owner", cluster.b, "{}");
  });
  REQUIRE(moved);
  const auto gone = cluster.call("DELETE", "/api/v1/meetings/moodle~reserved%20one");
  CHECK(gone.status == 200);
  CHECK(gone.text("/backend_id") == cluster.b);
  CHECK_FALSE(cluster.view.meeting("moodle~reserved one"));
}

TEST_CASE("a meeting only the view still knows is dropped there") {
  Cluster cluster;
  const auto meeting = cluster.view.meeting("other~math")->row();
  cluster.store.run_blocking(
      [&](store::Store& db) { return db.end(meeting.scoped_id, meeting.epoch, cluster.now); });
  CHECK(cluster.call("DELETE", "/api/v1/meetings/other~math").status == 404);
  CHECK_FALSE(cluster.view.meeting("other~math"));
}

TEST_CASE("the stored ranking of a meeting") {
  Cluster cluster;
  const auto reply = cluster.call("GET", "/api/v1/meetings/internal-1/placement");
  CHECK(reply.status == 200);
  CHECK(reply.text("/policy") == "expected-load");
  CHECK(cluster.call("GET", "/api/v1/meetings/unknown/placement").status == 404);
}

TEST_CASE("a dry run says where a new meeting would go and why not elsewhere") {
  Cluster cluster;
  auto backend = cluster.view.backend(cluster.b)->backend;
  backend.node_state = NodeState::ready;
  backend.synced_at = cluster.now;
  cluster.view.put(backend);
  const auto reply = cluster.call("GET", "/api/v1/placement?frontend=moodle&expected_size=40");
  REQUIRE(reply.status == 200);
  CHECK(reply.at("/expected_size") == 40);
  CHECK(reply.text("/chosen") == cluster.b);
  REQUIRE(reply.at("/ranked").as_array().size() == 1);
  REQUIRE(reply.at("/rejected").as_array().size() == 1);
  CHECK(reply.text("/rejected/0/backend_id") == cluster.a);

  cluster.call("PATCH", "/api/v1/frontends/" + cluster.moodle,
               R"({"settings":{"required_tags":["eu"]}})");
  const auto nowhere = cluster.call("GET", "/api/v1/placement?frontend=moodle");
  CHECK(nowhere.at("/ranked").as_array().empty());
  CHECK(nowhere.at("/rejected").as_array().size() == 2);

  CHECK(cluster.call("GET", "/api/v1/placement").status == 400);
  CHECK(cluster.call("GET", "/api/v1/placement?frontend=nobody").status == 404);
  CHECK(cluster.call("GET", "/api/v1/placement?frontend=moodle&expected_size=0").status == 400);
}

}  // namespace
}  // namespace b3::api
