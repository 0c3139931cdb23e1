// The Store's contract: schema, URLs and failing connections.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/time.h"
#include "store/migrations.h"
#include "store/sql_store.h"
#include "store/sqlite_connection.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

template <class Exception, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Exception& exception) {
    return exception.what();
  }
  return {};
}

B3_DATABASE_TEST("a database is migrated once and keeps what is in it") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open();
  CHECK(store->schema_version() == 0);
  const auto newest = newest_schema_version(database.connect()->dialect());
  const auto first = store->migrate(start_time);
  CHECK(first.before == 0);
  CHECK(first.current == newest);
  const auto cluster = insert_cluster(*store);
  const auto second = database.open()->migrate(at(1));
  CHECK(second.before == newest);
  CHECK(second.current == newest);
  CHECK(store->schema_version() == newest);
  CHECK(store->find_frontend(cluster.frontend.id));
}

B3_DATABASE_TEST("a database without a schema is an error that says so") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open();
  CHECK_THROWS_AS(store->list_frontends(), StoreCorrupt);
  CHECK_THROWS_AS(store->insert_backend(make_backend("a")), StoreCorrupt);
  store->ping();
}

B3_DATABASE_TEST("instances that start together migrate once") {
  if (!Database::available()) return;
  const Database database;
  std::atomic<int> migrated = 0;
  run_together(8, [&](int) {
    const auto status = database.open()->migrate(start_time);
    if (status.before == 0 && status.current > 0) ++migrated;
  });
  CHECK(migrated == 1);
  CHECK(database.open()->list_meetings().empty());
}

B3_DATABASE_TEST("a schema newer than the program is refused with both versions") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto connection = database.connect();
  connection->execute(
      "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
      {std::int64_t{4711}, std::string_view{"from the future"}, at(1)});
  const auto text = message_of<StoreCorrupt>([&] { store->migrate(at(2)); });
  CHECK(text.find("4711") != std::string::npos);
  const auto known = std::to_string(newest_schema_version(connection->dialect()));
  CHECK(text.find("up to " + known) != std::string::npos);
  CHECK(store->schema_version() == 4711);
}

B3_DATABASE_TEST("rows that were asked for ahead are those of that statement") {
  if (!Database::available()) return;
  const Database database;
  const auto connection = database.connect();
  connection->begin(Access::read);
  for (const auto* each : {"1", "2"}) {
    connection->ask_ahead(std::string("SELECT ") + each);
    auto rows = connection->rows_ahead();
    REQUIRE(rows.size() == 1);
    CHECK(RowReader(rows.front()).integer() == std::stoi(each));
  }
  connection->ask_ahead("SELECT 1 WHERE 1 = 0");
  CHECK(connection->rows_ahead().empty());
  connection->commit();
}

B3_DATABASE_TEST("what was asked for ahead may fail, or never be fetched") {
  if (!Database::available()) return;
  const Database database;
  auto connection = database.connect();
  connection->begin(Access::read);
  connection->ask_ahead("SELECT * FROM what_is_not_there");
  CHECK_THROWS_AS(connection->rows_ahead(), StoreCorrupt);
  connection->rollback();
  REQUIRE(connection->usable());
  connection->begin(Access::read);
  connection->ask_ahead("SELECT 4711");
  connection->rollback();
  // Its rows are not taken for another statement's.
  if (!connection->usable()) connection = database.connect();
  connection->begin(Access::read);
  auto rows = connection->execute("SELECT 1");
  REQUIRE(rows.size() == 1);
  CHECK(RowReader(rows.front()).integer() == 1);
  connection->commit();
}

B3_DATABASE_TEST("a failed transaction leaves nothing behind") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto row = insert_meeting(*store, cluster.frontend, cluster.backend_a, "m", "i");
  database.connect()->execute_script("DROP TABLE tombstones");
  CHECK_THROWS_AS(store->end(row.scoped_id, row.epoch, at(2)), StoreCorrupt);
  CHECK(store->find_meeting(row.scoped_id));  // its deletion was undone with the rest
}

B3_DATABASE_TEST("a value no version of this program has written is an error") {
  if (!Database::available()) return;
  const Database database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  database.connect()->execute_script("UPDATE backends SET admin_state = 'sleepy'");
  CHECK_THROWS_AS(store->list_backends(), StoreCorrupt);
  CHECK_THROWS_AS(store->find_backend(cluster.backend_a.id), StoreCorrupt);
  CHECK(store->list_frontends().size() == 1);
}

TEST_CASE("a terminated PostgreSQL session is replaced") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  database.terminate_sessions();
  CHECK(store->list_backends().size() == 2);  // noticed before anything was asked
  database.terminate_sessions();
  CHECK(store->reserve(make_meeting(cluster.frontend, cluster.backend_a, "m"))->won);
}

TEST_CASE("a PostgreSQL session that ends inside a transaction is unavailability, then cured") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto connection = database.connect();
  connection->begin(Access::write);
  connection->execute("SELECT 1");
  database.terminate_sessions();
  CHECK_THROWS_AS(connection->execute("SELECT 1"), StoreUnavailable);
  connection->rollback();
  CHECK(!connection->usable());
  store->ping();
}

TEST_CASE("a PostgreSQL statement that takes too long is unavailability") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto connection = database.connect();
  connection->begin(Access::write);
  auto limit = connection->execute("SHOW statement_timeout");
  CHECK(RowReader(limit.at(0)).text() == "5s");
  connection->execute("SET LOCAL statement_timeout = 20");
  CHECK_THROWS_AS(connection->execute("SELECT pg_sleep(60)"), StoreUnavailable);
  connection->rollback();
  CHECK(connection->usable());
  auto outside = connection->execute("SHOW statement_timeout");
  CHECK(RowReader(outside.at(0)).text() == "0");  // nothing stays in the session
  auto name = connection->execute("SHOW application_name");
  CHECK(RowReader(name.at(0)).text() == "b3scale");
}

TEST_CASE("writing to a read-only PostgreSQL is unavailability") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto connection = database.connect();
  connection->begin(Access::read);
  CHECK_THROWS_AS(connection->execute("DELETE FROM meetings"), StoreUnavailable);
  CHECK(!connection->usable());  // a primary may be found by connecting afresh
}

TEST_CASE("a primary that became a standby is left for the new one") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  database.open_migrated();
  int connections = 0;
  const auto store = make_sql_store([&] {
    auto connection = database.connect();
    if (++connections == 1) {
      connection->execute_script("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
    }
    return connection;
  });
  CHECK(store->list_backends().empty());
  CHECK(store->insert_backend(make_backend("a")));
  CHECK(connections == 2);
}

TEST_CASE("a server that takes no writes is not connected to where writes are wanted") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  database.open_migrated();
  const auto url = database.url() + " target_session_attrs=read-write";
  const auto store = open_store(url);
  store->ping();
  const auto name = [&] {
    auto rows = database.connect()->execute("SELECT current_database()");
    return RowReader(rows.at(0)).text();
  }();
  const auto set = "ALTER DATABASE " + name + " SET default_transaction_read_only = ";
  database.connect()->execute_script(set + "on");
  database.terminate_sessions();
  const auto text = message_of<StoreUnavailable>([&] { store->ping(); });
  CHECK(text.find("read-only") != std::string::npos);
  const auto operators = database.connect();
  operators->execute_script("SET default_transaction_read_only = off");
  operators->execute_script(set + "off");
  store->ping();
}

TEST_CASE("a deadlock is told as a conflict that may be tried again") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  std::atomic<int> conflicts = 0;
  std::atomic<int> done = 0;
  std::atomic<int> holding = 0;
  run_together(2, [&](int number) {
    const auto& first = number == 0 ? cluster.backend_a : cluster.backend_b;
    const auto& second = number == 0 ? cluster.backend_b : cluster.backend_a;
    const auto lock = "SELECT id FROM backends WHERE id = $1 FOR UPDATE";
    const auto connection = database.connect();
    connection->begin(Access::write);
    connection->execute(lock, {first.id});
    ++holding;
    while (holding < 2) std::this_thread::yield();
    try {
      connection->execute(lock, {second.id});
      connection->commit();
      ++done;
    } catch (const TransactionConflict&) {
      connection->rollback();
      ++conflicts;
    }
  });
  CHECK(conflicts == 1);
  CHECK(done == 1);
}

TEST_CASE("an unreachable server is unavailability and its password stays secret") {
  for (const auto* url : {"postgres://someone:s3cr3t-pw@127.0.0.1:1/b3scale",
                          "host=127.0.0.1 port=1 user=someone password=s3cr3t-pw dbname=b3scale",
                          "postgres://someone:s3cr3t%2Dpw@/b3scale?host=/nonexistent"}) {
    const auto store = open_store(url);
    const auto text = message_of<StoreUnavailable>([&] { store->ping(); });
    CAPTURE(text);
    CHECK(!text.empty());
    CHECK(text.find("s3cr3t") == std::string::npos);
  }
}

TEST_CASE("a refused login is unavailability and its password stays secret") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto store = open_store(database.url() + " user=nosuchrole password=nosuchrole");
  const auto text = message_of<StoreUnavailable>([&] { store->ping(); });
  CHECK(text.find("does not exist") != std::string::npos);
  CHECK(text.find("nosuchrole") == std::string::npos);
}

TEST_CASE("URLs that cannot be read are refused without being quoted") {
  for (const auto* url : {"sqlite:", "sqlite://", "sqlite://host/file.db", "mysql://u:s3cr3t@h/d",
                          "postgres://u:s3cr3t@h:port/d?nonsense=s3cr3t", "password=s3cr3t x"}) {
    CAPTURE(url);
    const auto text = message_of<StoreCorrupt>([&] { open_store(url); });
    CHECK(!text.empty());
    CHECK(text.find("s3cr3t") == std::string::npos);
  }
  CHECK(is_sqlite_url("sqlite:x.db"));
  CHECK(!is_sqlite_url("postgres://sqlite:x@h/d"));
  CHECK(!is_sqlite_url(""));
}

TEST_CASE("SQLite in memory keeps its content as long as its Store") {
  const auto store = open_store("sqlite::memory:");
  store->migrate(start_time);
  const auto cluster = insert_cluster(*store);
  CHECK(store->list_backends().size() == 2);
  CHECK_THROWS_AS(store->insert_frontend([] {
    auto frontend = make_frontend("bad");
    frontend.secret.clear();
    return frontend;
  }()),
                  StoreCorrupt);
  CHECK(store->list_backends().size() == 2);
}

TEST_CASE("a SQLite file is private, in WAL mode and written through") {
  const SqliteDatabase database;
  const auto store = database.open_migrated();
  const auto permissions = std::filesystem::status(database.file()).permissions();
  CHECK(permissions == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  const auto connection = database.connect();
  auto mode = connection->execute("PRAGMA journal_mode");
  CHECK(RowReader(mode.at(0)).text() == "wal");
  auto synchronous = connection->execute("PRAGMA synchronous");
  CHECK(RowReader(synchronous.at(0)).integer() == 2);
  auto foreign_keys = connection->execute("PRAGMA foreign_keys");
  CHECK(RowReader(foreign_keys.at(0)).integer() == 1);
}

TEST_CASE("a SQLite file that cannot be opened is unavailability until it can") {
  const SqliteDatabase database;
  const auto folder = database.file().parent_path() / "missing";
  const auto store = open_store("sqlite://" + (folder / "b3scale.db").string());
  CHECK_THROWS_AS(store->ping(), StoreUnavailable);
  std::filesystem::create_directory(folder);
  store->migrate(start_time);
  CHECK(store->list_frontends().empty());
}

TEST_CASE("a file that is no SQLite database is refused") {
  const SqliteDatabase database;
  std::ofstream(database.file()) << std::string(8'192, 'x');
  CHECK_THROWS_AS(database.open()->ping(), StoreCorrupt);
}

TEST_CASE("a SQLite reader is not held up by a writer, and a second writer waits its turn") {
  const SqliteDatabase database;
  const auto store = database.open_migrated();
  const auto cluster = insert_cluster(*store);
  const auto writer = database.connect();
  writer->begin(Access::write);
  writer->execute("UPDATE backends SET last_error = $1", {std::string_view{"uncommitted"}});
  for (const auto& backend : store->list_backends()) CHECK(backend.last_error.empty());

  const auto impatient = database.connect();
  impatient->execute("PRAGMA busy_timeout = 0");
  CHECK_THROWS_AS(impatient->begin(Access::write), StoreUnavailable);
  CHECK(impatient->usable());
  writer->commit();
  impatient->begin(Access::write);
  impatient->commit();
  CHECK(store->list_backends()[0].last_error == "uncommitted");
}

}  // namespace
}  // namespace b3::store::testing
