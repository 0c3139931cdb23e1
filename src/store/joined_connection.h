// The connection of a transaction that has begun, as the calls that join it see it: what commits
// does not. Belongs to one Session.
#pragma once

#include <string>
#include <string_view>

#include "store/connection.h"

namespace b3::store {

class JoinedConnection final : public Connection {
 public:
  explicit JoinedConnection(Connection& connection) : connection_(connection) {}

  Dialect dialect() const override { return connection_.dialect(); }
  bool usable() override { return connection_.usable(); }
  void begin(Access /*access*/) override {}
  void commit() override {}
  void rollback() noexcept override {}
  Rows execute(std::string_view sql, Parameters parameters = {}) override {
    return connection_.execute(sql, parameters);
  }
  void execute_later(std::string_view sql, Parameters parameters = {}) override {
    connection_.execute_later(sql, parameters);
  }
  void execute_script(const std::string& sql) override { connection_.execute_script(sql); }

 private:
  Connection& connection_;
};

}  // namespace b3::store
