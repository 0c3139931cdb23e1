// The Store over a Connection, whichever database it leads to: connects on first use and after
// failures, and runs every call as one transaction.
#pragma once

#include <functional>
#include <memory>

#include "store/connection.h"

namespace b3::store {

class OwnWrites;

using Connect = std::function<std::unique_ptr<Connection>()>;

// `connect` is called again after each lost connection. `own` is shared by Stores whose writes and
// feeds belong together; null: the feed leaves nothing out.
std::unique_ptr<Store> make_sql_store(Connect connect, std::shared_ptr<OwnWrites> own = nullptr);

}  // namespace b3::store
