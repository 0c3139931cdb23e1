#include "simulation/database.h"

#include <utility>

#include "store/postgres_connection.h"

namespace b3::simulation {
namespace {

constexpr milliseconds patience{5'000};

class LinkedConnection final : public store::Connection {
 public:
  LinkedConnection(World& world, Database& database, Link& link)
      : world_(world), database_(database), link_(link) {}

  store::Dialect dialect() const override { return database_.connection.dialect(); }
  bool usable() override { return usable_; }

  void begin(store::Access access) override {
    check();
    writes_ = access == store::Access::write;
    database_.connection.begin(access);
    open_ = true;
  }

  void commit() override {
    check();
    if (writes_ && world_.random.chance(link_.lost_commits_percent)) lose_commit();
    finish();
  }

  void rollback() noexcept override {
    if (std::exchange(open_, false)) database_.connection.rollback();
  }

  store::Rows execute(std::string_view sql, store::Parameters parameters) override {
    check();
    if (link_.feed_cut && !writes_ && sql.contains("FROM changes")) {
      throw store::StoreUnavailable("simulated: the feed can not be read");
    }
    return database_.connection.execute(sql, parameters);
  }

  void execute_script(const std::string& sql) override {
    check();
    database_.connection.execute_script(sql);
  }

 private:
  void check() {
    if (!link_.cut) return;
    usable_ = false;
    if (link_.silent) {
      link_.spent = patience;
      throw store::Unreachable("simulated: the database is silent");
    }
    throw store::StoreUnavailable("simulated: the database is away");
  }

  [[noreturn]] void lose_commit() {
    const bool took_effect = world_.random.chance(50);
    world_.note(took_effect ? "COMMIT's answer is lost" : "COMMIT is lost");
    usable_ = false;
    if (took_effect) {
      finish();
    } else {
      rollback();
    }
    throw store::StoreUnavailable("simulated: the connection broke during COMMIT");
  }

  void finish() {
    database_.connection.commit();
    open_ = false;
    if (writes_ && database_.on_commit) database_.on_commit();
  }

  World& world_;
  Database& database_;
  Link& link_;
  bool usable_ = true;
  bool writes_ = false;
  bool open_ = false;
};

class SimulatedWorkers final : public store::Workers {
 public:
  SimulatedWorkers(World& world, Link& link, Loop& loop)
      : world_(world), link_(link), loop_(loop) {}

  // std::function wants what it holds to be copied, hence the shared pointers.
  void submit(std::unique_ptr<Task> task) override {
    const auto held = std::make_shared<std::unique_ptr<Task>>(std::move(task));
    world_.after(delay(), [this, held] { work(held); }, &loop_);
  }
  void stop() override {}

 private:
  using Held = std::shared_ptr<std::unique_ptr<Task>>;

  void work(const Held& held) {
    (*held)->work();
    const auto waited = delay() + std::exchange(link_.spent, milliseconds{0});
    world_.after(
        waited,
        [held] {
          auto& task = **held;
          task.answer(std::move(*held));
        },
        &loop_);
  }

  milliseconds delay() { return world_.random.between(milliseconds{0}, link_.latency); }

  World& world_;
  Link& link_;
  Loop& loop_;
};

class DirectConnection final : public store::Connection {
 public:
  explicit DirectConnection(Database& database) : database_(database) {}
  store::Dialect dialect() const override { return database_.connection.dialect(); }
  bool usable() override { return true; }
  void begin(store::Access access) override { database_.connection.begin(access); }
  void commit() override { database_.connection.commit(); }
  void rollback() noexcept override { database_.connection.rollback(); }
  store::Rows execute(std::string_view sql, store::Parameters parameters) override {
    return database_.connection.execute(sql, parameters);
  }
  void execute_script(const std::string& sql) override { database_.connection.execute_script(sql); }

 private:
  Database& database_;
};

}  // namespace

Database::Database()
    : direct_(store::make_sql_store([this] { return std::make_unique<DirectConnection>(*this); })) {
  direct_->migrate(WallTime{});
}

std::unique_ptr<store::Connection> connect(World& world, Database& database, Link& link) {
  return std::make_unique<LinkedConnection>(world, database, link);
}

std::unique_ptr<store::Workers> make_workers(World& world, Link& link, Loop& loop) {
  return std::make_unique<SimulatedWorkers>(world, link, loop);
}

}  // namespace b3::simulation
