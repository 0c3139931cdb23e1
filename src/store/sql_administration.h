// The part of the Store on SQL that keeps audit, commands and revoked tokens, and how its calls
// become transactions. Private to store/sql_store.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/queries.h"
#include "store/session.h"

namespace b3::store {

class SqlAdministration : public Store {
 public:
  SqlAdministration(Connect connect, std::shared_ptr<OwnWrites> own)
      : session_(std::move(connect), own), own_(std::move(own)) {}

  void record_audit(const AuditRecord& record) override {
    make_unseen([&](Connection& connection) { queries::record_audit(connection, record); });
  }
  AuditPage list_audit(const AuditQuery& query) override {
    return read([&](Connection& connection) { return queries::list_audit(connection, query); });
  }
  void insert_command(const CommandRow& command) override {
    make_unseen([&](Connection& connection) { queries::insert_command(connection, command); });
  }
  std::optional<CommandRow> find_command(std::string_view id) override {
    return read([&](Connection& connection) { return queries::find_command(connection, id); });
  }
  std::vector<CommandRow> list_commands() override { return read(queries::list_commands); }
  std::optional<CommandRow> claim_command(std::string_view id, std::string_view expected_holder,
                                          std::string_view holder, WallTime now) override {
    return write_unseen([&](Connection& connection) {
      return queries::claim_command(connection, id, expected_holder, holder, now);
    });
  }
  bool update_command(std::string_view id, std::string_view holder,
                      std::string_view progress_json) override {
    return write_unseen([&](Connection& connection) {
      return queries::update_command(connection, id, holder, progress_json);
    });
  }
  bool finish_command(std::string_view id, std::string_view holder, CommandState state,
                      std::string_view result_json, WallTime now) override {
    return write_unseen([&](Connection& connection) {
      return queries::finish_command(connection, id, holder, state, result_json, now);
    });
  }
  void prune_commands(WallTime finished_before) override {
    make_unseen(
        [&](Connection& connection) { queries::prune_commands(connection, finished_before); });
  }
  void revoke_token(const RevokedToken& token) override {
    make_unseen([&](Connection& connection) { queries::revoke_token(connection, token); });
  }
  std::vector<RevokedToken> list_revoked_tokens() override {
    return read(queries::list_revoked_tokens);
  }
  void prune_revoked_tokens(WallTime now) override {
    make_unseen([&](Connection& connection) { queries::prune_revoked_tokens(connection, now); });
  }

 protected:
  template <class Call>
  std::invoke_result_t<Call&, Connection&> read(Call call) {
    return session_.transact(Access::read, call);
  }
  template <class Call>
  std::invoke_result_t<Call&, Connection&> write(Call call) {
    auto result = session_.transact(Access::write, call);
    unannounced_ = true;
    return result;
  }
  // Of what the change feed does not show.
  template <class Call>
  std::invoke_result_t<Call&, Connection&> write_unseen(Call call) {
    return session_.transact(Access::write, call);
  }
  template <class Call>
  void make_unseen(Call call) {
    write_unseen([&](Connection& connection) {
      call(connection);
      return true;
    });
  }

  Session session_;
  std::shared_ptr<OwnWrites> own_;
  bool unannounced_ = false;
};

}  // namespace b3::store
