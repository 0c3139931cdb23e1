// What one poll of a node says about its health. Pure.
#pragma once

#include <expected>

#include "base/time.h"
#include "health/health.h"
#include "node/node.h"

namespace b3::refresh {

health::Contact contact_of(const std::expected<node::NodeAnswer, node::CallError>& result,
                           milliseconds latency, milliseconds slow_after);

}  // namespace b3::refresh
