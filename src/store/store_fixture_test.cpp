#include "store/store_fixture.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <latch>
#include <stdexcept>
#include <thread>

#include "base/encoding.h"
#include "store/postgres_connection.h"
#include "store/sqlite_connection.h"

namespace b3::store::testing {

namespace {

std::string server_url() {
  const char* url = std::getenv("B3SCALE_TEST_POSTGRES_URL");
  return url ? url : "";
}

// The server's URL in keyword form, with another database.
std::string with_database(const std::string& url, std::string_view database) {
  auto* options = PQconninfoParse(url.c_str(), nullptr);
  REQUIRE(options != nullptr);
  std::string result = fmt::format("dbname={}", database);
  for (const auto* option = options; option->keyword != nullptr; ++option) {
    if (option->val == nullptr || std::string_view(option->keyword) == "dbname") continue;
    result += fmt::format(" {}='{}'", option->keyword, option->val);
  }
  PQconninfoFree(options);
  return result;
}

std::unique_ptr<Store> migrated(std::unique_ptr<Store> store) {
  store->migrate(start_time);
  return store;
}

}  // namespace

SqliteDatabase::SqliteDatabase() {
  auto pattern = (std::filesystem::temp_directory_path() / "b3-store-test.XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
}

SqliteDatabase::~SqliteDatabase() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::unique_ptr<Connection> SqliteDatabase::connect() const {
  return std::make_unique<SqliteConnection>(file().string());
}

std::unique_ptr<Store> SqliteDatabase::open_migrated() const {
  return migrated(open());
}

bool PostgresDatabase::available() {
  return !server_url().empty();
}

PostgresDatabase::PostgresDatabase() : name_("b3_test_" + random_hex(8)) {
  PostgresConnection{server_url()}.execute_script("CREATE DATABASE " + name_);
  url_ = with_database(server_url(), name_);
}

PostgresDatabase::~PostgresDatabase() {
  PostgresConnection{server_url()}.execute_script("DROP DATABASE " + name_ + " WITH (FORCE)");
}

std::unique_ptr<Connection> PostgresDatabase::connect() const {
  return std::make_unique<PostgresConnection>(url_);
}

std::unique_ptr<Store> PostgresDatabase::open_migrated() const {
  return migrated(open());
}

void PostgresDatabase::terminate_sessions() const {
  PostgresConnection{server_url()}.execute(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", {name_});
}

Frontend make_frontend(std::string key) {
  Frontend frontend;
  frontend.id = random_uuid();
  frontend.key = std::move(key);
  frontend.secret = "tenant secret";
  frontend.settings_json = R"({"required_tags":["eu"]})";
  frontend.account_ref = "account 7";
  frontend.created_at = frontend.updated_at = start_time;
  return frontend;
}

Backend make_backend(std::string name) {
  Backend backend;
  backend.id = random_uuid();
  backend.host = fmt::format("https://{}.example.org/bigbluebutton/api/", name);
  backend.secret = "node secret";
  backend.load_factor = 0.1 + 0.2;  // not a short decimal
  backend.admin_state = AdminState::ready;
  backend.created_at = backend.updated_at = start_time;
  return backend;
}

Meeting make_meeting(const Frontend& frontend, const Backend& backend, std::string id) {
  Meeting meeting;
  meeting.scoped_id = frontend.key + "~" + id;
  meeting.meeting_id = std::move(id);
  meeting.frontend_id = frontend.id;
  meeting.backend_id = backend.id;
  meeting.owner = random_hex(8);
  meeting.name = "Mathe \xc3\xbc ben";
  meeting.placement_json = R"({"chosen":"a"})";
  meeting.reserved_at = start_time;
  return meeting;
}

Cluster insert_cluster(Store& store) {
  Cluster cluster{make_frontend("moodle"), make_backend("a"), make_backend("b")};
  REQUIRE(store.insert_frontend(cluster.frontend));
  REQUIRE(store.insert_backend(cluster.backend_a));
  REQUIRE(store.insert_backend(cluster.backend_b));
  return cluster;
}

Meeting insert_meeting(Store& store, const Frontend& frontend, const Backend& backend,
                       std::string id, std::string internal_id) {
  const auto reserved = store.reserve(make_meeting(frontend, backend, std::move(id)));
  REQUIRE(reserved);
  REQUIRE(reserved->won);
  if (internal_id.empty()) return reserved->meeting;
  const auto bound = store.bind(reserved->meeting.scoped_id, reserved->meeting.epoch,
                                {internal_id, "Mathe", "<meeting/>"}, at(1));
  REQUIRE(bound);
  return *bound;
}

SeenMeeting seen_as(const Meeting& meeting, std::string internal_id) {
  SeenMeeting seen;
  seen.scoped_id = meeting.scoped_id;
  seen.epoch = meeting.epoch;
  seen.internal_id = std::move(internal_id);
  seen.name = "as seen";
  seen.running = true;
  seen.counts = {.participants = 5, .moderators = 1, .listeners = 2, .voices = 3, .videos = 4};
  seen.document = "<meeting><running>true</running></meeting>";
  return seen;
}

// doctest's assertions are for the main thread, so what the threads throw is brought there.
void run_together(int threads, const std::function<void(int)>& work) {
  std::latch start{threads};
  std::vector<std::exception_ptr> failures(std::size_t(threads), nullptr);
  std::vector<std::thread> running;
  for (int number = 0; number < threads; ++number) {
    running.emplace_back([&, number] {
      start.arrive_and_wait();
      try {
        work(number);
      } catch (...) {
        failures[std::size_t(number)] = std::current_exception();
      }
    });
  }
  for (auto& thread : running) thread.join();
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

TEST_CASE("the PostgreSQL half of the store's tests") {
  if (PostgresDatabase::available()) return;
  std::fputs(
      "\n*** B3SCALE_TEST_POSTGRES_URL is not set: the store was NOT tested against PostgreSQL.\n"
      "*** Run this under scripts/with-postgres.\n\n",
      stderr);
  const char* required = std::getenv("B3SCALE_TEST_REQUIRE_POSTGRES");
  const bool is_required = required != nullptr && std::string_view(required) == "1";
  CHECK_FALSE(is_required);
}

}  // namespace b3::store::testing
