#include "store/sqlite_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace b3::store {

namespace {

constexpr milliseconds busy_timeout{5'000};
constexpr milliseconds busy_pause{20};

// The database holds secrets, so it must not be made with the usual permissions. SQLite gives
// the files beside it the same ones.
void make_private_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0) ::close(file);
}

// Resets the statement however execute() is left; its parameters point to the caller's memory.
struct StatementUse {
  explicit StatementUse(sqlite3_stmt* used) : statement(used) {}
  ~StatementUse() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;
  sqlite3_stmt* statement;
};

struct Binder {
  sqlite3_stmt* statement;
  int index;

  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }
  int operator()(bool value) const { return sqlite3_bind_int(statement, index, value ? 1 : 0); }
  int operator()(WallTime value) const {
    return sqlite3_bind_int64(statement, index, to_unix_milliseconds(value));
  }
  int operator()(std::string_view value) const {
    if (is_storable_text(value)) return bind_text(value, SQLITE_STATIC);
    return bind_text(to_storable_text(value), SQLITE_TRANSIENT);
  }
  int operator()(const TextList*) const { throw StoreCorrupt("SQLite has no lists"); }
  int operator()(const IntegerList*) const { throw StoreCorrupt("SQLite has no lists"); }
  int bind_text(std::string_view value, sqlite3_destructor_type lifetime) const {
    const auto* data = value.data() ? value.data() : "";  // a null pointer would bind NULL
    return sqlite3_bind_text64(statement, index, data, value.size(), lifetime, SQLITE_UTF8);
  }
};

Cell read_cell(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_NULL:
      return std::monostate{};
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return std::string(text ? text : "", std::size_t(sqlite3_column_bytes(statement, column)));
    }
  }
}

bool is_refusal_of_service(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
      return true;
    default:
      return false;
  }
}

}  // namespace

SqliteConnection::SqliteConnection(const std::string& path) {
  if (path != ":memory:") make_private_file(path);
  sqlite3* database = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database_.reset(database);
  if (code != SQLITE_OK) fail(code);
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, int(busy_timeout.count()));
  configure();
}

// Changing a new file to WAL needs it alone and does not wait for its turn by itself.
void SqliteConnection::configure() {
  const auto deadline = std::chrono::steady_clock::now() + busy_timeout;
  int code = SQLITE_OK;
  while ((code = sqlite3_exec(database_.get(),
                              "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                              "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
                              nullptr, nullptr, nullptr)) != SQLITE_OK) {
    const bool busy = (code & 0xff) == SQLITE_BUSY;
    if (!busy || std::chrono::steady_clock::now() >= deadline) fail(code);
    std::this_thread::sleep_for(busy_pause);
  }
}

void SqliteConnection::begin(Access access) {
  execute(access == Access::write ? "BEGIN IMMEDIATE" : "BEGIN", {});
}

void SqliteConnection::commit() {
  execute("COMMIT", {});
}

void SqliteConnection::rollback() noexcept {
  if (sqlite3_get_autocommit(database_.get()) != 0) return;  // the error has rolled it back
  if (sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr) != SQLITE_OK) {
    usable_ = false;
  }
}

Rows SqliteConnection::execute(std::string_view sql, Parameters parameters) {
  const StatementUse use{prepared(sql)};
  int number = 0;
  for (const auto& parameter : parameters) {
    const auto name = fmt::format("${}", ++number);
    const int index = sqlite3_bind_parameter_index(use.statement, name.c_str());
    const int code = std::visit(Binder{use.statement, index}, parameter.value);
    if (code != SQLITE_OK) fail(code);
  }
  Rows rows;
  int code = SQLITE_OK;
  while ((code = sqlite3_step(use.statement)) == SQLITE_ROW) {
    Row& row = rows.emplace_back();
    const int columns = sqlite3_column_count(use.statement);
    row.reserve(std::size_t(columns));
    for (int column = 0; column < columns; ++column) {
      row.push_back(read_cell(use.statement, column));
    }
  }
  if (code != SQLITE_DONE) fail(code);
  return rows;
}

void SqliteConnection::execute_script(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

sqlite3_stmt* SqliteConnection::prepared(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    return found->second.get();
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), int(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  Statement owned{statement};
  if (code != SQLITE_OK) fail(code);
  return statements_.emplace(sql, std::move(owned)).first->second.get();
}

// SQLite's messages name tables, columns and files, never values.
void SqliteConnection::fail(int code) {
  if (code == SQLITE_OK) code = SQLITE_ERROR;
  const auto text = fmt::format(
      "SQLite: {} ({})", database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code), code);
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
      throw UniqueViolation(text);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      throw ForeignKeyViolation(text);
    default:
      break;
  }
  const int kind = code & 0xff;
  // A file that may have been replaced or repaired by the next call is opened afresh.
  if (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN || kind == SQLITE_CORRUPT ||
      kind == SQLITE_NOTADB || kind == SQLITE_READONLY) {
    usable_ = false;
  }
  if (is_refusal_of_service(code)) throw StoreUnavailable(text);
  throw StoreCorrupt(text);
}

}  // namespace b3::store
