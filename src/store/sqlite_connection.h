// A connection to a SQLite file: WAL, synchronous=FULL (what is acknowledged survives a power
// cut), foreign keys on, and up to 5 s of waiting for another process's write.
//
// Sources: https://sqlite.org/pragma.html, https://sqlite.org/rescode.html
#pragma once

#include <sqlite3.h>

#include <map>
#include <memory>
#include <string>

#include "store/connection.h"

namespace b3::store {

class SqliteConnection : public Connection {
 public:
  // `path` as SQLite takes it: a file, which is made (readable for its owner only) when there is
  // none, or ":memory:". Throws StoreUnavailable when it cannot be opened.
  explicit SqliteConnection(const std::string& path);

  Dialect dialect() const override { return Dialect::sqlite; }
  bool usable() override { return usable_; }
  void begin(Access access) override;
  void commit() override;
  void rollback() noexcept override;
  Rows execute(std::string_view sql, Parameters parameters) override;
  void execute_script(const std::string& sql) override;

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;

  void configure();
  sqlite3_stmt* prepared(std::string_view sql);
  [[noreturn]] void fail(int code);

  std::unique_ptr<sqlite3, Close> database_;
  std::map<std::string, Statement, std::less<>> statements_;  // by their SQL
  bool usable_ = true;
};

}  // namespace b3::store
