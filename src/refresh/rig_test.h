// The Refresher with a database in memory and nodes made of values, on virtual time. For tests.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>

#include "bbb/query.h"
#include "refresh/refresher.h"

namespace b3::refresh::test {

using http::ClientFailure;

// What is on one node, and what its network is like.
struct FakeNode {
  std::map<std::string, std::string> meetings;  // scoped id -> internal id
  std::optional<ClientFailure> failure;
  milliseconds takes{0};  // to answer, or to fail
  int status = 200;
  bool refuses_secret = false;
  int people = 2;  // in each meeting
  int polls = 0;
  std::vector<std::string> ended;

  std::string list() const {
    std::string xml = "<response><returncode>SUCCESS</returncode><meetings>";
    for (const auto& [id, internal] : meetings) {
      xml += "<meeting><meetingID>" + id + "</meetingID><internalMeetingID>" + internal +
             "</internalMeetingID><running>true</running><participantCount>" +
             std::to_string(people) + "</participantCount></meeting>";
    }
    return xml + "</meetings></response>";
  }
};

struct FakeNetwork : http::Sender {
  explicit FakeNetwork(boost::asio::io_context& loop_) : loop(loop_) {}
  boost::asio::io_context& loop;
  std::map<std::string, FakeNode> nodes;  // by host name
  int under_way = 0;
  int most_under_way = 0;

  boost::asio::awaitable<std::expected<http::ClientResponse, http::ClientError>> send(
      http::ClientRequest request) override {
    auto& node = nodes.at(request.url.host);
    const bool is_poll = request.target.starts_with("/getMeetings");
    if (is_poll) ++node.polls;
    if (node.takes > milliseconds{0}) {
      most_under_way = std::max(most_under_way, ++under_way);
      Timer timer{loop};
      timer.expires_after(node.takes);
      co_await timer.wait();
      --under_way;
    }
    if (node.failure) co_return std::unexpected(http::ClientError{*node.failure, "as told"});
    if (node.refuses_secret) {
      co_return http::ClientResponse{200,
                                     {},
                                     "<response><returncode>FAILED</returncode>"
                                     "<messageKey>checksumError</messageKey></response>"};
    }
    if (is_poll) co_return http::ClientResponse{node.status, {}, node.list()};
    const auto query = request.target.substr(request.target.find('?') + 1);
    const std::string id{bbb::parse_parameters(query).value().get("meetingID")};
    node.meetings.erase(id);
    node.ended.push_back(id);
    co_return http::ClientResponse{
        200, {}, "<response><returncode>SUCCESS</returncode></response>"};
  }
};

// Makes the calls on the loop's own thread, in no time, and counts them.
struct CallsInLoop : store::Workers {
  CallsInLoop(boost::asio::io_context& loop_, int& count_, std::function<void()>& after_)
      : loop(loop_), count(count_), after(after_) {}
  void submit(std::unique_ptr<Task> task) override {
    ++count;
    boost::asio::post(loop, [this, task = std::move(task)]() mutable {
      task->work();
      if (const auto told = after) told();
      auto& done = *task;
      done.answer(std::move(task));
    });
  }
  void stop() override {}
  boost::asio::io_context& loop;
  int& count;
  std::function<void()>& after;  // a call, before its result is known; may be empty
};

struct SomeLeases : lease::Leases {
  bool holds(std::string_view name) const override { return !back && !lost.contains(name); }
  void soon() override { ++asked; }
  bool has_others() const override { return others || !lost.empty(); }
  void step_back(bool wanted) override { back = wanted; }
  std::set<std::string, std::less<>> lost;
  int asked = 0;
  bool others = false;
  bool back = false;
};

struct Rig {
  explicit Rig(const std::vector<std::string>& nodes_wanted = {"a", "b"}) {
    set_virtual_time(loop, time);
    executor.run_blocking([&](store::Store& store) {
      store.migrate(clock().wall);
      Frontend frontend;
      frontend.id = "f1";
      frontend.key = "moodle";
      frontend.secret = "s";
      REQUIRE(store.insert_frontend(frontend));
      for (const auto& id : nodes_wanted) REQUIRE(store.insert_backend(make_backend(id)));
    });
    load();
    RefreshOptions options;
    options.clock = [this] { return clock(); };
    options.seed = 1;
    refresher.emplace(loop, executor, view, in_flight, nodes, leases, std::move(options));
    refresher->start();
  }
  ~Rig() { loop.abandon(); }

  Backend make_backend(const std::string& id) {
    network.nodes[id];
    Backend backend;
    backend.id = id;
    backend.host = "http://" + id + "/";
    backend.secret = "s";
    backend.admin_state = AdminState::ready;
    return backend;
  }
  void add_backend(const std::string& id) {
    const auto backend = make_backend(id);
    REQUIRE(executor.run_blocking(
        [&](store::Store& store) { return store.insert_backend(backend).has_value(); }));
    view.put(backend);
  }
  int polls() const {
    int sum = 0;
    for (const auto& [id, node] : network.nodes) sum += node.polls;
    return sum;
  }

  Now clock() const {
    return {WallTime{std::chrono::hours{500'000}} + wall_step +
                std::chrono::duration_cast<milliseconds>(time.now().time_since_epoch()),
            time.now()};
  }
  void load() {
    executor.run_blocking([this](store::Store& store) {
      view.load(store.list_frontends(), store.list_backends(), store.list_meetings());
    });
  }
  void pass(milliseconds duration) {
    reached += duration;  // time itself stands at the last thing that happened
    for (;;) {
      loop.restart();
      while (loop.poll() > 0) {
      }
      const auto next = time.next();
      if (!next || *next > reached) return;
      time.advance();
    }
  }
  // Until the condition holds, five minutes at most.
  template <class Condition>
  bool pass_until(Condition condition) {
    for (int i = 0; i < 600; ++i) {
      if (condition()) return true;
      pass(milliseconds{500});
    }
    return false;
  }

  Meeting create(std::string id, std::string backend_id, std::string internal_id) {
    network.nodes[backend_id].meetings["moodle~" + id] = internal_id;
    Meeting meeting;
    meeting.scoped_id = "moodle~" + id;
    meeting.meeting_id = id;
    meeting.frontend_id = "f1";
    meeting.backend_id = backend_id;
    meeting.owner = "owner";
    meeting.reserved_at = clock().wall;
    auto row = executor.run_blocking([&](store::Store& store) {
      const auto reserved = store.reserve(meeting).value();
      REQUIRE(reserved.won);
      return store
          .bind(meeting.scoped_id, reserved.meeting.epoch, {internal_id, "", ""}, clock().wall)
          .value();
    });
    view.put(row);
    return row;
  }
  void force(std::optional<Health> health, std::string id = "a") {
    store::BackendPatch patch;
    patch.forced_health = health;
    view.put(executor
                 .run_blocking([&](store::Store& store) {
                   return store.update_backend(id, patch, clock().wall);
                 })
                 .value());
  }

  Backend seen(std::string id = "a") const { return view.backend(id)->backend; }
  Backend stored(std::string id = "a") {
    return executor.run_blocking([&](store::Store& store) { return *store.find_backend(id); });
  }
  std::optional<Meeting> row(std::string id) {
    return executor.run_blocking(
        [&](store::Store& store) { return store.find_meeting("moodle~" + id); });
  }
  bool is_health(Health health, std::string id = "a") {
    return seen(id).health == health && stored(id).health == health;
  }
  // Nobody answers at node a until it is given up.
  void lose_a() {
    network.nodes["a"].failure = ClientFailure::connect;
    REQUIRE(pass_until([&] { return is_health(Health::given_up); }));
  }

  VirtualTime time{SteadyTime{std::chrono::hours{3}}};
  SteadyTime reached = time.now();
  milliseconds wall_step{0};
  Loop loop;
  FakeNetwork network{loop};
  int store_calls = 0;
  std::function<void()> after_store_call;
  store::Executor executor{[] { return store::open_store("sqlite::memory:"); },
                           std::make_unique<CallsInLoop>(loop, store_calls, after_store_call),
                           {},
                           [this] { return clock(); }};
  view::View view{[this] { return clock(); }};
  view::InFlight in_flight;
  node::Nodes nodes{network, {}, [this] { return clock(); }};
  SomeLeases leases;
  std::optional<Refresher> refresher;
};

}  // namespace b3::refresh::test
