#include "refresh/portions.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace b3::refresh {
namespace {

store::RefreshResult result_of(int changed, int adopted, int lost) {
  store::RefreshResult result;
  result.backend_id = "b1";
  result.reachable = true;
  result.meetings_count = changed + adopted;
  for (int i = 0; i < changed; ++i) result.changed.emplace_back().scoped_id = std::to_string(i);
  for (int i = 0; i < adopted; ++i) result.adopted.emplace_back().scoped_id = std::to_string(i);
  for (int i = 0; i < lost; ++i) result.lost.emplace_back().scoped_id = std::to_string(i);
  return result;
}

using Sizes = std::vector<std::vector<std::size_t>>;

Sizes sizes_of(const std::vector<store::RefreshResult>& portions) {
  Sizes sizes;
  for (const auto& each : portions) {
    CHECK(each.backend_id == "b1");
    CHECK(each.reachable);
    sizes.push_back({each.changed.size(), each.adopted.size(), each.lost.size()});
  }
  return sizes;
}

TEST_CASE("a result is dealt into portions, and each row is in one of them") {
  CHECK(sizes_of(in_portions(result_of(0, 0, 0), 4)) == Sizes{{0, 0, 0}});
  CHECK(sizes_of(in_portions(result_of(4, 0, 0), 4)) == Sizes{{4, 0, 0}});
  CHECK(sizes_of(in_portions(result_of(5, 0, 0), 4)) == Sizes{{4, 0, 0}, {1, 0, 0}});
  CHECK(sizes_of(in_portions(result_of(3, 3, 3), 4)) == Sizes{{3, 1, 0}, {0, 2, 2}, {0, 0, 1}});
  const auto portions = in_portions(result_of(6, 0, 0), 4);
  CHECK(portions[1].changed[0].scoped_id == "4");
  CHECK(portions[1].changed[1].scoped_id == "5");
  CHECK(portions[1].meetings_count == 6);
}

}  // namespace
}  // namespace b3::refresh
