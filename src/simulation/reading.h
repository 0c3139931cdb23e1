// What the simulation wants to know of a view. The only place that looks into its entries.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"
#include "view/view.h"

namespace b3::simulation {

// Bound, and on a node people may be sent to: a join needs nothing but memory.
bool is_redirectable(const view::View& view, std::string_view frontend_id,
                     std::string_view scoped_id);

// Where view and store differ, in words; empty: nowhere.
std::vector<std::string> differences(const view::View& view, store::Store& store);

}  // namespace b3::simulation
