// Parameters of statements as PostgreSQL's protocol carries them. Pure functions.
//
// Single values go as texts, whose type the server infers. Lists go as binary arrays, which cost
// neither side any parsing.
//
// Sources: array_recv() in PostgreSQL's src/backend/utils/adt/arrayfuncs.c; pg_type.dat.
#pragma once

#include <libpq-fe.h>

#include <optional>
#include <string>
#include <vector>

#include "store/connection.h"

namespace b3::store {

struct PostgresParameter {
  std::optional<std::string> bytes;  // nullopt: NULL
  Oid type = 0;                      // 0: the server infers it
  bool binary = false;
};

std::vector<PostgresParameter> to_postgres(Parameters parameters);

}  // namespace b3::store
