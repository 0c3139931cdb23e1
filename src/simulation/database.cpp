#include "simulation/database.h"

#include <utility>

#include "store/postgres_connection.h"

namespace b3::simulation {
namespace {

constexpr milliseconds patience{5'000};

struct KeyWriter {
  std::string& key;
  void operator()(std::monostate) const { key += 'n'; }
  void operator()(std::int64_t value) const { key += std::to_string(value); }
  void operator()(double value) const { key += std::to_string(value); }
  void operator()(bool value) const { key += value ? 't' : 'f'; }
  void operator()(WallTime value) const { key += std::to_string(to_unix_milliseconds(value)); }
  void operator()(std::string_view value) const { key += value; }
};

std::string key_of(std::string_view sql, store::Parameters parameters) {
  std::string key{sql};
  for (const auto& parameter : parameters) {
    key += '\0';
    key += char('0' + parameter.value.index());
    std::visit(KeyWriter{key}, parameter.value);
  }
  return key;
}

class LinkedConnection final : public store::Connection {
 public:
  LinkedConnection(World& world, Database& database, Link& link)
      : world_(world), database_(database), link_(link) {}

  store::Dialect dialect() const override { return database_.connection.dialect(); }
  bool usable() override { return usable_; }

  void begin(store::Access access) override {
    check();
    access_ = access;
    database_.begin(access);
    open_ = true;
  }

  void commit() override {
    check();
    if (writes() && world_.random.chance(link_.lost_commits_percent)) lose_commit();
    finish();
  }

  void rollback() noexcept override {
    if (std::exchange(open_, false)) database_.rollback(access_);
  }

  store::Rows execute(std::string_view sql, store::Parameters parameters) override {
    check();
    if (link_.feed_cut && !writes() && sql.contains("FROM changes")) {
      throw store::StoreUnavailable("simulated: the feed can not be read");
    }
    return database_.execute(access_, sql, parameters);
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
    database_.commit(access_);
    open_ = false;
    if (writes() && database_.on_commit) database_.on_commit();
  }

  bool writes() const { return access_ == store::Access::write; }

  World& world_;
  Database& database_;
  Link& link_;
  bool usable_ = true;
  store::Access access_ = store::Access::read;
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
  void begin(store::Access access) override {
    access_ = access;
    database_.begin(access);
  }
  void commit() override { database_.commit(access_); }
  void rollback() noexcept override { database_.rollback(access_); }
  store::Rows execute(std::string_view sql, store::Parameters parameters) override {
    return database_.execute(access_, sql, parameters);
  }
  void execute_script(const std::string& sql) override { database_.connection.execute_script(sql); }

 private:
  Database& database_;
  store::Access access_ = store::Access::read;
};

}  // namespace

Database::Database()
    : direct_(store::make_sql_store([this] { return std::make_unique<DirectConnection>(*this); })) {
  direct_->migrate(WallTime{});
}

void Database::begin(store::Access access) {
  if (access == store::Access::write) connection.begin(access);
}

void Database::commit(store::Access access) {
  if (access == store::Access::read) return;
  connection.commit();
  known_.clear();
}

void Database::rollback(store::Access access) noexcept {
  if (access == store::Access::write) connection.rollback();
}

store::Rows Database::execute(store::Access access, std::string_view sql,
                              store::Parameters parameters) {
  if (access == store::Access::write) return connection.execute(sql, parameters);
  const auto [found, is_new] = known_.try_emplace(key_of(sql, parameters));
  if (is_new) {
    try {
      found->second = connection.execute(sql, parameters);
    } catch (...) {
      known_.erase(found);
      throw;
    }
  }
  return found->second;
}

std::unique_ptr<store::Connection> connect(World& world, Database& database, Link& link) {
  return std::make_unique<LinkedConnection>(world, database, link);
}

std::unique_ptr<store::Workers> make_workers(World& world, Link& link, Loop& loop) {
  return std::make_unique<SimulatedWorkers>(world, link, loop);
}

}  // namespace b3::simulation
