// Fresh databases for the tests of the store, one kind per type, and rows to fill them with.
//
// PostgreSQL is used when B3SCALE_TEST_POSTGRES_URL is set (scripts/with-postgres does); each
// test makes and drops a database of its own there.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "store/connection.h"
#include "store/store.h"

namespace b3::store::testing {

class SqliteDatabase {
 public:
  static bool available() { return true; }

  SqliteDatabase();
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  std::string url() const { return "sqlite://" + file().string(); }
  std::filesystem::path file() const { return folder_ / "b3scale.db"; }
  // Beside the store, for looking at and spoiling what it keeps.
  std::unique_ptr<Connection> connect() const;
  std::unique_ptr<Store> open() const { return open_store(url()); }
  std::unique_ptr<Store> open_migrated() const;

 private:
  std::filesystem::path folder_;
};

class PostgresDatabase {
 public:
  static bool available();

  PostgresDatabase();
  ~PostgresDatabase();
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  std::string url() const { return url_; }
  std::unique_ptr<Connection> connect() const;
  std::unique_ptr<Store> open() const { return open_store(url()); }
  std::unique_ptr<Store> open_migrated() const;
  // Ends every session in this database, as a restart of the server would.
  void terminate_sessions() const;

 private:
  std::string name_;
  std::string url_;
};

inline constexpr WallTime start_time{milliseconds{1'795'000'000'123}};

inline WallTime at(int seconds_later) {
  return start_time + seconds{seconds_later};
}

Frontend make_frontend(std::string key);
Backend make_backend(std::string name);
Meeting make_meeting(const Frontend& frontend, const Backend& backend, std::string id);

// A frontend "moodle" and the backends "a" and "b", inserted.
struct Cluster {
  Frontend frontend;
  Backend backend_a;
  Backend backend_b;
};
Cluster insert_cluster(Store& store);

// Reserved on the backend and, where an internal id is given, bound to it.
Meeting insert_meeting(Store& store, const Frontend& frontend, const Backend& backend,
                       std::string id, std::string internal_id);

SeenMeeting seen_as(const Meeting& meeting, std::string internal_id);

// Runs `work(thread number)` on `threads` threads that start together.
void run_together(int threads, const std::function<void(int)>& work);

}  // namespace b3::store::testing

// A test case that runs once with each kind of database as the type `Database`; it returns at once
// where that kind is not available().
#define B3_DATABASE_TEST(name)                                           \
  TEST_CASE_TEMPLATE(name, Database, b3::store::testing::SqliteDatabase, \
                     b3::store::testing::PostgresDatabase)
