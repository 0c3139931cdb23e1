// The database that all instances share, and each instance's link to it, which can be cut, lose
// the answer of a COMMIT, and be slow.
//
// One SQLite connection in memory serves everybody. Each call of a Store is one transaction and
// runs without interruption, so the simulation sees every interleaving of transactions, but not
// what two of them do to each other while both run; race_contract_test.cpp looks at that.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "simulation/world.h"
#include "store/executor.h"
#include "store/sql_store.h"
#include "store/sqlite_connection.h"

namespace b3::simulation {

class Database {
 public:
  Database();
  store::SqliteConnection connection{":memory:"};
  // Called after every COMMIT of a writing transaction.
  std::function<void()> on_commit;
  // For whoever looks on: no link, no failures.
  store::Store& direct() { return *direct_; }

  // For the connections. Nothing interrupts a call, so one that reads needs no transaction; and
  // most of them ask again what was asked before, and nothing has been written since.
  void begin(store::Access access);
  void commit(store::Access access);
  void rollback(store::Access access) noexcept;
  store::Rows execute(store::Access access, std::string_view sql, store::Parameters parameters);

 private:
  std::map<std::string, store::Rows> known_;  // by statement and parameters; since the last write
  std::unique_ptr<store::Store> direct_;
};

// One instance's way to the database. Owned by the instance's place, so that it outlives restarts.
struct Link {
  bool cut = false;              // connections fail
  bool silent = false;           // ... and cost the instance its patience
  bool feed_cut = false;         // only reading the change feed fails
  int lost_commits_percent = 0;  // COMMIT breaks off, before or after it took effect
  milliseconds latency{1};       // of each call, on average
  milliseconds spent{0};         // by the call that is being made, in waiting for nothing
};

std::unique_ptr<store::Connection> connect(World& world, Database& database, Link& link);

// Makes the calls of an Executor in events of the world that belong to `loop`.
std::unique_ptr<store::Workers> make_workers(World& world, Link& link, Loop& loop);

}  // namespace b3::simulation
