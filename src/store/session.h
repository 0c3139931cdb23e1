// A connection that is made when it is needed, and again after failures, and calls that run on it
// as transactions. Belongs to one Store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "store/joined_connection.h"
#include "store/own_writes.h"
#include "store/postgres_connect.h"
#include "store/sql_store.h"

namespace b3::store {

// A transaction that lost against another one is tried this often in all.
inline constexpr int transaction_attempts = 4;

// Whether a call's last statement is its commit as well.
enum class Commits { afterwards, by_itself };

// Connects when needed and runs calls as transactions.
class Session {
 public:
  Session(Connect connect, std::shared_ptr<OwnWrites> own)
      : connect_(std::move(connect)), own_(std::move(own)) {}

  template <Commits commits = Commits::afterwards, class Call>
  std::invoke_result_t<Call&, Connection&> transact(Access access, Call& call,
                                                    int attempts = transaction_attempts) {
    if (joined_) return join(access, call);
    for (int attempt = 1;; ++attempt) {
      bool replaceable = reuse_or_connect();
      try {
        connection_->begin(access);
        if constexpr (commits == Commits::by_itself) replaceable = false;
        auto result = call(*connection_);
        replaceable = false;
        if constexpr (commits == Commits::afterwards) connection_->commit();
        return result;
      } catch (const TransactionConflict&) {
        abandon();
        if (attempt >= attempts) throw;
      } catch (const Unreachable&) {
        abandon();
        throw;  // the server is silent: a new connection would wait again
      } catch (const StoreUnavailable&) {
        abandon();
        if (!replaceable || connection_) throw;
        --attempt;  // the next connection is a new one
      } catch (...) {
        abandon();
        throw;
      }
    }
  }

  // The transactions that `work` asks for become parts of one.
  void transact_all(const std::function<void()>& work) {
    if (joined_) return work();
    auto call = [&](Connection& connection) {
      joined_.emplace(connection);
      const struct Parting {
        std::optional<JoinedConnection>& joined;
        ~Parting() { joined.reset(); }
      } parting{joined_};
      work();
      return true;
    };
    transact(Access::write, call);
  }

  // A statement outside of transactions, which may get lost.
  void announce(std::string_view sql) {
    if (!connection_ || connection_->dialect() == Dialect::sqlite) return;
    try {
      connection_->execute(sql);
    } catch (...) {
      abandon();
      throw;
    }
  }

 private:
  // What fails leaves no trace, so that the others can go on: a unique value that is taken may be
  // an answer. After the loss of the connection or a conflict nothing can.
  template <class Call>
  std::invoke_result_t<Call&, Connection&> join(Access access, Call& call) {
    if (access == Access::read) return call(*joined_);
    joined_->execute_later("SAVEPOINT part");
    try {
      auto result = call(*joined_);
      joined_->execute("RELEASE SAVEPOINT part");
      return result;
    } catch (const StoreUnavailable&) {
      throw;
    } catch (...) {
      joined_->execute("ROLLBACK TO SAVEPOINT part");
      throw;
    }
  }

  // Whether the connection has been used before: if it turns out to be dead before it was asked to
  // commit, nothing has happened, and a new one is tried.
  bool reuse_or_connect() {
    const bool reused = connection_ && connection_->usable();
    if (!reused) {
      connection_ = connect_();
      if (own_) own_->forget();
    }
    return reused;
  }

  void abandon() noexcept {
    connection_->rollback();
    if (!connection_->usable()) connection_.reset();
  }

  Connect connect_;
  std::shared_ptr<OwnWrites> own_;
  std::unique_ptr<Connection> connection_;
  std::optional<JoinedConnection> joined_;  // while transact_all() works
};

}  // namespace b3::store
