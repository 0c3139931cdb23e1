// Makes single meetings of the view equal to the store's rows, where the two may have parted: a
// compare-and-set that found another row, a change that was skipped. Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "store/executor.h"
#include "view/view.h"

namespace b3::feed {

// True when this instance has changed or erased the meeting after View::version() was `asked_at`.
// Needs View::remember_erasures().
bool is_newer_here(const view::View& view, std::string_view scoped_id, std::uint64_t asked_at);

// Meetings that this instance changes while the store is being asked are left as they are.
// Throws StoreUnavailable.
boost::asio::awaitable<void> synchronize(store::Executor& store, view::View& view,
                                         std::vector<std::string> scoped_ids);

}  // namespace b3::feed
