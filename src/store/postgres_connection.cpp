#include "store/postgres_connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace b3::store {

namespace {

// What a transaction begins with that is meant to take long.
constexpr std::string_view own_timeout = "SET LOCAL statement_timeout";

bool is_success(ExecStatusType status) {
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

// PQgetResult tells of a COPY again and again. No statement of ours is one.
bool is_copy(ExecStatusType status) {
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](auto prefix) { return text.starts_with(prefix); });
}

Rows read_rows(const PGresult* result) {
  Rows rows(std::size_t(PQntuples(result)));
  const int columns = PQnfields(result);
  for (int index = 0; index < int(rows.size()); ++index) {
    Row& row = rows[std::size_t(index)];
    row.reserve(std::size_t(columns));
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, index, column) != 0) {
        row.emplace_back(std::monostate{});
      } else {
        row.emplace_back(std::in_place_type<std::string>, PQgetvalue(result, index, column),
                         std::size_t(PQgetlength(result, index, column)));
      }
    }
  }
  return rows;
}

// COMMIT of a failed transaction "succeeds" as a ROLLBACK.
void check_committed(PGresult* result) {
  if (std::string_view(PQcmdStatus(result)) == "COMMIT") return;
  throw StoreCorrupt("PostgreSQL: the transaction was rolled back instead of committed");
}

}  // namespace

PostgresConnection::PostgresConnection(const std::string& url, Patience patience,
                                       std::shared_ptr<const Curfew> curfew)
    : patience_(patience), password_(password_in(url)), curfew_(std::move(curfew)) {
  try {
    connection_ = connect_postgres(url, curfew_.get());
  } catch (const Unreachable& failure) {
    throw Unreachable(without_password(failure.what()));
  }
  PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
}

// A server that went away has closed its end, which shows without asking it anything. Other
// unasked-for input (notices, changed parameters) is taken in.
bool PostgresConnection::usable() {
  if (lost_ || PQstatus(connection_.get()) != CONNECTION_OK) return false;
  pollfd socket{.fd = PQsocket(connection_.get()), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (::poll(&socket, 1, 0) == 0) return true;
  if ((socket.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0) return false;
  return PQconsumeInput(connection_.get()) == 1;
}

void PostgresConnection::begin(Access access) {
  statement_patience_ = patience_.statement;
  waiting_.clear();
  waiting_.push_back({access == Access::write ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                                              : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                      {}});
  waiting_.push_back({"SET LOCAL statement_timeout = '5s'", {}});
}

void PostgresConnection::commit() {
  check_committed(make({"COMMIT", {}}).get());
}

void PostgresConnection::rollback() noexcept {
  waiting_.clear();
  if (lost_ || PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
  try {
    answer(PQsendQuery(connection_.get(), "ROLLBACK"), patience_.statement);
  } catch (...) {
    lost_ = true;
  }
}

Rows PostgresConnection::execute(std::string_view sql, Parameters parameters) {
  if (sql.starts_with(own_timeout)) statement_patience_ = patience_.long_statement;
  return read_rows(make({std::string(sql), to_postgres(parameters)}).get());
}

void PostgresConnection::execute_later(std::string_view sql, Parameters parameters) {
  waiting_.push_back({std::string(sql), to_postgres(parameters)});
}

Rows PostgresConnection::execute_and_commit(std::string_view sql, Parameters parameters) {
  waiting_.push_back({std::string(sql), to_postgres(parameters)});
  waiting_.push_back({"COMMIT", {}});
  const auto [result, committed] = make_waiting();
  check_committed(committed.get());
  return read_rows(result.get());
}

void PostgresConnection::ask_ahead(std::string sql) {
  if (!waiting_.empty()) make_waiting();
  send({std::move(sql), {}});
  if (PQflush(connection_.get()) < 0) fail(nullptr);
}

Rows PostgresConnection::rows_ahead() {
  return read_rows(answer(1, statement_patience_).get());
}

PostgresConnection::Result PostgresConnection::make(Statement last) {
  if (waiting_.empty()) {
    send(last);
    return answer(1, statement_patience_);
  }
  waiting_.push_back(std::move(last));
  return make_waiting().second;
}

std::pair<PostgresConnection::Result, PostgresConnection::Result>
PostgresConnection::make_waiting() {
  const auto statements = std::exchange(waiting_, {});
  auto* const connection = connection_.get();
  if (PQenterPipelineMode(connection) != 1) fail(nullptr);
  for (const auto& statement : statements) send(statement);
  if (PQpipelineSync(connection) != 1) fail(nullptr);
  return pipeline_answer(statement_patience_);
}

void PostgresConnection::send(const Statement& statement) {
  const auto& all = statement.parameters;
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const auto& each : all) {
    types.push_back(each.type);
    values.push_back(each.bytes ? each.bytes->c_str() : nullptr);
    lengths.push_back(each.bytes ? int(each.bytes->size()) : 0);
    formats.push_back(each.binary ? 1 : 0);
  }
  if (PQsendQueryParams(connection_.get(), statement.sql.c_str(), int(all.size()), types.data(),
                        values.data(), lengths.data(), formats.data(), 0) != 1) {
    fail(nullptr);
  }
}

void PostgresConnection::execute_script(const std::string& sql) {
  if (!waiting_.empty()) make_waiting();
  answer(PQsendQuery(connection_.get(), sql.c_str()), patience_.long_statement);
}

// All results are taken, also those behind a failure, so that the connection can be used again.
PostgresConnection::Result PostgresConnection::answer(int sent, milliseconds patience) {
  if (sent != 1) fail(nullptr);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  Result kept;
  for (;;) {
    wait_for_result(deadline);
    Result next{PQgetResult(connection_.get())};
    if (!next) break;
    const bool copy = is_copy(PQresultStatus(next.get()));
    if (!kept || is_success(PQresultStatus(kept.get()))) kept = std::move(next);
    if (copy) break;
  }
  if (!kept || !is_success(PQresultStatus(kept.get()))) fail(kept.get());
  return kept;
}

// Each statement has its results and an end of them; what follows a failure counts as aborted.
std::pair<PostgresConnection::Result, PostgresConnection::Result>
PostgresConnection::pipeline_answer(milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  Result before;
  Result kept;
  bool ended = false;
  // Two ends in a row: the connection is lost and nothing more comes.
  for (int ends = 0; !ended && ends < 2;) {
    wait_for_result(deadline);
    Result next{PQgetResult(connection_.get())};
    if (!next) {
      ++ends;
      continue;
    }
    ends = 0;
    const auto status = PQresultStatus(next.get());
    ended = status == PGRES_PIPELINE_SYNC || is_copy(status);
    if (ended || status == PGRES_PIPELINE_ABORTED) continue;
    if (kept && !is_success(PQresultStatus(kept.get()))) continue;
    before = std::exchange(kept, std::move(next));
  }
  if (PQexitPipelineMode(connection_.get()) != 1) lost_ = true;
  if (!kept || !is_success(PQresultStatus(kept.get()))) fail(kept.get());
  return {std::move(before), std::move(kept)};
}

void PostgresConnection::wait_for_result(std::chrono::steady_clock::time_point deadline) {
  auto* const connection = connection_.get();
  for (;;) {
    const int unsent = PQflush(connection);
    if (unsent < 0) fail(nullptr);
    if (PQisBusy(connection) == 0) return;
    if (std::chrono::steady_clock::now() >= deadline) {
      lost_ = true;
      throw Unreachable("PostgreSQL: no answer in time");
    }
    try {
      poll_session(connection, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline, curfew_.get());
    } catch (const Unreachable&) {
      lost_ = true;
      throw;
    }
    if (PQconsumeInput(connection) != 1) fail(nullptr);
  }
}

bool PostgresConnection::wait_for_notification(milliseconds longest) {
  auto* const connection = connection_.get();
  const auto deadline = std::chrono::steady_clock::now() + longest;
  for (;;) {
    if (PQconsumeInput(connection) != 1) fail(nullptr);
    bool notified = false;
    while (auto* notification = PQnotifies(connection)) {
      PQfreemem(notification);
      notified = true;
    }
    if (notified) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    poll_session(connection, POLLIN, deadline, curfew_.get());
  }
}

// Only the primary message is passed on: the detail quotes values, which may be secrets.
void PostgresConnection::fail(const PGresult* result) {
  const auto* sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  if (PQstatus(connection_.get()) != CONNECTION_OK || sqlstate == nullptr) {
    lost_ = true;
    throw StoreUnavailable(
        without_password(fmt::format("PostgreSQL: {}", PQerrorMessage(connection_.get()))));
  }
  const std::string_view code{sqlstate};
  const auto* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const auto text =
      without_password(fmt::format("PostgreSQL: {} ({})", message ? message : "error", code));
  if (code == "23505") throw UniqueViolation(text);
  if (code == "23503") throw ForeignKeyViolation(text);
  if (code == "B3001") throw Declined(text);
  if (code == "40001" || code == "40P01") throw TransactionConflict(text);
  // The server is going away or no longer the primary: ask for a connection to a better one.
  if (starts_with_any(code, {"08", "57P", "25006"})) {
    lost_ = true;
    throw StoreUnavailable(text);
  }
  // Out of resources; input/output errors; cancelled by a timeout; locks not available.
  if (starts_with_any(code, {"53", "58", "57014", "55P03", "25P03"})) throw StoreUnavailable(text);
  throw StoreCorrupt(text);
}

std::string PostgresConnection::without_password(std::string text) const {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (auto at = password_.empty() ? std::string::npos : text.find(password_);
       at != std::string::npos; at = text.find(password_, at + 3)) {
    text.replace(at, password_.size(), "***");
  }
  return text;
}

}  // namespace b3::store
