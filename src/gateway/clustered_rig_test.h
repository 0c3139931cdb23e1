// One instance of several with one node: what the store and the node say while a call is under way.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bbb/answer.h"
#include "bbb/checksum.h"
#include "bbb/query.h"
#include "gateway/gateway.h"

namespace b3::gateway::test {

namespace asio = boost::asio;

inline const std::string math = "moodle~math";

// One node. `while_at_work` happens after the call had its effect and before its answer.
struct FakeNode final : http::Sender {
  explicit FakeNode(asio::io_context& loop_) : loop(loop_) {}
  asio::awaitable<std::expected<http::ClientResponse, http::ClientError>> send(
      http::ClientRequest request) override {
    const auto mark = request.target.find('?');
    const auto call = request.target.substr(1, mark - 1);
    const std::string id{
        bbb::parse_parameters(request.target.substr(mark + 1)).value().get("meetingID")};
    calls.push_back(call);
    auto xml = answer(call, id);
    if (while_at_work) std::exchange(while_at_work, nullptr)();
    if (takes > milliseconds{0}) {
      Timer timer{loop};
      timer.expires_after(takes);
      co_await timer.wait();
    }
    co_return http::ClientResponse{200, {}, std::move(xml)};
  }
  std::string answer(const std::string& call, const std::string& id) {
    if (call == "create") {
      auto& internal = meetings[id];
      const bool is_new = internal.empty();
      if (is_new) internal = "run-" + std::to_string(++runs);
      return bbb::success({{"meetingID", id},
                           {"internalMeetingID", internal},
                           {"messageKey", is_new ? "" : "duplicateWarning"}});
    }
    const auto found = meetings.find(id);
    if (found == meetings.end()) {
      return "<response><returncode>FAILED</returncode><messageKey>notFound</messageKey>"
             "</response>";
    }
    const auto internal = found->second;
    if (call == "end") meetings.erase(found);
    return bbb::success({{"meetingID", id}, {"internalMeetingID", internal}});
  }
  int count(std::string_view call) const { return int(std::ranges::count(calls, call)); }

  asio::io_context& loop;
  std::map<std::string, std::string> meetings;  // scoped id -> internal id
  int runs = 0;
  milliseconds takes{0};  // from the effect to the answer
  std::vector<std::string> calls;
  std::function<void()> while_at_work;
};

// Makes calls on the loop, in no time, unless the database hangs: then they lie there.
struct LoopWorkers final : store::Workers {
  LoopWorkers(asio::io_context& loop_, const bool& hangs_) : loop(loop_), hangs(hangs_) {}
  void submit(std::unique_ptr<Task> task) override {
    asio::post(loop, [this, owned = std::move(task)]() mutable {
      if (hangs) return hanging.push_back(std::move(owned));
      auto& running = *owned;
      running.work();
      running.answer(std::move(owned));
    });
  }
  void stop() override {}
  // The database answers what it was asked while it hung.
  void go_on() {
    for (auto& each : std::exchange(hanging, {})) submit(std::move(each));
  }
  asio::io_context& loop;
  const bool& hangs;
  std::vector<std::unique_ptr<Task>> hanging;
};

struct NoBody final : http::BodyReader {
  asio::awaitable<std::expected<std::string, http::BodyError>> read_all(std::size_t) override {
    co_return std::string{};
  }
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
    frontend.secret = "secret";
    Backend backend;
    backend.id = "b1";
    backend.host = "http://b1/";
    backend.secret = "s";
    backend.admin_state = AdminState::ready;
    backend.node_state = NodeState::ready;
    backend.synced_at = clock().wall;
    in_store([&](store::Store& store) {
      store.migrate(clock().wall);
      REQUIRE(store.insert_frontend(frontend));
      REQUIRE(store.insert_backend(backend));
      return true;
    });
    view.remember_erasures();
    view.put(frontend);
    view.put(backend);
    GatewayOptions options;
    options.shared_store = true;
    options.retry_key = token::retry_key("a secret of this test");
    options.clock = [this] { return clock(); };
    gateway.emplace(executor, view, in_flight, nodes, std::move(options));
  }
  ~Rig() { loop.abandon(); }

  Now clock() const {
    return {WallTime{std::chrono::hours{500'000}} +
                std::chrono::duration_cast<milliseconds>(time.now().time_since_epoch()),
            time.now()};
  }
  std::optional<Meeting> row() {
    return in_store([](store::Store& store) { return store.find_meeting(math); });
  }

  // Another instance reserves the id, and binds it where there is an internal id.
  Meeting held_by_other(const std::string& internal_id) {
    Meeting meeting;
    meeting.scoped_id = math;
    meeting.meeting_id = "math";
    meeting.frontend_id = "f1";
    meeting.backend_id = "b1";
    meeting.owner = "another instance";
    meeting.reserved_at = clock().wall;
    auto held = in_store([&](store::Store& store) {
      auto reserved = store.reserve(meeting).value().meeting;
      if (internal_id.empty()) return reserved;
      return store.bind(math, reserved.epoch, {internal_id, "", ""}, clock().wall).value();
    });
    view.put(held);
    return held;
  }

  struct Asked {
    http::Request request;
    NoBody body;
    std::optional<http::Response> response;
    std::optional<bbb::Answer> answer() const { return *bbb::Answer::parse(response->body); }
    bool success() const { return answer()->success(); }
    std::string text(std::string_view name) const { return answer()->text(name); }
  };
  // Does not wait for the answer.
  std::shared_ptr<Asked> begin(const std::string& call) {
    auto asked = std::make_shared<Asked>();
    asked->request.method = "GET";
    asked->request.id = "request-1";
    asked->request.target =
        "/bbb/moodle/" + call + "?" +
        bbb::signed_query(HashAlgorithm::sha256, call, "meetingID=math", "secret");
    const auto work = [](Gateway& to, std::shared_ptr<Asked> mine) -> asio::awaitable<void> {
      mine->response = co_await to.answer(mine->request, mine->body);
    };
    asio::co_spawn(loop, work(*gateway, asked), asio::detached);
    pass(milliseconds{0});
    return asked;
  }
  // With an answer that comes at once.
  std::shared_ptr<Asked> ask(const std::string& call) {
    auto asked = begin(call);
    REQUIRE(asked->response);
    return asked;
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
  // Lets the clock go on where nothing happens.
  void wait(milliseconds duration) {
    Timer timer{loop};
    timer.expires_after(duration);
    const auto sleep = [](Timer& mine) -> asio::awaitable<void> { co_await mine.wait(); };
    asio::co_spawn(loop, sleep(timer), asio::detached);
    pass(duration);
  }

  VirtualTime time{SteadyTime{std::chrono::hours{3}}};
  SteadyTime reached = time.now();
  Loop loop;
  FakeNode node{loop};
  bool hangs = false;
  LoopWorkers* workers = new LoopWorkers(loop, hangs);  // the executor's
  store::Executor executor{[] { return store::open_store("sqlite::memory:"); },
                           std::unique_ptr<store::Workers>(workers),
                           {},
                           [this] { return clock(); }};
  // The database hangs from now on, and works again.
  void hang() { hangs = true; }
  void recover() {
    hangs = false;
    workers->go_on();
    pass(milliseconds{0});
  }
  view::View view{[this] { return clock(); }};
  view::InFlight in_flight;
  node::Nodes nodes{node, {}, [this] { return clock(); }};
  std::optional<Gateway> gateway;
};

}  // namespace b3::gateway::test
