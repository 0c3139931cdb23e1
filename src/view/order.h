// The orders in which View lists its entries. Private to this room.
#pragma once

#include <tuple>

#include "view/view.h"

namespace b3::view {

inline bool by_key(const FrontendEntry* left, const FrontendEntry* right) {
  return std::tie(left->frontend.key, left->frontend.id) <
         std::tie(right->frontend.key, right->frontend.id);
}
inline bool by_host(const BackendEntry* left, const BackendEntry* right) {
  return std::tie(left->backend.host, left->backend.id) <
         std::tie(right->backend.host, right->backend.id);
}
inline bool by_scoped_id(const MeetingEntry* left, const MeetingEntry* right) {
  return left->scoped_id() < right->scoped_id();
}

}  // namespace b3::view
