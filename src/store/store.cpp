#include "store/store.h"

#include "store/postgres_connection.h"
#include "store/sql_store.h"
#include "store/sqlite_connection.h"

namespace b3::store {

namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";

// "sqlite:///a/b.db" names /a/b.db, "sqlite:b.db" b.db. After "//" a host would follow, and
// SQLite has none.
std::string sqlite_path(std::string_view url) {
  auto path = url.substr(sqlite_scheme.size());
  if (path.starts_with("//")) {
    path.remove_prefix(2);
    if (!path.starts_with('/')) path = {};
  }
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    throw StoreCorrupt(
        "the database URL names no file: write sqlite:///absolute/file.db or sqlite:relative.db");
  }
  return std::string(path);
}

}  // namespace

bool is_sqlite_url(std::string_view url) {
  return url.starts_with(sqlite_scheme);
}

std::unique_ptr<Store> open_store(const std::string& url, std::shared_ptr<const Curfew> curfew,
                                  std::shared_ptr<OwnWrites> own) {
  if (is_sqlite_url(url)) {
    return make_sql_store(
        [path = sqlite_path(url)] { return std::make_unique<SqliteConnection>(path); });
  }
  check_postgres_url(url);
  return make_sql_store(
      [url, curfew = std::move(curfew)] {
        return std::make_unique<PostgresConnection>(url, Patience{}, curfew);
      },
      std::move(own));
}

}  // namespace b3::store
