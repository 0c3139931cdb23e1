// The schema, as numbered steps that are applied in order and never changed once released.
//
// The tables schema_migrations and schema_versions list the steps a database has had; which
// programs may use it is told in docs/decisions/0007-schema-versions.md. Everything runs in the
// caller's one transaction, so a schema is either at one version or at another.
#pragma once

#include <span>
#include <string_view>

#include "store/connection.h"

namespace b3::store {

struct Migration {
  std::int64_t version;
  std::string_view name;
  std::string_view sql;
  // The oldest program that may run on the schema this step leaves, by the version it knows.
  std::int64_t compatible_with;
};
std::span<const Migration> migrations_of(Dialect dialect);
std::span<const Migration> sqlite_migrations();
std::span<const Migration> postgres_migrations();
// The version this program works with.
std::int64_t newest_schema_version(Dialect dialect);

// To be called in a writing transaction. Waits for other instances that migrate; throws
// StoreCorrupt when the schema is too new for this program. A newer schema that this program may
// use is left as it is.
MigrationStatus apply_migrations(Connection& connection, WallTime now);
// 0 for a database without a schema.
std::int64_t read_schema_version(Connection& connection);

}  // namespace b3::store
