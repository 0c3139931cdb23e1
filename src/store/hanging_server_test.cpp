// Servers that accept connections and then say nothing: stopped, paused or stalled ones. Their
// kernel goes on answering TCP.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "store/executor.h"
#include "store/postgres_connection.h"
#include "store/sql_store.h"
#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr Patience little_patience{milliseconds{300}, milliseconds{600}};

const asio::ip::address local = asio::ip::make_address("127.0.0.1");

std::string url_of(const tcp::acceptor& acceptor) {
  return fmt::format(
      "host=127.0.0.1 port={} user=nobody dbname=none sslmode=disable gssencmode=disable "
      "connect_timeout=2",
      acceptor.local_endpoint().port());
}

// Only the kernel accepts.
class StoppedServer {
 public:
  std::string url() const { return url_of(acceptor_); }

 private:
  asio::io_context loop_;
  tcp::acceptor acceptor_{loop_, {local, 0}};
};

// Lets clients in, as a paused PgBouncer does, and answers nothing else.
class PausedServer {
 public:
  PausedServer() {
    asio::co_spawn(loop_, accept(), asio::detached);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~PausedServer() {
    loop_.stop();
    thread_.join();
  }
  PausedServer(const PausedServer&) = delete;
  PausedServer& operator=(const PausedServer&) = delete;
  std::string url() const { return url_of(acceptor_); }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto client = co_await acceptor_.async_accept(asio::use_awaitable);
      asio::co_spawn(loop_, let_in(std::move(client)), asio::detached);
    }
  }
  asio::awaitable<void> let_in(tcp::socket client) {
    unsigned char length[4];
    co_await asio::async_read(client, asio::buffer(length), asio::use_awaitable);
    std::string startup(std::size_t(length[2] * 256 + length[3] - 4), '\0');
    co_await asio::async_read(client, asio::buffer(startup), asio::use_awaitable);
    // AuthenticationOk, ReadyForQuery (idle).
    const std::string welcome{"R\0\0\0\10\0\0\0\0Z\0\0\0\5I", 15};
    co_await asio::async_write(client, asio::buffer(welcome), asio::use_awaitable);
    // Nothing is read any more: what clients send fills the buffers.
    co_await client.async_wait(tcp::socket::wait_error, asio::use_awaitable);
  }

  asio::io_context loop_;
  tcp::acceptor acceptor_{loop_, {local, 0}};
  std::thread thread_;
};

class Stopwatch {
 public:
  milliseconds elapsed() const {
    return std::chrono::duration_cast<milliseconds>(read_clocks().steady - start_);
  }

 private:
  SteadyTime start_ = read_clocks().steady;
};

std::unique_ptr<Connection> connect(const std::string& url, Patience patience = little_patience) {
  return std::make_unique<PostgresConnection>(url, patience);
}

TEST_CASE("a server that accepts and never answers is unavailable in time") {
  const StoppedServer server;
  const Stopwatch watch;
  CHECK_THROWS_AS(open_store(server.url())->ping(), Unreachable);
  CHECK(watch.elapsed() < milliseconds{4'000});
}

TEST_CASE("a server that lets in and never answers is unavailable in time") {
  const PausedServer server;
  const Stopwatch watch;
  const auto store = make_sql_store([&server] { return connect(server.url()); });
  CHECK_THROWS_AS(store->ping(), Unreachable);
  CHECK(watch.elapsed() >= little_patience.statement);
  CHECK(watch.elapsed() < milliseconds{2'000});
}

TEST_CASE("an unanswered connection is lost, and nothing asked of it waits again") {
  const PausedServer server;
  const auto connection = connect(server.url());
  CHECK(connection->usable());
  CHECK_THROWS_WITH_AS(connection->execute("SELECT 1"), "PostgreSQL: no answer in time",
                       Unreachable);
  const Stopwatch watch;
  CHECK_FALSE(connection->usable());
  connection->rollback();
  CHECK_THROWS_AS(connection->execute("SELECT 1"), StoreUnavailable);
  CHECK_THROWS_AS(connection->execute_script("SELECT 1"), StoreUnavailable);
  CHECK(watch.elapsed() < little_patience.statement);
}

TEST_CASE("a statement that a server does not even read is given up in time") {
  const PausedServer server;
  const auto connection = connect(server.url());
  const std::string large(32 << 20, 'x');
  const Stopwatch watch;
  CHECK_THROWS_AS(connection->execute("SELECT $1", {large}), Unreachable);
  CHECK(watch.elapsed() < milliseconds{4'000});
}

TEST_CASE("stopping does not wait for a server that hangs") {
  const PausedServer paused;
  const StoppedServer stopped;
  for (const auto& url : {paused.url(), stopped.url() + " connect_timeout=30"}) {
    Executor executor{url, 2, {.stop_grace = milliseconds{300}}};
    asio::io_context loop;
    int refused = 0;
    for (int number = 0; number < 4; ++number) {
      asio::co_spawn(
          loop,
          [](Executor& store, int& count) -> asio::awaitable<void> {
            try {
              co_await store.run([](Store& each) { each.ping(); });
            } catch (const StoreUnavailable&) {
              ++count;
            }
          }(executor, refused),
          asio::detached);
    }
    loop.poll();
    const Stopwatch watch;
    executor.stop();
    CHECK(watch.elapsed() < milliseconds{1'000});
    loop.run();
    CHECK(refused == 4);
  }
}

TEST_CASE("of several servers the first that works is used, and each gets its time") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const StoppedServer stopped;
  auto url = database.url();  // in keyword form
  const auto replace = [&](const std::string& name, const std::string& before) {
    const auto at = url.find(name + "='") + name.size() + 2;
    url.insert(at, before + ",");
  };
  REQUIRE(url.find("host='") != std::string::npos);
  const auto hanging = stopped.url();
  const auto port =
      hanging.substr(hanging.find("port=") + 5, hanging.find(" user") - 5 - hanging.find("port="));
  replace("host", "127.0.0.1,127.0.0.1");
  replace("port", "1," + port);
  const Stopwatch watch;
  open_store(url + " connect_timeout=1 target_session_attrs=read-write")->ping();
  CHECK(watch.elapsed() >= milliseconds{900});
  CHECK(watch.elapsed() < milliseconds{4'000});
}

TEST_CASE("scripts and transactions with their own timeout get more patience") {
  const PausedServer server;
  {
    const auto connection = connect(server.url());
    const Stopwatch watch;
    CHECK_THROWS_AS(connection->execute_script("CREATE INDEX"), Unreachable);
    CHECK(watch.elapsed() >= little_patience.long_statement);
  }
  const auto connection = connect(server.url());
  const Stopwatch watch;
  CHECK_THROWS_AS(connection->execute("SET LOCAL statement_timeout = '10min'"), Unreachable);
  CHECK(watch.elapsed() >= little_patience.long_statement);
}

TEST_CASE("a statement that takes too long is given up and the next call connects anew") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  int connections = 0;
  Connection* connected = nullptr;
  const auto store = make_sql_store([&] {
    auto connection = connect(database.url());
    connected = connection.get();
    ++connections;
    return connection;
  });
  store->ping();
  REQUIRE(connections == 1);
  const Stopwatch watch;
  CHECK_THROWS_AS(connected->execute("SELECT pg_sleep(3)"), Unreachable);
  CHECK(watch.elapsed() < milliseconds{2'000});
  store->ping();
  CHECK(connections == 2);
}

TEST_CASE("a transaction that waits for a lock too long is given up and leaves nothing") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto holder = database.connect();
  holder->execute_script("CREATE TABLE t (n bigint PRIMARY KEY)");
  holder->begin(Access::write);
  holder->execute("INSERT INTO t VALUES (1)");
  const auto waiting = connect(database.url());
  waiting->begin(Access::write);
  CHECK_THROWS_AS(waiting->execute("INSERT INTO t VALUES (1)"), Unreachable);
  CHECK_FALSE(waiting->usable());
  holder->rollback();
  CHECK(holder->usable());
}

TEST_CASE("the patience for a transaction with its own timeout ends with it") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto connection = connect(database.url(), {milliseconds{300}, milliseconds{5'000}});
  connection->begin(Access::write);
  connection->execute("SET LOCAL statement_timeout = '10min'");
  connection->execute("SELECT pg_sleep(0.5)");
  connection->commit();
  connection->begin(Access::write);
  CHECK_THROWS_AS(connection->execute("SELECT pg_sleep(2)"), Unreachable);
}

TEST_CASE("a script fails with its first error and the connection stays usable") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto connection = database.connect();
  CHECK_THROWS_AS(connection->execute_script("CREATE TABLE t (n bigint PRIMARY KEY);"
                                             "INSERT INTO t VALUES (1); INSERT INTO t VALUES (1);"
                                             "SELECT no_such_function()"),
                  UniqueViolation);
  CHECK(connection->usable());
  connection->execute_script("CREATE TABLE t (n bigint); SELECT 1; SELECT 2");
  CHECK(connection->execute("SELECT * FROM t").empty());
  // Larger than what fits into the socket's buffers, both ways.
  const std::string large(32 << 20, 'x');
  const auto rows = connection->execute("SELECT $1", {large});
  CHECK(std::get<std::string>(rows.at(0).at(0)) == large);
  // Answers that the program has no use for.
  CHECK_THROWS_AS(connection->execute("COPY t TO STDOUT"), StoreUnavailable);
  CHECK_FALSE(connection->usable());
}

}  // namespace
}  // namespace b3::store::testing
