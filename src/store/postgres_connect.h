// Connecting to PostgreSQL: reading URLs, and trying their servers one after the other.
//
// Blocks, within limits: each address gets connect_timeout (5 s unless the URL says otherwise), and
// a Curfew ends everything. libpq has no such limits for connections that can be interrupted, so
// the addresses are tried here and not there. What it does about target_session_attrs stays: of
// several servers `read-write` finds the primary.
//
// Sources: https://www.postgresql.org/docs/15/libpq-connect.html
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>

#include "store/curfew.h"
#include "store/store.h"

namespace b3::store {

// The server could not be connected to, or did not answer in time: what the next call would find
// out as well, perhaps as slowly.
struct Unreachable : StoreUnavailable {
  using StoreUnavailable::StoreUnavailable;
};

struct FreePostgres {
  void operator()(PGconn* session) const { PQfinish(session); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using PostgresSession = std::unique_ptr<PGconn, FreePostgres>;

// Throws StoreCorrupt when libpq cannot read the URL; the text has no part of it.
void check_postgres_url(const std::string& url);
// "" when the URL has none.
std::string password_in(const std::string& url);

// Non-blocking from then on. Throws Unreachable; the text may quote the password.
PostgresSession connect_postgres(const std::string& url, const Curfew* curfew);

// Waits until the session's socket is ready for `events`, at most 100 ms and until `deadline`;
// OpenSSL may hold bytes that poll() knows nothing of. Throws Unreachable after the curfew.
// False: neither ready nor over yet.
bool poll_session(PGconn* session, short events, SteadyTime deadline, const Curfew* curfew);

}  // namespace b3::store
