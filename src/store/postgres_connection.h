// A connection to PostgreSQL over libpq.
//
// Keeps no state in the session that matters (unnamed statements, SET LOCAL, transaction-scoped
// locks), so that it works behind a transaction pooler such as PgBouncer.
//
// No call waits for ever, however the server fails: a stopped or stalled server's kernel goes on
// acknowledging packets, so TCP alone would not notice. The connection is non-blocking, and every
// statement has a deadline after which the connection counts as lost.
//
// Sources: https://www.postgresql.org/docs/15/libpq.html, .../errcodes-appendix.html
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/time.h"
#include "store/connection.h"

namespace b3::store {

// The server could not be connected to, or did not answer in time: what the next call would find
// out as well, perhaps as slowly.
struct Unreachable : StoreUnavailable {
  using StoreUnavailable::StoreUnavailable;
};

// How long to wait for an answer.
struct Patience {
  // More than the statement_timeout of 10 s, so that a server that works says itself what is wrong.
  milliseconds statement{15'000};
  // For scripts, and for transactions that set a statement_timeout of their own (10 min, for
  // migrations) until they end.
  milliseconds long_statement{660'000};
};

// Throws StoreCorrupt when libpq cannot read the URL; the text has no part of it.
void check_postgres_url(const std::string& url);

class PostgresConnection : public Connection {
 public:
  // Connects within 5 s for each address unless the URL says otherwise (connect_timeout; 0, which
  // libpq takes for ever, counts as not said). Throws Unreachable.
  explicit PostgresConnection(const std::string& url, Patience patience = {});

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

  // The answer to the statement just sent: its last result, when none tells of a failure.
  // `sent` is what PQsendQuery returned.
  Result answer(int sent, milliseconds patience);
  // Sends and receives until PQgetResult does not block.
  void wait_for_result(std::chrono::steady_clock::time_point deadline);
  [[noreturn]] void fail(const PGresult* result);
  std::string without_password(std::string text) const;

  Patience patience_;
  // The patience of the transaction's statements.
  milliseconds statement_patience_ = patience_.statement;
  std::string password_;
  std::unique_ptr<PGconn, Close> connection_;
  bool lost_ = false;
};

}  // namespace b3::store
