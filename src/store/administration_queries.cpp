// The audit, commands and revoked tokens.
#include <fmt/format.h>

#include <chrono>

#include "store/columns.h"
#include "store/queries.h"

namespace b3::store::queries {

namespace {

constexpr std::chrono::days revoked_after_end{1};
constexpr std::chrono::days revoked_without_end{365};
constexpr std::int64_t most_commands = 1000;

// -- audit -----------------------------------------------------------------------------------

AuditRecord read_audit(Row& row) {
  RowReader reader{row};
  AuditRecord record;
  record.number = reader.integer();
  record.at = reader.time();
  record.subject = reader.text();
  record.token_id = reader.text();
  record.request_id = reader.text();
  record.action = reader.text();
  record.kind = reader.text();
  record.object_id = reader.text();
  record.object_name = reader.text();
  record.before_json = reader.text();
  record.after_json = reader.text();
  return record;
}

// What is not asked for is NULL. The casts tell PostgreSQL the types.
std::string audit_condition(Dialect dialect) {
  return fmt::format(
      "(CAST($1 AS text) IS NULL OR audit.subject = $1) "
      "AND (CAST($2 AS text) IS NULL OR audit.action = $2) "
      "AND (CAST($3 AS text) IS NULL OR audit.kind = $3) "
      "AND (CAST($4 AS text) IS NULL OR audit.object_id = $4) "
      "AND (CAST($5 AS {}) IS NULL OR audit.at >= $5)",
      time_type(dialect));
}

// -- commands --------------------------------------------------------------------------------

std::string command_columns(Dialect dialect) {
  return fmt::format(
      "commands.id, commands.action, commands.backend_id, commands.parameters, commands.state, "
      "commands.progress, commands.result, commands.requested_by, commands.holder, {}, {}, {}",
      time_column(dialect, "commands.created_at"), time_column(dialect, "commands.started_at"),
      time_column(dialect, "commands.finished_at"));
}

CommandState known_state(std::string_view text) {
  if (const auto state = parse_command_state(text)) return *state;
  throw StoreCorrupt("the database holds an unknown command state");
}

CommandRow read_command(Row& row) {
  RowReader reader{row};
  CommandRow command;
  command.id = reader.text();
  command.action = reader.text();
  command.backend_id = reader.text();
  command.parameters_json = reader.text();
  command.state = known_state(reader.text());
  command.progress_json = reader.text();
  command.result_json = reader.text();
  command.requested_by = reader.text();
  command.holder = reader.text();
  command.created_at = reader.time();
  command.started_at = reader.optional_time();
  command.finished_at = reader.optional_time();
  return command;
}

RevokedToken read_revoked_token(Row& row) {
  RowReader reader{row};
  RevokedToken token;
  token.id = reader.text();
  token.expires_at = reader.optional_time();
  token.revoked_at = reader.time();
  token.revoked_by = reader.text();
  return token;
}

}  // namespace

void record_audit(Connection& connection, const AuditRecord& record) {
  connection.execute(
      "INSERT INTO audit (at, subject, token_id, request_id, action, kind, object_id, "
      "object_name, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      {record.at, record.subject, record.token_id, record.request_id, record.action, record.kind,
       record.object_id, record.object_name, record.before_json, record.after_json});
}

AuditPage list_audit(Connection& connection, const AuditQuery& query) {
  const auto dialect = connection.dialect();
  const auto condition = audit_condition(dialect);
  AuditPage page;
  auto count =
      connection.execute(fmt::format("SELECT count(*) FROM audit WHERE {}", condition),
                         {query.subject, query.action, query.kind, query.object_id, query.since});
  page.total = RowReader(count.at(0)).integer();
  const auto sql = fmt::format(
      "SELECT audit.number, {}, audit.subject, audit.token_id, audit.request_id, audit.action, "
      "audit.kind, audit.object_id, audit.object_name, audit.before, audit.after FROM audit "
      "WHERE {} ORDER BY audit.number DESC LIMIT $6 OFFSET $7",
      time_column(dialect, "audit.at"), condition);
  page.records =
      read_all(connection.execute(sql, {query.subject, query.action, query.kind, query.object_id,
                                        query.since, query.limit, query.offset}),
               read_audit);
  return page;
}

void insert_command(Connection& connection, const CommandRow& command) {
  connection.execute(
      "INSERT INTO commands (id, action, backend_id, parameters, state, progress, result, "
      "requested_by, holder, created_at, started_at, finished_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING",
      {command.id, command.action, command.backend_id, command.parameters_json,
       to_string(command.state), command.progress_json, command.result_json, command.requested_by,
       command.holder, command.created_at, command.started_at, command.finished_at});
}

std::optional<CommandRow> find_command(Connection& connection, std::string_view id) {
  const auto sql =
      fmt::format("SELECT {} FROM commands WHERE id = $1", command_columns(connection.dialect()));
  return read_first(connection.execute(sql, {id}), read_command);
}

std::vector<CommandRow> list_commands(Connection& connection) {
  const auto sql = fmt::format("SELECT {} FROM commands ORDER BY created_at DESC, id DESC LIMIT $1",
                               command_columns(connection.dialect()));
  return read_all(connection.execute(sql, {most_commands}), read_command);
}

// A takeover leaves the time at which the command began.
std::optional<CommandRow> claim_command(Connection& connection, std::string_view id,
                                        std::string_view expected_holder, std::string_view holder,
                                        WallTime now) {
  const auto sql = fmt::format(
      "UPDATE commands SET holder = $3, state = 'running', started_at = coalesce(started_at, $4) "
      "WHERE id = $1 AND holder = $2 AND finished_at IS NULL RETURNING {}",
      command_columns(connection.dialect()));
  return read_first(connection.execute(sql, {id, expected_holder, holder, now}), read_command);
}

bool update_command(Connection& connection, std::string_view id, std::string_view holder,
                    std::string_view progress_json) {
  return !connection
              .execute(
                  "UPDATE commands SET progress = $3 "
                  "WHERE id = $1 AND holder = $2 AND finished_at IS NULL RETURNING id",
                  {id, holder, progress_json})
              .empty();
}

bool finish_command(Connection& connection, std::string_view id, std::string_view holder,
                    CommandState state, std::string_view result_json, WallTime now) {
  return !connection
              .execute(
                  "UPDATE commands SET state = $3, result = $4, finished_at = $5 "
                  "WHERE id = $1 AND (CAST($2 AS text) = '' OR holder = $2) "
                  "AND finished_at IS NULL RETURNING id",
                  {id, holder, to_string(state), result_json, now})
              .empty();
}

void prune_commands(Connection& connection, WallTime finished_before) {
  connection.execute("DELETE FROM commands WHERE finished_at < $1", {finished_before});
}

// The first revocation counts.
void revoke_token(Connection& connection, const RevokedToken& token) {
  connection.execute(
      "INSERT INTO revoked_tokens (id, expires_at, revoked_at, revoked_by) "
      "VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
      {token.id, token.expires_at, token.revoked_at, token.revoked_by});
}

std::vector<RevokedToken> list_revoked_tokens(Connection& connection) {
  const auto dialect = connection.dialect();
  const auto sql =
      fmt::format("SELECT id, {}, {}, revoked_by FROM revoked_tokens ORDER BY revoked_at DESC, id",
                  time_column(dialect, "expires_at"), time_column(dialect, "revoked_at"));
  return read_all(connection.execute(sql), read_revoked_token);
}

void prune_revoked_tokens(Connection& connection, WallTime now) {
  connection.execute(
      "DELETE FROM revoked_tokens WHERE expires_at < $1 "
      "OR (expires_at IS NULL AND revoked_at < $2)",
      {WallTime(now - revoked_after_end), WallTime(now - revoked_without_end)});
}

}  // namespace b3::store::queries
