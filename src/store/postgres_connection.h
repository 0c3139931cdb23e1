// A connection to PostgreSQL over libpq.
//
// Keeps no state in the session that matters (unnamed statements, SET LOCAL, transaction-scoped
// locks), so that it works behind a transaction pooler such as PgBouncer.
//
// Sources: https://www.postgresql.org/docs/15/libpq.html, .../errcodes-appendix.html
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "store/connection.h"

namespace b3::store {

// Throws StoreCorrupt when libpq cannot read the URL; the text has no part of it.
void check_postgres_url(const std::string& url);

class PostgresConnection : public Connection {
 public:
  // Connects within 5 s unless the URL says otherwise (connect_timeout). Throws StoreUnavailable.
  explicit PostgresConnection(const std::string& url);

  Dialect dialect() const override { return Dialect::postgres; }
  bool usable() override;
  void begin(Access access) override;
  void commit() override;
  void rollback() noexcept override;
  Rows execute(std::string_view sql, Parameters parameters) override;
  void execute_script(const std::string& sql) override;

 private:
  struct Close {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Result = std::unique_ptr<PGresult, Close>;

  // Throws unless the result tells success.
  Result checked(PGresult* result);
  [[noreturn]] void fail(const PGresult* result);
  std::string without_password(std::string text) const;

  std::string password_;
  std::unique_ptr<PGconn, Close> connection_;
  bool lost_ = false;
};

}  // namespace b3::store
