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

// PostgreSQL's protocol for one statement: texts, kept alive until it has been sent.
class ParameterTexts {
 public:
  explicit ParameterTexts(Parameters parameters) {
    texts_.reserve(parameters.size());
    for (const auto& parameter : parameters) texts_.push_back(std::visit(*this, parameter.value));
    for (const auto& text : texts_) pointers_.push_back(text ? text->c_str() : nullptr);
  }
  const char* const* data() const { return pointers_.data(); }
  int size() const { return int(pointers_.size()); }

  std::optional<std::string> operator()(std::monostate) const { return std::nullopt; }
  std::optional<std::string> operator()(std::int64_t value) const { return fmt::to_string(value); }
  std::optional<std::string> operator()(double value) const { return fmt::to_string(value); }
  std::optional<std::string> operator()(bool value) const { return value ? "true" : "false"; }
  std::optional<std::string> operator()(WallTime value) const { return to_rfc3339(value); }
  std::optional<std::string> operator()(std::string_view value) const {
    return is_storable_text(value) ? std::string(value) : to_storable_text(value);
  }

 private:
  std::vector<std::optional<std::string>> texts_;
  std::vector<const char*> pointers_;
};

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
  const auto* sql = access == Access::write ? "BEGIN ISOLATION LEVEL READ COMMITTED; "
                                              "SET LOCAL statement_timeout = '10s'"
                                            : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                                              "SET LOCAL statement_timeout = '10s'";
  statement_patience_ = patience_.statement;
  answer(PQsendQuery(connection_.get(), sql), statement_patience_);
}

// COMMIT of a failed transaction "succeeds" as a ROLLBACK.
void PostgresConnection::commit() {
  const auto result = answer(PQsendQuery(connection_.get(), "COMMIT"), statement_patience_);
  if (std::string_view(PQcmdStatus(result.get())) != "COMMIT") {
    throw StoreCorrupt("PostgreSQL: the transaction was rolled back instead of committed");
  }
}

void PostgresConnection::rollback() noexcept {
  if (lost_ || PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
  try {
    answer(PQsendQuery(connection_.get(), "ROLLBACK"), patience_.statement);
  } catch (...) {
    lost_ = true;
  }
}

Rows PostgresConnection::execute(std::string_view sql, Parameters parameters) {
  const ParameterTexts texts{parameters};
  const std::string statement{sql};
  if (sql.starts_with(own_timeout)) statement_patience_ = patience_.long_statement;
  const auto result = answer(PQsendQueryParams(connection_.get(), statement.c_str(), texts.size(),
                                               nullptr, texts.data(), nullptr, nullptr, 0),
                             statement_patience_);
  Rows rows(std::size_t(PQntuples(result.get())));
  const int columns = PQnfields(result.get());
  for (int index = 0; index < int(rows.size()); ++index) {
    Row& row = rows[std::size_t(index)];
    row.reserve(std::size_t(columns));
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result.get(), index, column) != 0) {
        row.emplace_back(std::monostate{});
      } else {
        row.emplace_back(std::in_place_type<std::string>, PQgetvalue(result.get(), index, column),
                         std::size_t(PQgetlength(result.get(), index, column)));
      }
    }
  }
  return rows;
}

void PostgresConnection::execute_script(const std::string& sql) {
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
