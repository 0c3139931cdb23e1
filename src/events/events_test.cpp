#include "events/events.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <exception>
#include <optional>

#include "base/timer.h"

namespace b3::events {
namespace {

namespace asio = boost::asio;

constexpr WallTime start{milliseconds{1'800'000'000'000}};

// Makes calls when it is told to.
class SteppedWorkers final : public store::Workers {
 public:
  explicit SteppedWorkers(std::deque<std::unique_ptr<Task>>& tasks) : tasks_(tasks) {}
  void submit(std::unique_ptr<Task> task) override { tasks_.push_back(std::move(task)); }
  void stop() override {}

 private:
  std::deque<std::unique_ptr<Task>>& tasks_;
};

struct Call {
  std::optional<std::vector<Outcome>> outcomes;
  std::exception_ptr failure;
};

// One instance with the backends a and b and the bound meetings m0 to m5 on a.
struct World {
  VirtualTime time{SteadyTime{} + seconds{1'000}};
  Loop loop;
  std::deque<std::unique_ptr<store::Workers::Task>> tasks;
  std::function<Now()> clock = [this] {
    const auto since = std::chrono::duration_cast<milliseconds>(time.now() - SteadyTime{});
    return Now{start + since, time.now()};
  };
  bool away = false;
  store::Executor executor{[this] {
                             if (away) throw store::StoreUnavailable("away");
                             return std::move(opened);
                           },
                           std::make_unique<SteppedWorkers>(tasks),
                           {},
                           clock};
  std::unique_ptr<store::Store> opened = store::open_store("sqlite::memory:");
  view::View view{clock};
  std::vector<std::string> polled;
  std::string unwritten;  // this meeting's binding
  std::deque<Call> calls;
  std::optional<Events> events;

  World() {
    set_virtual_time(loop, time);
    events.emplace(
        loop, executor, view, [this](std::string_view id) { polled.emplace_back(id); },
        EventOptions{.is_unwritten = [this](std::string_view id) { return id == unwritten; },
                     .clock = clock});
    opened->migrate(start);
    Frontend frontend;
    frontend.id = "f";
    frontend.key = "moodle";
    frontend.secret = "s";
    opened->insert_frontend(frontend).value();
    for (const auto* id : {"a", "b"}) {
      Backend backend;
      backend.id = id;
      backend.host = fmt::format("http://{}/", id);
      view.put(opened->insert_backend(backend).value());
    }
    for (int i = 0; i < 6; ++i) view.put(make_meeting(fmt::format("m{}", i), true));
  }
  ~World() { loop.abandon(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // In the store only.
  Meeting make_meeting(const std::string& id, bool is_bound) {
    Meeting meeting;
    meeting.scoped_id = meeting.meeting_id = id;
    meeting.frontend_id = "f";
    meeting.backend_id = "a";
    meeting.owner = "me";
    meeting.reserved_at = start;
    auto row = opened->reserve(meeting).value().meeting;
    if (!is_bound) return row;
    return opened->bind(id, row.epoch, {"i-" + id, id, "<meeting/>"}, start).value();
  }

  void settle() {
    loop.restart();
    loop.poll();
  }
  // Makes the call that has waited longest.
  void step() {
    settle();
    REQUIRE_FALSE(tasks.empty());
    auto task = std::move(tasks.front());
    tasks.pop_front();
    task->work();
    auto& answering = *task;
    answering.answer(std::move(task));
    settle();
  }
  void finish() {
    settle();
    while (!tasks.empty()) step();
  }
  void pass(milliseconds by) {
    const auto until = time.now() + by;
    asio::co_spawn(loop, wait_until(until), asio::detached);
    settle();
    while (time.next() && *time.next() <= until && time.advance()) settle();
  }

  asio::awaitable<void> wait_until(SteadyTime when) {
    Timer timer(loop);
    timer.expires_at(when);
    co_await timer.wait();
  }

  Call& send(std::string backend, std::vector<Event> list) {
    auto& call = calls.emplace_back();
    asio::co_spawn(loop, events->apply(std::move(backend), std::move(list)),
                   [&call](std::exception_ptr failure, std::vector<Outcome> outcomes) {
                     call.failure = failure;
                     if (!failure) call.outcomes = std::move(outcomes);
                   });
    settle();
    return call;
  }
  store::Store& look() {
    executor.run_blocking([this](store::Store& store) { looked_at_ = &store; });
    return *looked_at_;
  }

 private:
  store::Store* looked_at_ = nullptr;
};

Event add_to(const std::string& meeting, const std::string& person) {
  Event event;
  event.kind = Event::Kind::add;
  event.internal_id = "i-" + meeting;
  event.attendee.internal_user_id = "w_" + person;
  event.attendee.user_id = person;
  return event;
}

Event about(Event::Kind kind, const std::string& meeting) {
  Event event;
  event.kind = kind;
  event.internal_id = "i-" + meeting;
  return event;
}

std::string kinds(const Call& call) {
  if (!call.outcomes) return call.failure ? "failed" : "waiting";
  std::string text;
  for (const auto& outcome : *call.outcomes) {
    constexpr std::string_view names[] = {"done", "unknown", "foreign", "malformed"};
    if (!text.empty()) text += ' ';
    text += names[std::size_t(outcome.kind)];
    CHECK(outcome.detail.empty() == (outcome.kind == Outcome::Kind::done));
  }
  return text;
}

TEST_CASE("a call is answered when what it says is in the store, and the view has it") {
  World world;
  const auto& call = world.send("a", {add_to("m0", "anna"), add_to("m0", "bert")});
  CHECK(kinds(call) == "waiting");
  CHECK(world.view.meeting("m0")->counts().participants == 0);
  world.step();
  CHECK(kinds(call) == "done done");
  CHECK(world.look().find_meeting("m0")->counts.participants == 2);
  CHECK(world.view.meeting("m0")->counts().participants == 2);
  CHECK(world.view.meeting("m0")->running());
  CHECK(world.view.meeting("m0")->document().contains("<participantCount>2</participantCount>"));
  CHECK(world.tasks.empty());
}

TEST_CASE("what arrives while a transaction is under way goes into the next") {
  World world;
  world.send("a", {add_to("m0", "anna")});
  for (int i = 0; i < 6; ++i) world.send("a", {add_to(fmt::format("m{}", i), "bert")});
  world.send("a", {add_to("m1", "carl")});
  CHECK(world.tasks.size() == 1);
  world.step();
  CHECK(kinds(world.calls[0]) == "done");
  CHECK(kinds(world.calls[1]) == "waiting");
  CHECK(world.tasks.size() == 1);
  world.step();
  for (const auto& call : world.calls) CHECK(kinds(call) == "done");
  CHECK(world.tasks.empty());
  CHECK(world.look().find_meeting("m0")->counts.participants == 2);
  CHECK(world.look().find_meeting("m1")->counts.participants == 2);
}

TEST_CASE("a group has a limited number of meetings, and a call is never cut") {
  World world;
  world.events.emplace(
      world.loop, world.executor, world.view, [](std::string_view) {},
      EventOptions{.largest_group = 2, .clock = world.clock});
  world.send("a", {add_to("m0", "x")});
  world.send("a", {add_to("m1", "x"), add_to("m2", "x"), add_to("m3", "x")});
  world.send("a", {add_to("m4", "x")});
  world.step();
  world.step();
  CHECK(kinds(world.calls[1]) == "done done done");
  CHECK(kinds(world.calls[2]) == "waiting");
  world.step();
  CHECK(kinds(world.calls[2]) == "done");
}

TEST_CASE("a meeting that is still being created is waited for") {
  World world;
  const auto row = world.make_meeting("new", false);
  world.view.put(row);
  const auto& call = world.send("a", {add_to("new", "anna"), add_to("m0", "anna")});
  CHECK(world.events->waiting() == 1);
  world.step();  // the other one does not wait
  CHECK(world.view.meeting("m0")->counts().participants == 1);
  CHECK(kinds(call) == "waiting");
  world.pass(milliseconds{1'000});
  CHECK(kinds(call) == "waiting");
  world.view.put(world.look().bind("new", row.epoch, {"i-new", "", "<meeting/>"}, start).value());
  world.step();
  CHECK(kinds(call) == "done done");
  CHECK(world.events->waiting() == 0);
  CHECK(world.view.meeting("new")->counts().participants == 1);
}

TEST_CASE("a meeting whose tenant knows of it before the store does is waited for") {
  World world;
  auto row = world.make_meeting("new", false);
  world.unwritten = "new";
  auto assumed = row;
  assumed.phase = MeetingPhase::bound;
  assumed.internal_id = "i-new";
  world.view.put(assumed);
  const auto& call = world.send("a", {add_to("new", "anna")});
  world.pass(milliseconds{1'000});
  CHECK(kinds(call) == "waiting");
  world.view.put(world.look().bind("new", row.epoch, {"i-new", "", "<meeting/>"}, start).value());
  world.unwritten.clear();
  world.step();
  CHECK(kinds(call) == "done");
  CHECK(world.view.meeting("new")->counts().participants == 1);
}

TEST_CASE("a meeting that does not come is given up, and not waited for again") {
  World world;
  const auto& call = world.send("a", {add_to("never", "anna")});
  world.pass(milliseconds{2'999});
  CHECK(kinds(call) == "waiting");
  world.pass(milliseconds{1});
  CHECK(kinds(call) == "unknown");
  CHECK(world.events->waiting() == 0);
  CHECK(kinds(world.send("a", {add_to("never", "bert")})) == "unknown");
  world.view.put(world.make_meeting("never", true));
  world.send("a", {add_to("never", "carl")});
  world.finish();
  CHECK(kinds(world.calls.back()) == "done");
}

TEST_CASE("meetings of other backends and calls that cannot be read are told at once") {
  World world;
  Event malformed;
  malformed.problem = "no";
  const auto& call = world.send("b", {add_to("m0", "anna"), malformed});
  CHECK(kinds(call) == "foreign malformed");
  CHECK(world.tasks.empty());
  CHECK(kinds(world.send("b", {})) == "");
}

TEST_CASE("a meeting that has ended in the store meanwhile is unknown") {
  World world;
  const auto row = *world.opened->find_meeting("m0");
  world.opened->end("m0", row.epoch, start);
  world.send("a", {add_to("m0", "anna"), add_to("m1", "anna")});
  world.finish();
  CHECK(kinds(world.calls[0]) == "unknown done");
}

TEST_CASE("an end takes the meeting from the view and leaves a tombstone") {
  World world;
  world.send("a", {add_to("m0", "anna"), about(Event::Kind::ended, "m0"), add_to("m0", "bert")});
  world.finish();
  CHECK(kinds(world.calls[0]) == "done done unknown");
  CHECK(world.view.meeting("m0") == nullptr);
  CHECK_FALSE(world.look().find_meeting("m0"));
  CHECK(world.look().list_tombstones("a").size() == 1);
}

TEST_CASE("leaving of somebody unknown has the node polled") {
  World world;
  auto leaving = about(Event::Kind::remove, "m0");
  leaving.internal_user_id = "w_nobody";
  auto other = leaving;
  other.internal_id = "i-m1";
  world.send("a", {leaving, other});
  world.finish();
  CHECK(kinds(world.calls[0]) == "done done");
  CHECK(world.polled == std::vector<std::string>{"a"});
  CHECK(world.view.meeting("m0")->counts().participants == 0);
}

TEST_CASE("a store that is away fails the call, and the next one is tried again") {
  World world;
  world.away = true;
  world.send("a", {add_to("m0", "anna")});
  world.send("a", {add_to("m1", "anna")});
  world.finish();
  CHECK(kinds(world.calls[0]) == "failed");
  CHECK_THROWS_AS(std::rethrow_exception(world.calls[0].failure), store::StoreUnavailable);
  world.away = false;
  world.pass(milliseconds{2'000});
  world.send("a", {add_to("m0", "anna")});
  world.finish();
  CHECK(kinds(world.calls.back()) == "done");
}

TEST_CASE("heartbeats are in the view at once and in the store within two seconds") {
  World world;
  world.events->heartbeat("a", R"({"load1":1})");
  world.events->heartbeat("nobody", "{}");
  world.settle();
  const auto first = world.clock().wall;
  CHECK(world.view.backend("a")->backend.agent_heartbeat == first);
  CHECK(world.view.backend("a")->backend.agent_report == R"({"load1":1})");
  CHECK(world.tasks.empty());
  world.pass(milliseconds{1'000});
  world.events->heartbeat("b", "");
  world.events->heartbeat("a", "");
  CHECK(world.events->unwritten_heartbeats() == 2);
  world.pass(milliseconds{999});
  CHECK(world.tasks.size() == 1);
  world.finish();
  CHECK(world.events->unwritten_heartbeats() == 0);
  const auto row = *world.look().find_backend("a");
  CHECK(row.agent_heartbeat >= first);
  CHECK(row.agent_report == R"({"load1":1})");
  CHECK(world.look().find_backend("b")->agent_heartbeat);
  world.pass(milliseconds{10'000});
  CHECK(world.tasks.empty());
}

TEST_CASE("a refresh has the node polled, and nothing else") {
  World world;
  Event refresh;
  refresh.kind = Event::Kind::refresh;
  Event malformed;
  auto& call = world.send("a", {refresh, malformed, refresh});
  REQUIRE(call.outcomes);
  CHECK(call.outcomes->at(0).kind == Outcome::Kind::done);
  CHECK(call.outcomes->at(1).kind == Outcome::Kind::malformed);
  CHECK(call.outcomes->at(2).kind == Outcome::Kind::done);
  CHECK(world.polled == std::vector<std::string>{"a"});
  CHECK(world.tasks.empty());
}

TEST_CASE("heartbeats that could not be written are kept, newer ones go before them") {
  World world;
  world.away = true;
  world.events->heartbeat("a", R"({"load1":1})");
  world.settle();
  world.pass(milliseconds{1'500});
  world.finish();
  CHECK(world.events->unwritten_heartbeats() == 1);
  world.events->heartbeat("a", "");
  const auto last = world.clock().wall;
  world.away = false;
  world.pass(milliseconds{1'500});
  world.finish();
  CHECK(world.events->unwritten_heartbeats() == 0);
  CHECK(world.look().find_backend("a")->agent_heartbeat == last);
  CHECK(world.look().find_backend("a")->agent_report == R"({"load1":1})");
  world.events->stop();
  world.events->heartbeat("a", "");
  world.settle();
  world.pass(milliseconds{5'000});
  CHECK(world.tasks.empty());
}

}  // namespace
}  // namespace b3::events
