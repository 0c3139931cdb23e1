// Frontends to and from the REST API's JSON. Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <expected>

#include "api/problem.h"
#include "model/frontend.h"
#include "store/store.h"

namespace b3::api {

// Shows the secret: callers see to it that only its owner and administrators get here.
boost::json::object to_json(const Frontend& frontend);

// A new frontend with a random id, and a random secret where none is given.
std::expected<Frontend, Problem> new_frontend(const boost::json::object& body, WallTime now);
std::expected<store::FrontendPatch, Problem> frontend_patch(const boost::json::object& body);
// What is wrong with the settings `stored` would have after the patch.
FieldErrors check_merged_settings(const Frontend& stored, const store::FrontendPatch& patch);

}  // namespace b3::api
