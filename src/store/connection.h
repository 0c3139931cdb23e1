// What the two databases have in common: a connection that runs SQL with bound parameters.
//
// Statements are written once, in the SQL both databases understand, with parameters $1, $2, ...;
// the few real differences are in store/dialect.h. A Connection belongs to one Store and so to
// one thread at a time. All calls block.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "store/dialect.h"
#include "store/store.h"

namespace b3::store {

// Thrown through a transaction that may be run again from its start and then succeed
// (deadlock, serialization failure).
struct TransactionConflict : StoreUnavailable {
  using StoreUnavailable::StoreUnavailable;
};
struct UniqueViolation : StoreCorrupt {
  using StoreCorrupt::StoreCorrupt;
};
struct ForeignKeyViolation : StoreCorrupt {
  using StoreCorrupt::StoreCorrupt;
};
// One of the schema's functions does not do this, and has done nothing; another one does.
struct Declined : StoreCorrupt {
  using StoreCorrupt::StoreCorrupt;
};

// A parameter. Texts and lists are not copied: they must live until execute() returns. What a text
// column cannot hold (NUL, malformed UTF-8) is stored as U+FFFD. Lists are arrays of PostgreSQL
// (text[], bigint[]); SQLite has none and throws StoreCorrupt.
using TextList = std::vector<std::string_view>;
using IntegerList = std::vector<std::int64_t>;
struct Parameter {
  using Value = std::variant<std::monostate, std::int64_t, double, bool, WallTime, std::string_view,
                             const TextList*, const IntegerList*>;
  Value value;

  Parameter(std::int64_t v) : value(v) {}
  Parameter(double v) : value(v) {}
  Parameter(bool v) : value(v) {}
  Parameter(WallTime v) : value(v) {}
  Parameter(std::string_view v) : value(v) {}
  Parameter(const std::string& v) : value(std::string_view(v)) {}
  Parameter(const TextList& v) : value(&v) {}
  Parameter(const IntegerList& v) : value(&v) {}
  Parameter(const char*) = delete;  // would turn into a bool
  template <class T>
  Parameter(const std::optional<T>& v) {
    if (v) value = Parameter(*v).value;
  }
};
using Parameters = std::initializer_list<Parameter>;

// A value as the database gave it; PostgreSQL gives texts only.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Cell>;
using Rows = std::vector<Row>;

enum class Access { read, write };

class Connection {
 public:
  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  virtual Dialect dialect() const = 0;
  // False once the connection is known to be lost; the Store then makes a new one. Costs no
  // round trip.
  virtual bool usable() = 0;

  // The connection may turn out to be lost only with the first statement.
  virtual void begin(Access access) = 0;
  virtual void commit() = 0;
  // Never throws; where rolling back fails the connection is not usable() any more.
  virtual void rollback() noexcept = 0;

  virtual Rows execute(std::string_view sql, Parameters parameters = {}) = 0;
  // A statement whose rows nobody wants. It may be made only with the next statement or with the
  // commit, which then throws what this one would: no round trip of its own.
  virtual void execute_later(std::string_view sql, Parameters parameters = {}) {
    execute(sql, parameters);
  }
  // The transaction's last statement and its commit: one round trip where that is possible.
  virtual Rows execute_and_commit(std::string_view sql, Parameters parameters = {}) {
    auto rows = execute(sql, parameters);
    commit();
    return rows;
  }
  // Asks for a statement's rows, which the database may look for until rows_ahead() waits for them.
  // No other call in between.
  virtual void ask_ahead(std::string sql) { asked_ahead_ = std::move(sql); }
  virtual Rows rows_ahead() { return execute(asked_ahead_); }
  // Several statements without parameters and results, for migrations.
  virtual void execute_script(const std::string& sql) = 0;

 private:
  std::string asked_ahead_;
};

// Reads a row's cells from left to right. Throws StoreCorrupt when a cell is not what the
// program expects there.
class RowReader {
 public:
  explicit RowReader(Row& row) : row_(row) {}

  std::string text();
  std::optional<std::string> optional_text();
  std::int64_t integer();
  double real();
  bool boolean();
  WallTime time();
  std::optional<WallTime> optional_time();

 private:
  Cell& next();
  Row& row_;
  std::size_t position_ = 0;
};

// The transaction that has begun may take minutes. Others end after some seconds: whoever waits for
// them is told then that the database is too slow.
void allow_long_transaction(Connection& connection);

// `text` without what text columns cannot hold, see Parameter.
std::string to_storable_text(std::string_view text);
bool is_storable_text(std::string_view text);

}  // namespace b3::store
