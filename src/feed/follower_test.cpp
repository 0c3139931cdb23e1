#include "feed/follower.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <vector>

#include "base/timer.h"

using namespace b3;
namespace asio = boost::asio;

namespace {

// Runs calls on the loop itself.
class LoopWorkers final : public store::Workers {
 public:
  explicit LoopWorkers(Loop& loop) : loop_(loop) {}
  void submit(std::unique_ptr<Task> task) override {
    asio::post(loop_, [owned = std::move(task)]() mutable {
      auto& running = *owned;
      running.work();
      running.answer(std::move(owned));
    });
  }
  void stop() override {}

 private:
  Loop& loop_;
};

struct Instance {
  VirtualTime time{SteadyTime{} + seconds{1'000}};
  Loop loop;
  view::InFlight in_flight;
  view::View view;
  store::Executor executor{[] { return store::open_store("sqlite::memory:"); },
                           std::make_unique<LoopWorkers>(loop)};
  std::optional<feed::Follower> follower;

  Instance() {
    set_virtual_time(loop, time);
    view.remember_erasures();
    change([](store::Store& store) {
      store.migrate(from_unix_milliseconds(0));
      store.insert_frontend(frontend("f1", "moodle")).value();
      store.insert_backend(backend()).value();
    });
  }
  ~Instance() { loop.abandon(); }

  static Frontend frontend(std::string id, std::string key) {
    Frontend frontend;
    frontend.id = std::move(id);
    frontend.key = std::move(key);
    frontend.secret = "s";
    return frontend;
  }
  static Backend backend() {
    Backend backend;
    backend.id = "b1";
    backend.host = "http://b1/";
    return backend;
  }
  static Meeting meeting(const std::string& name) {
    Meeting meeting;
    meeting.scoped_id = "moodle~" + name;
    meeting.meeting_id = name;
    meeting.frontend_id = "f1";
    meeting.backend_id = "b1";
    meeting.owner = "somebody";
    return meeting;
  }

  template <class Call>
  void change(Call call) {
    executor.run_blocking(call);
  }
  void reserve(const std::string& name) {
    change([&](store::Store& store) { REQUIRE(store.reserve(meeting(name)).value().won); });
  }
  void follow(feed::FollowerOptions options) {
    follower.emplace(loop, executor, view, in_flight, store::FeedPosition{}, options);
    follower->start();
  }
  void poll() {
    loop.restart();
    loop.poll();
  }
  void run_for(milliseconds duration) {
    const auto end = time.now() + duration;
    for (poll(); time.next() && *time.next() <= end; poll()) time.advance();
  }
};

}  // namespace

TEST_CASE("what others write is in the view after an interval") {
  Instance instance;
  instance.follow({});
  instance.run_for(milliseconds{100});
  CHECK(instance.view.frontend("f1") != nullptr);
  instance.reserve("math");
  CHECK(instance.view.meeting("moodle~math") == nullptr);
  instance.run_for(milliseconds{100});
  CHECK(instance.view.meeting("moodle~math") != nullptr);
}

TEST_CASE("a poke reads at once, not at the next interval") {
  Instance instance;
  instance.follow({.interval = seconds{3'600}});
  instance.run_for(milliseconds{100});
  instance.reserve("math");
  instance.run_for(seconds{10});
  CHECK(instance.view.meeting("moodle~math") == nullptr);
  instance.follower->poke();
  instance.run_for(milliseconds{1});
  CHECK(instance.view.meeting("moodle~math") != nullptr);
}

TEST_CASE("after a poke the feed is looked at again until what was announced is settled") {
  Instance instance;
  instance.follow({.interval = seconds{3'600}});
  instance.run_for(milliseconds{100});
  instance.follower->poke();
  instance.run_for(milliseconds{12});
  instance.reserve("late");  // as if its transaction had ended only now
  instance.run_for(milliseconds{5});
  CHECK(instance.view.meeting("moodle~late") != nullptr);
}

TEST_CASE("after a gap the view becomes what the store is, and requests are served meanwhile") {
  Instance instance;
  instance.follow({.interval = milliseconds{100}, .slice = 10});
  instance.reserve("gone");
  instance.run_for(milliseconds{200});
  REQUIRE(instance.view.meeting("moodle~gone") != nullptr);
  // The follower's place is pruned away while it is not looking.
  instance.change([](store::Store& store) {
    store.end("moodle~gone", store.find_meeting("moodle~gone")->epoch, from_unix_milliseconds(0));
  });
  for (int i = 0; i < 95; ++i) instance.reserve("m" + std::to_string(i));
  instance.change([](store::Store& store) {
    store.prune_changes(from_unix_milliseconds(std::int64_t{1} << 42));
  });
  instance.time.advance();
  std::vector<std::size_t> seen;
  const auto serve = [&]() -> asio::awaitable<void> {
    while (instance.view.meeting_count() < 95) {
      seen.push_back(instance.view.meeting_count());
      co_await asio::post(instance.loop, asio::use_awaitable);
    }
  };
  asio::co_spawn(instance.loop, serve(), asio::detached);
  instance.run_for(milliseconds{300});
  CHECK(instance.view.meeting_count() == 95);
  CHECK(instance.view.meeting("moodle~gone") == nullptr);
  std::set<std::size_t> steps{seen.begin(), seen.end()};
  CHECK(steps.size() > 5);
}

TEST_CASE("a tenant that is made while everything is loaded again stays") {
  Instance instance;
  instance.follow({.interval = seconds{3'600}});
  instance.run_for(milliseconds{10});
  instance.change([](store::Store& store) {
    for (int i = 0; i < 5; ++i) store.record_heartbeat("b1", from_unix_milliseconds(i)).value();
    store.prune_changes(from_unix_milliseconds(std::int64_t{1} << 42));
  });
  instance.follower->poke();
  instance.poll();
  const auto made = Instance::frontend("f2", "nextcloud");
  instance.view.put(made);  // committed after the load's snapshot, and already in the view
  instance.change([&](store::Store& store) { store.insert_frontend(made).value(); });
  instance.run_for(milliseconds{100});
  CHECK(instance.view.frontend("f2") != nullptr);
}
