#include "lease/keeper.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <memory>

#include "store/sql_store.h"
#include "store/sqlite_connection.h"

namespace b3::lease {
namespace {

namespace asio = boost::asio;

const SteadyTime start{seconds{1'000}};

enum class Database { answers, away, corrupt, silent };

// All instances use this one connection; how the database behaves is up to each.
class SharedConnection final : public store::Connection {
 public:
  SharedConnection(store::Connection& inner, const Database& state)
      : inner_(inner), state_(state) {}
  store::Dialect dialect() const override { return inner_.dialect(); }
  bool usable() override { return true; }
  void begin(store::Access access) override {
    if (state_ == Database::away) throw store::StoreUnavailable("away");
    if (state_ == Database::corrupt) throw store::StoreCorrupt("corrupt");
    inner_.begin(access);
  }
  void commit() override { inner_.commit(); }
  void rollback() noexcept override { inner_.rollback(); }
  store::Rows execute(std::string_view sql, store::Parameters parameters) override {
    return inner_.execute(sql, parameters);
  }
  void execute_script(const std::string& sql) override { inner_.execute_script(sql); }

 private:
  store::Connection& inner_;
  const Database& state_;
};

// Makes calls on the loop, unless the database is silent: then they lie there until it is not.
class InlineWorkers final : public store::Workers {
 public:
  InlineWorkers(asio::io_context& loop, const Database& state) : loop_(loop), state_(state) {}
  void submit(std::unique_ptr<Task> task) override {
    asio::post(loop_, [this, owned = std::move(task)]() mutable { make(std::move(owned)); });
  }
  void stop() override {}
  void wake() {
    for (auto& task : std::exchange(silent_, {})) make(std::move(task));
  }

 private:
  void make(std::unique_ptr<Task> task) {
    if (state_ == Database::silent) {
      silent_.push_back(std::move(task));
      return;
    }
    auto& running = *task;
    running.work();
    running.answer(std::move(task));
  }
  asio::io_context& loop_;
  const Database& state_;
  std::vector<std::unique_ptr<Task>> silent_;
};

struct World;

struct Instance {
  Instance(World& world, const std::string& id);
  ~Instance() { loop.abandon(); }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  Loop loop;
  Database database = Database::answers;
  InlineWorkers* workers = nullptr;
  std::unique_ptr<store::Executor> executor;
  std::unique_ptr<Keeper> keeper;
};

struct World {
  World() {
    set_virtual_time(clock_loop, time);
    store::make_sql_store([this] {
      return std::make_unique<SharedConnection>(connection, answers);
    })->migrate(clock().wall);
    for (int number = 0; number < 10; ++number) wanted.push_back("n" + std::to_string(number));
  }

  Now clock() const { return {WallTime{milliseconds{1'795'000'000'000}}, time.now()}; }
  Instance& add(const std::string& id) {
    auto& instance = instances[id];
    instance = std::make_unique<Instance>(*this, id);
    instance->keeper->start();
    settle();
    return *instance;
  }
  // As kill -9 does: nothing of it runs any more.
  void kill(const std::string& id) { instances.erase(id); }

  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, instance] : instances) {
        instance->loop.restart();
        busy = instance->loop.poll() > 0 || busy;
      }
    }
  }
  // Until just before the first thing that happens after `duration`.
  void pass(SteadyTime::duration duration) {
    const auto until = time.now() + duration;
    Timer alarm{clock_loop};
    alarm.expires_at(until);
    bool rung = false;
    asio::co_spawn(
        clock_loop,
        [](Timer& timer, bool& flag) -> asio::awaitable<void> {
          co_await timer.wait();
          flag = true;
        }(alarm, rung),
        asio::detached);
    while (!rung) {
      clock_loop.restart();
      clock_loop.poll();
      settle();
      if (!rung) REQUIRE(time.advance());
      clock_loop.restart();
      clock_loop.poll();
    }
    settle();
  }
  int held_by(const std::string& id) const {
    const auto& keeper = *instances.at(id)->keeper;
    return int(std::ranges::count_if(wanted, [&](const auto& name) { return keeper.holds(name); }));
  }
  bool each_held_once() const {
    return std::ranges::all_of(wanted, [&](const auto& name) {
      return std::ranges::count_if(instances, [&](const auto& each) {
               return each.second->keeper->holds(name);
             }) == 1;
    });
  }

  VirtualTime time{start};
  Loop clock_loop;
  const Database answers = Database::answers;
  store::SqliteConnection connection{":memory:"};
  std::vector<std::string> wanted;
  std::map<std::string, std::unique_ptr<Instance>> instances;
};

Instance::Instance(World& world, const std::string& id) {
  set_virtual_time(loop, world.time);
  auto made = std::make_unique<InlineWorkers>(loop, database);
  workers = made.get();
  const auto clock = [&world] { return world.clock(); };
  executor = std::make_unique<store::Executor>(
      [this, &world] {
        return store::make_sql_store([this, &world] {
          return std::make_unique<SharedConnection>(world.connection, database);
        });
      },
      std::move(made), store::ExecutorLimits{}, clock);
  KeeperOptions options;
  options.instance_id = id;
  options.host = "host of " + id;
  options.clock = clock;
  keeper = std::make_unique<Keeper>(loop, *executor, options, [&world] { return world.wanted; });
}

TEST_CASE("the first instance holds everything at once, and two come to share it") {
  World world;
  world.add("a");
  CHECK(world.held_by("a") == 10);
  CHECK(world.instances.at("a")->keeper->live_instances() == 1);
  world.add("b");
  CHECK(world.held_by("b") == 0);
  world.pass(seconds{12});
  CHECK(world.held_by("a") == 5);
  CHECK(world.held_by("b") == 5);
  CHECK(world.each_held_once());
  CHECK(world.instances.at("b")->keeper->live_instances() == 2);
}

TEST_CASE("what a killed instance held is taken over within ten seconds") {
  World world;
  world.add("a");
  world.add("b");
  world.pass(seconds{20});
  world.kill("b");
  world.pass(milliseconds{4'000});
  CHECK(world.held_by("a") == 5);  // not so soon
  world.pass(milliseconds{5'500});
  CHECK(world.held_by("a") == 10);
  CHECK(world.instances.at("a")->keeper->live_instances() == 1);
}

TEST_CASE("what is handed back is taken over with the next beat") {
  World world;
  world.add("a");
  auto& leaving = world.add("b");
  world.pass(seconds{20});
  bool done = false;
  asio::co_spawn(
      leaving.loop,
      [](Keeper& keeper, bool& flag) -> asio::awaitable<void> {
        co_await keeper.hand_back();
        flag = true;
      }(*leaving.keeper, done),
      asio::detached);
  world.settle();
  CHECK(done);
  CHECK(world.held_by("b") == 0);
  world.pass(milliseconds{2'300});
  CHECK(world.held_by("a") == 10);
  world.pass(seconds{10});
  CHECK(world.held_by("b") == 0);
  CHECK(world.instances.at("a")->keeper->live_instances() == 1);
}

TEST_CASE("who steps back leaves everything to the others at once, until it comes back") {
  World world;
  world.add("a");
  auto& resting = world.add("b");
  world.pass(seconds{20});
  CHECK(world.instances.at("a")->keeper->has_others());
  resting.keeper->step_back(true);
  CHECK(world.held_by("b") == 0);
  world.pass(milliseconds{2'500});
  CHECK(world.held_by("a") == 10);
  CHECK_FALSE(world.instances.at("a")->keeper->has_others());
  world.pass(seconds{30});
  CHECK(world.held_by("a") == 10);
  CHECK(world.connection.execute("SELECT id FROM instances", {}).size() == 1);

  resting.keeper->step_back(false);
  world.pass(seconds{12});
  CHECK(world.held_by("b") == 5);
  CHECK(world.each_held_once());
}

TEST_CASE("who steps back during a beat, or while the database is away, leaves nothing behind") {
  World world;
  world.add("a");
  auto& resting = world.add("b");
  world.pass(seconds{20});
  SUBCASE("a beat") {
    resting.database = Database::silent;
    world.pass(milliseconds{2'500});
    resting.keeper->step_back(true);
    resting.database = Database::answers;
    resting.workers->wake();
  }
  SUBCASE("away") {
    resting.database = Database::away;
    resting.keeper->step_back(true);
    world.pass(seconds{1});
    resting.database = Database::answers;
  }
  world.pass(seconds{5});
  CHECK(world.held_by("b") == 0);
  CHECK(world.held_by("a") == 10);
  CHECK(world.connection.execute("SELECT id FROM instances", {}).size() == 1);
}

TEST_CASE("handing back waits for a beat that is under way, which would bring the row back") {
  World world;
  auto& leaving = world.add("a");
  leaving.database = Database::silent;
  world.pass(seconds{3});
  bool done = false;
  asio::co_spawn(
      leaving.loop,
      [](Keeper& keeper, bool& flag) -> asio::awaitable<void> {
        co_await keeper.hand_back();
        flag = true;
      }(*leaving.keeper, done),
      asio::detached);
  world.settle();
  CHECK_FALSE(done);
  leaving.database = Database::answers;
  leaving.workers->wake();
  world.settle();
  CHECK(done);
  CHECK(world.connection.execute("SELECT id FROM instances", {}).empty());
}

TEST_CASE("new work is claimed at the next beat, or at once when asked") {
  World world;
  auto& instance = world.add("a");
  world.wanted.push_back("new");
  CHECK_FALSE(instance.keeper->holds("new"));
  instance.keeper->soon();
  world.settle();
  CHECK(instance.keeper->holds("new"));
  world.wanted.push_back("newer");
  world.pass(milliseconds{2'300});
  CHECK(instance.keeper->holds("newer"));
  world.wanted.pop_back();
  world.pass(milliseconds{2'300});
  CHECK_FALSE(instance.keeper->holds("newer"));
}

TEST_CASE("a storm of new work costs one beat in 200 ms") {
  World world;
  auto& instance = world.add("a");
  const auto beats = [&] {
    return std::get<std::int64_t>(
        world.connection.execute("SELECT beat FROM instances", {}).at(0).at(0));
  };
  const auto before = beats();
  for (int i = 0; i < 100; ++i) {
    world.wanted.push_back("new" + std::to_string(i));
    instance.keeper->soon();
    world.pass(milliseconds{10});
  }
  CHECK(beats() - before >= 5);
  CHECK(beats() - before <= 6);
  world.pass(milliseconds{200});
  CHECK(world.held_by("a") == 110);  // the last one was not forgotten
  const auto after = beats();
  world.pass(milliseconds{1'500});
  CHECK(beats() == after);
}

TEST_CASE("while the database is away everybody comes to hold everything, then they share again") {
  for (const auto state : {Database::away, Database::silent}) {
    World world;
    world.add("a");
    world.add("b");
    world.pass(seconds{20});
    for (auto& [id, instance] : world.instances) instance->database = state;
    world.pass(seconds{3});
    CHECK(world.each_held_once());
    world.pass(seconds{6});
    CHECK(world.held_by("a") == 10);
    CHECK(world.held_by("b") == 10);
    for (auto& [id, instance] : world.instances) {
      instance->database = Database::answers;
      instance->workers->wake();
    }
    world.pass(milliseconds{2'300});
    // As it was before: nobody took the others for dead.
    CHECK(world.each_held_once());
    CHECK(world.held_by("a") == 5);
    CHECK(world.connection.execute("SELECT id FROM instances", {}).size() == 2);
  }
}

TEST_CASE("an instance that cannot beat though the database answers holds nothing") {
  World world;
  auto& broken = world.add("a");
  world.add("b");
  world.pass(seconds{20});
  broken.database = Database::corrupt;
  world.pass(seconds{9});
  CHECK(world.held_by("a") == 0);
  world.pass(seconds{2});
  CHECK(world.held_by("b") == 10);
}

TEST_CASE("a stopped keeper holds nothing and beats no more") {
  World world;
  auto& instance = world.add("a");
  instance.keeper->stop();
  world.settle();
  CHECK(world.held_by("a") == 0);
  CHECK_FALSE(world.time.next());
}

}  // namespace
}  // namespace b3::lease
