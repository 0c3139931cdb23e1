#include "store/postgres_parameter.h"

#include <doctest/doctest.h>

#include "store/store_fixture.h"

namespace b3::store::testing {
namespace {

using namespace std::string_view_literals;

TEST_CASE("lists are arrays as PostgreSQL receives them") {
  const TextList texts{"ab", ""};
  const IntegerList numbers{-2};
  const TextList nothing;
  const auto converted = to_postgres({texts, numbers, nothing});
  REQUIRE(converted.size() == 3);
  CHECK(converted[0].binary);
  CHECK(converted[0].type == 1009);
  CHECK(*converted[0].bytes ==
        "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\2\0\0\0\1\0\0\0\2"
        "ab\0\0\0\0"sv);
  CHECK(*converted[1].bytes ==
        "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe"sv);
  CHECK(*converted[2].bytes == "\0\0\0\0\0\0\0\0\0\0\0\x19"sv);
  CHECK_FALSE(to_postgres({std::optional<std::int64_t>{}})[0].bytes);
}

TEST_CASE("PostgreSQL gets the lists that were sent, whatever is in the texts") {
  if (!PostgresDatabase::available()) return;
  const PostgresDatabase database;
  const auto connection = database.connect();
  const std::string hostile("a\0{\",}\\\xff\n", 9);
  const TextList texts{hostile, "NULL", "", "{}", "\xc3\xa9"};
  const IntegerList numbers{1, -1, INT64_MAX, INT64_MIN, 0};
  auto rows = connection->execute(
      "SELECT * FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS list(t, n, place) "
      "ORDER BY place",
      {texts, numbers});
  REQUIRE(rows.size() == texts.size());
  for (std::size_t index = 0; index < rows.size(); ++index) {
    RowReader reader(rows[index]);
    CHECK(reader.text() == to_storable_text(texts[index]));
    CHECK(reader.integer() == numbers[index]);
  }
  const TextList none;
  CHECK(connection->execute("SELECT * FROM unnest($1::text[])", {none}).empty());
}

TEST_CASE("SQLite has no lists") {
  const SqliteDatabase database;
  const TextList texts{"a"};
  CHECK_THROWS_AS(database.connect()->execute("SELECT $1", {texts}), StoreCorrupt);
}

}  // namespace
}  // namespace b3::store::testing
