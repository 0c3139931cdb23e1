#include "refresh/portions.h"

namespace b3::refresh {

std::size_t count_of_rows(const store::RefreshResult& result) {
  return result.changed.size() + result.adopted.size() + result.lost.size();
}

std::vector<store::RefreshResult> in_portions(const store::RefreshResult& result,
                                              std::size_t largest) {
  auto empty = result;
  empty.changed.clear();
  empty.adopted.clear();
  empty.lost.clear();
  std::vector<store::RefreshResult> portions{empty};
  const auto deal = [&](const auto& rows, auto list) {
    for (const auto& row : rows) {
      if (count_of_rows(portions.back()) == largest) portions.push_back(empty);
      (portions.back().*list).push_back(row);
    }
  };
  deal(result.changed, &store::RefreshResult::changed);
  deal(result.adopted, &store::RefreshResult::adopted);
  deal(result.lost, &store::RefreshResult::lost);
  return portions;
}

}  // namespace b3::refresh
