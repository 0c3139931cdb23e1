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

std::unique_ptr<Store> open_store(const std::string& url) {
  if (is_sqlite_url(url)) {
    return make_sql_store(
        [path = sqlite_path(url)] { return std::make_unique<SqliteConnection>(path); });
  }
  check_postgres_url(url);
  return make_sql_store([url] { return std::make_unique<PostgresConnection>(url); });
}

// To be replaced by pure functions.
namespace {
[[noreturn]] void not_there() {
  throw StoreCorrupt("not implemented");
}
}  // namespace
std::vector<std::expected<ReserveOutcome, WriteError>> Store::reserve_all(
    const std::vector<Meeting>&) {
  not_there();
}
std::vector<std::optional<Meeting>> Store::bind_all(const std::vector<BindRequest>&, WallTime) {
  not_there();
}
std::expected<GiveUpOutcome, WriteError> Store::give_up_backend(std::string_view, std::string_view,
                                                                WallTime) {
  not_there();
}
Membership Store::beat(std::string_view, std::string_view, WallTime) {
  not_there();
}
std::vector<std::string> Store::claim_leases(std::string_view, const std::vector<LeaseClaim>&) {
  not_there();
}
void Store::release_leases(std::string_view, const std::vector<std::string>&) {
  not_there();
}
bool Store::remove_instance(std::string_view, std::optional<std::int64_t>) {
  not_there();
}
void Store::notify_changes() {}

}  // namespace b3::store
