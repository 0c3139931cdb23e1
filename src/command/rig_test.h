// The Runner with a database in memory and a node made of values, on virtual time. Two of them
// share database and view, as two instances do that hear of each other at once. For tests.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <set>

#include "bbb/answer.h"
#include "bbb/query.h"
#include "command/runner.h"

namespace b3::command::test {

namespace asio = boost::asio;

constexpr std::string_view not_found =
    "<response><returncode>FAILED</returncode><messageKey>notFound</messageKey></response>";

struct FakeNode final : http::Sender {
  explicit FakeNode(asio::io_context& loop_) : loop(loop_) {}
  asio::awaitable<std::expected<http::ClientResponse, http::ClientError>> send(
      http::ClientRequest request) override {
    most_under_way = std::max(most_under_way, ++under_way);
    const auto mark = request.target.find('?');
    const auto call = request.target.substr(1, mark - 1);
    const std::string id{
        bbb::parse_parameters(request.target.substr(mark + 1)).value().get("meetingID")};
    if (call == "end") ended.push_back(id);
    request_ids.insert(request_id_of(request));
    Timer timer{loop};
    timer.expires_after(takes);
    co_await timer.wait();
    --under_way;
    if (away || silent.contains(id)) {
      co_return std::unexpected(http::ClientError{http::ClientFailure::connect, "nobody is there"});
    }
    if (call == "getMeetings") co_return http::ClientResponse{200, {}, list()};
    if (meetings.erase(id) == 0) co_return http::ClientResponse{200, {}, std::string(not_found)};
    co_return http::ClientResponse{
        200, {}, bbb::success({{"messageKey", "sentEndMeetingRequest"}})};
  }
  static std::string request_id_of(const http::ClientRequest& request) {
    const auto* id = http::find_header(request.headers, "X-Request-ID");
    return id ? *id : "";
  }
  std::string list() const {
    std::string xml = "<response><returncode>SUCCESS</returncode><meetings>";
    for (const auto& id : meetings) xml += "<meeting><meetingID>" + id + "</meetingID></meeting>";
    return xml + "</meetings></response>";
  }

  asio::io_context& loop;
  std::set<std::string> meetings;
  std::set<std::string> silent;  // ids whose end fails
  bool away = false;
  milliseconds takes{100};
  int under_way = 0;
  int most_under_way = 0;
  std::vector<std::string> ended;  // as asked for
  std::set<std::string> request_ids;
};

// Makes calls on the loop, in no time.
struct LoopWorkers final : store::Workers {
  explicit LoopWorkers(asio::io_context& loop_) : loop(loop_) {}
  void submit(std::unique_ptr<Task> task) override {
    asio::post(loop, [owned = std::move(task)]() mutable {
      auto& running = *owned;
      running.work();
      running.answer(std::move(owned));
    });
  }
  void stop() override {}
  asio::io_context& loop;
};

struct Rig {
  template <class Call>
  auto in_store(Call call) {
    return executor.run_blocking(std::move(call));
  }

  Rig() {
    set_virtual_time(loop, time);
    Frontend frontend;
    frontend.id = "f1";
    frontend.key = "moodle";
    frontend.secret = "s";
    in_store([&](store::Store& store) {
      store.migrate(clock().wall);
      REQUIRE(store.insert_frontend(frontend));
    });
    view.put(frontend);
    put_backend("b1");
    for (const auto* id : {"i1", "i2"}) add_instance(id);
  }
  ~Rig() { loop.abandon(); }

  Runner& add_instance(const std::string& id) {
    RunnerOptions options;
    options.clock = [this] { return clock(); };
    options.is_alive = [this](std::string_view other) {
      return alive.contains(std::string(other));
    };
    alive.insert(id);
    auto made = std::make_unique<Runner>(
        loop, executor, view, nodes, id,
        [this](std::string_view backend_id) { polled.emplace_back(backend_id); },
        [this, id] { return housekeeper == id; }, options);
    made->start();
    return *(runners[id] = std::move(made));
  }
  // As kill -9: it does nothing more and its beat stands still. What it has on the wire is not
  // taken back.
  void kill(const std::string& id) {
    runners.at(id)->stop();
    alive.erase(id);
  }

  void put_backend(const std::string& id, AdminState state = AdminState::ready) {
    Backend backend;
    backend.id = id;
    backend.host = "http://" + id + "/";
    backend.secret = "s";
    backend.admin_state = state;
    backend.node_state = NodeState::ready;
    in_store([&](store::Store& store) { REQUIRE(store.insert_backend(backend)); });
    view.put(backend);
  }
  Meeting create(const std::string& id, std::string internal_id = "") {
    if (internal_id.empty()) internal_id = "run-of-" + id;
    Meeting meeting;
    meeting.scoped_id = "moodle~" + id;
    meeting.meeting_id = id;
    meeting.frontend_id = "f1";
    meeting.backend_id = "b1";
    meeting.owner = "owner";
    meeting.reserved_at = clock().wall;
    const auto row = in_store([&](store::Store& store) {
      const auto reserved = store.reserve(meeting).value().meeting;
      return store.bind(meeting.scoped_id, reserved.epoch, {internal_id, "", ""}, clock().wall)
          .value();
    });
    node.meetings.insert(meeting.scoped_id);
    view.put(row);
    return row;
  }
  void create_many(int count) {
    for (int i = 0; i < count; ++i) create(std::to_string(100 + i));
  }

  store::CommandRow begin(std::string_view action, const std::string& instance = "i1",
                          const std::string& backend_id = "b1") {
    store::CommandRow command;
    command.id = "command-" + std::to_string(++commands);
    command.action = action;
    command.backend_id = backend_id;
    command.requested_by = "root";
    command.created_at = clock().wall;
    store::AuditRecord audit;
    audit.at = clock().wall;
    audit.action = command.action;
    audit.object_id = command.id;
    std::optional<store::CommandRow> begun;
    asio::co_spawn(
        loop,
        [&, command]() -> asio::awaitable<void> {
          begun = co_await runners.at(instance)->request(command, audit);
        },
        asio::detached);
    pass(milliseconds{0});
    if (!begun) command.id.clear();
    return begun.value_or(command);
  }
  std::optional<store::CommandRow> stored(const std::string& id) {
    return in_store([&](store::Store& store) { return store.find_command(id); });
  }
  store::CommandRow ended(const std::string& id) {
    for (int i = 0; i < 600 && !stored(id)->finished_at; ++i) pass(milliseconds{100});
    return *stored(id);
  }
  std::size_t rows() {
    return in_store([](store::Store& store) { return store.list_meetings().size(); });
  }

  Now clock() const {
    return {WallTime{std::chrono::hours{500'000}} + wall_step +
                std::chrono::duration_cast<milliseconds>(time.now().time_since_epoch()),
            time.now()};
  }
  void pass(milliseconds duration) {
    reached += duration;
    for (;;) {
      loop.restart();
      while (loop.poll() > 0) {
      }
      const auto next = time.next();
      if (!next || *next > reached) return;
      time.advance();
    }
  }

  VirtualTime time{SteadyTime{std::chrono::hours{30}}};
  SteadyTime reached = time.now();
  milliseconds wall_step{0};
  Loop loop;
  FakeNode node{loop};
  store::Executor executor{[] { return store::open_store("sqlite::memory:"); },
                           std::make_unique<LoopWorkers>(loop),
                           {},
                           [this] { return clock(); }};
  view::View view{[this] { return clock(); }};
  node::Nodes nodes{node, {}, [this] { return clock(); }};
  std::set<std::string> alive;
  std::string housekeeper = "i1";
  std::vector<std::string> polled;
  std::map<std::string, std::unique_ptr<Runner>> runners;
  int commands = 0;
};

}  // namespace b3::command::test
