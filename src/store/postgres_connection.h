// A connection to PostgreSQL over libpq.
//
// Keeps no state in the session that matters (unnamed statements, SET LOCAL, transaction-scoped
// locks), so that it works behind a transaction pooler such as PgBouncer.
//
// begin() and execute_later() only note what to send: it goes with the next statement or the
// commit, as one pipeline with one Sync at its end, which to a transaction pooler looks like one
// statement.
//
// No call waits for ever, however the server fails: a stopped or stalled server's kernel goes on
// acknowledging packets, so TCP alone would not notice. The connection is non-blocking, and every
// statement has a deadline after which the connection counts as lost.
//
// Sources: https://www.postgresql.org/docs/15/libpq.html, .../errcodes-appendix.html
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "store/connection.h"
#include "store/postgres_connect.h"
#include "store/postgres_parameter.h"

namespace b3::store {

// How long to wait for an answer.
struct Patience {
  // More than the statement_timeout of 5 s, so that a server that works says itself what is wrong.
  milliseconds statement{7'000};
  // For scripts, and for transactions that set a statement_timeout of their own (10 min, for
  // migrations and for pruning) until they end.
  milliseconds long_statement{660'000};
};

class PostgresConnection : public Connection {
 public:
  // See connect_postgres(). After the curfew every call throws Unreachable instead of waiting.
  explicit PostgresConnection(const std::string& url, Patience patience = {},
                              std::shared_ptr<const Curfew> curfew = nullptr);

  Dialect dialect() const override { return Dialect::postgres; }
  bool usable() override;
  void begin(Access access) override;
  void commit() override;
  void rollback() noexcept override;
  Rows execute(std::string_view sql, Parameters parameters) override;
  void execute_later(std::string_view sql, Parameters parameters) override;
  // The statement and COMMIT in one pipeline: where the statement fails, COMMIT is not made.
  Rows execute_and_commit(std::string_view sql, Parameters parameters) override;
  void ask_ahead(std::string sql) override;
  Rows rows_ahead() override;
  void execute_script(const std::string& sql) override;
  // For a session that LISTENs: true when it was notified since the last call or is meanwhile.
  // Throws StoreUnavailable when the connection is lost.
  bool wait_for_notification(milliseconds longest);

 private:
  using Result = std::unique_ptr<PGresult, FreePostgres>;

  // With its parameters kept alive until it has been sent.
  struct Statement {
    std::string sql;
    std::vector<PostgresParameter> parameters;
  };

  // Makes what waits and then this one, in one round trip; returns its result.
  Result make(Statement last);
  // Makes all that waits in one round trip; returns the last two results.
  std::pair<Result, Result> make_waiting();
  void send(const Statement& statement);
  // The answer to a pipeline: the last two statements' results, when none tells of a failure.
  std::pair<Result, Result> pipeline_answer(milliseconds patience);
  // The answer to the statement just sent: its last result, when none tells of a failure.
  // `sent` is what PQsendQuery returned.
  Result answer(int sent, milliseconds patience);
  // Sends and receives until PQgetResult does not block.
  void wait_for_result(std::chrono::steady_clock::time_point deadline);
  [[noreturn]] void fail(const PGresult* result);
  std::string without_password(std::string text) const;

  Patience patience_;
  std::vector<Statement> waiting_;  // to be sent before the next statement
  // The patience of the transaction's statements.
  milliseconds statement_patience_ = patience_.statement;
  std::string password_;
  std::shared_ptr<const Curfew> curfew_;
  PostgresSession connection_;
  bool lost_ = false;
};

}  // namespace b3::store
