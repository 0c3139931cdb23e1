// Brings the view up to date with a batch of changes other instances (or this one) made. Pure
// but for the view; event loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"
#include "view/view.h"

namespace b3::feed {

// `asked_at` is View::version() when the batch was asked for: meetings this instance has changed
// since are skipped, and so are meetings for which `in_flight` says true: they are left to the
// create that is running. Returns the ids it skipped; they are to be synchronized later.
std::vector<std::string> apply(store::Changes changes, view::View& view, std::uint64_t asked_at,
                               const std::function<bool(std::string_view)>& in_flight);

}  // namespace b3::feed
