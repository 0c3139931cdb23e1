#include "store/grouped_writes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <deque>
#include <functional>

#include "base/timer.h"
#include "store/sql_store.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

namespace asio = boost::asio;

// Makes calls when it is told to.
class SteppedWorkers final : public Workers {
 public:
  explicit SteppedWorkers(std::deque<std::unique_ptr<Task>>& tasks) : tasks_(tasks) {}
  void submit(std::unique_ptr<Task> task) override { tasks_.push_back(std::move(task)); }
  void stop() override {}

 private:
  std::deque<std::unique_ptr<Task>>& tasks_;
};

// Counts transactions, and can be away.
class CountingConnection : public Connection {
 public:
  CountingConnection(std::unique_ptr<Connection> inner, int& commits, int& commits_until_away)
      : inner_(std::move(inner)), commits_(commits), commits_until_away_(commits_until_away) {}
  Dialect dialect() const override { return inner_->dialect(); }
  bool usable() override { return inner_->usable(); }
  void begin(Access access) override {
    if (commits_until_away_ == 0) throw StoreUnavailable("away");
    inner_->begin(access);
  }
  void commit() override {
    inner_->commit();
    ++commits_;
    --commits_until_away_;
  }
  void rollback() noexcept override { inner_->rollback(); }
  Rows execute(std::string_view sql, Parameters parameters) override {
    return inner_->execute(sql, parameters);
  }
  void execute_script(const std::string& sql) override { inner_->execute_script(sql); }

 private:
  std::unique_ptr<Connection> inner_;
  int& commits_;
  int& commits_until_away_;
};

struct World {
  explicit World(GroupLimits limits = {.patience = milliseconds{50}, .largest_group = 5})
      : writes(executor, limits) {
    set_virtual_time(loop, time);
    cluster = executor.run_blocking([](Store& store) {
      store.migrate(start_time);
      return insert_cluster(store);
    });
    commits = 0;
    commits_until_away = -1;
  }
  ~World() { loop.abandon(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void settle() {
    loop.restart();
    loop.poll();
  }
  // Makes the call that has waited longest.
  void step() {
    REQUIRE_FALSE(tasks.empty());
    auto task = std::move(tasks.front());
    tasks.pop_front();
    auto& running = *task;
    running.work();
    running.answer(std::move(task));
    settle();
  }
  void reserve(const std::string& id) {
    asio::co_spawn(loop, reserve_once(make_meeting(cluster.frontend, cluster.backend_a, id)),
                   asio::detached);
    settle();
  }
  asio::awaitable<void> reserve_once(Meeting meeting) {
    try {
      const auto outcome = co_await writes.reserve(std::move(meeting));
      if (outcome && outcome->won) rows.push_back(outcome->meeting);
      if (outcome && !outcome->won) ++lost;
    } catch (const StoreUnavailable&) {
      ++unavailable;
    } catch (const StoreCorrupt&) {
      ++corrupt;
    }
  }
  asio::awaitable<void> bind_once(Meeting row, std::int64_t epoch) {
    const auto now = at(int(bound.size()));
    bound.push_back(co_await writes.bind(row.scoped_id, epoch, {"i", "n", "d"}, now));
  }

  VirtualTime time{SteadyTime{} + seconds{1}};
  Loop loop;
  SqliteDatabase database;
  int commits = 0;
  int commits_until_away = -1;  // never
  std::deque<std::unique_ptr<Workers::Task>> tasks;
  Executor executor{[this] {
                      return make_sql_store([this] {
                        return std::make_unique<CountingConnection>(database.connect(), commits,
                                                                    commits_until_away);
                      });
                    },
                    std::make_unique<SteppedWorkers>(tasks)};
  GroupedWrites writes;
  Cluster cluster;
  std::vector<Meeting> rows;
  std::vector<std::optional<Meeting>> bound;
  int lost = 0;
  int unavailable = 0;
  int corrupt = 0;
};

TEST_CASE("a lone write goes at once") {
  World world;
  world.reserve("math");
  REQUIRE(world.tasks.size() == 1);
  world.step();
  CHECK(world.rows.size() == 1);
  CHECK(world.tasks.empty());
}

TEST_CASE("what arrives while a transaction is under way goes together in the next one") {
  World world;
  world.reserve("early");
  CHECK(world.tasks.size() == 1);
  for (int number = 0; number < 7; ++number) world.reserve("late" + std::to_string(number % 6));
  CHECK(world.tasks.size() == 1);
  world.step();
  CHECK(world.rows.size() == 7);
  CHECK(world.lost == 1);
  CHECK(world.commits == 4);  // one, five, the rest, and the look who holds the id
  CHECK(world.tasks.empty());
}

TEST_CASE("a call writes some groups, and then others have their turn at the worker") {
  World world({.most_groups = 2, .largest_group = 1});
  for (const auto* id : {"a", "b", "c", "d", "e"}) world.reserve(id);
  REQUIRE(world.tasks.size() == 1);
  world.step();
  CHECK(world.rows.size() == 2);
  REQUIRE(world.tasks.size() == 1);
  world.step();
  CHECK(world.rows.size() == 4);
  REQUIRE(world.tasks.size() == 1);
  world.step();
  CHECK(world.rows.size() == 5);
  CHECK(world.commits == 5);
  CHECK(world.tasks.empty());
}

TEST_CASE("what a call has written before the database went away is answered") {
  World world({.largest_group = 2});
  for (const auto* id : {"a", "b", "c", "d", "e"}) world.reserve(id);
  world.commits_until_away = 2;
  world.step();  // a; b and c; not d and e
  CHECK(world.rows.size() == 3);
  CHECK(world.unavailable == 2);
  CHECK(world.tasks.empty());
}

TEST_CASE("who has waited long enough does not wait for a transaction that hangs") {
  World world;
  const auto began = world.time.now();
  world.reserve("hanging");
  world.reserve("patient");
  world.reserve("later");
  REQUIRE(world.tasks.size() == 1);
  while (world.tasks.size() == 1 && world.time.advance()) world.settle();
  CHECK(world.time.now() - began == milliseconds{50});
  REQUIRE(world.tasks.size() == 2);
  std::swap(world.tasks.front(), world.tasks.back());
  world.step();
  CHECK(world.rows.size() == 2);
  // There are two at most.
  world.reserve("second");
  for (int number = 0; number < 3; ++number) world.reserve("m" + std::to_string(number));
  const auto until = world.time.now() + seconds{1};
  while (world.time.now() < until && world.time.advance()) world.settle();
  CHECK(world.tasks.size() == 2);
  while (!world.tasks.empty()) world.step();
  CHECK(world.rows.size() == 7);
}

TEST_CASE("bindings go in groups of their own") {
  World world;
  for (int number = 0; number < 6; ++number) world.reserve("m" + std::to_string(number));
  while (!world.tasks.empty()) world.step();
  REQUIRE(world.rows.size() == 6);
  world.commits = 0;
  for (const auto& row : world.rows) {
    const bool stale = &row == &world.rows.back();
    asio::co_spawn(world.loop, world.bind_once(row, row.epoch - (stale ? 1 : 0)), asio::detached);
    world.settle();
  }
  while (!world.tasks.empty()) world.step();
  CHECK(world.commits == 3);  // the stale one is looked up
  REQUIRE(world.bound.size() == 6);
  CHECK(std::ranges::count_if(world.bound, [](const auto& row) { return row.has_value(); }) == 5);
}

TEST_CASE("everyone in a group hears that the database is away, and the next ones get through") {
  World world;
  for (int number = 0; number < 6; ++number) world.reserve("m" + std::to_string(number));
  world.commits_until_away = 0;
  while (!world.tasks.empty()) world.step();
  CHECK(world.unavailable == 6);
  world.commits_until_away = -1;
  world.reserve("after");
  world.step();
  CHECK(world.rows.size() == 1);
}

TEST_CASE("one that the database refuses does not fail the others") {
  World world;
  world.reserve("first");
  world.reserve("second");
  for (const auto* id : {"a", "spoilt", "b"}) world.reserve(id);
  world.database.connect()->execute_script(
      "CREATE TRIGGER spoil BEFORE INSERT ON meetings WHEN NEW.meeting_id = 'spoilt' "
      "BEGIN SELECT RAISE(ABORT, 'spoilt'); END");
  while (!world.tasks.empty()) world.step();
  CHECK(world.rows.size() == 4);
  CHECK(world.corrupt == 1);
}

TEST_CASE("an abandoned loop takes those with it that wait for their group") {
  World world({.most_groups = 1});
  for (int number = 0; number < 9; ++number) world.reserve("m" + std::to_string(number));
  world.step();
  world.loop.abandon();
  CHECK_FALSE(world.time.next());  // nobody waits any more
  CHECK(world.rows.size() == 1);
}

}  // namespace
}  // namespace b3::store::testing
