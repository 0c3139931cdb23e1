// Large results of polls are written in several transactions: none holds the rows of many meetings
// for long while creates wait for some of them. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "store/store.h"

namespace b3::refresh {

// Rows that one transaction may write.
inline constexpr std::size_t largest_portion = 256;

// The meetings that a result wants to write.
std::size_t count_of_rows(const store::RefreshResult& result);

// The same backend in all of them, each meeting in one of them, `changed` before `adopted` before
// `lost`. Never empty.
std::vector<store::RefreshResult> in_portions(const store::RefreshResult& result,
                                              std::size_t largest = largest_portion);

}  // namespace b3::refresh
