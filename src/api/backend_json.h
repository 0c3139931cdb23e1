// Backends to and from the REST API's JSON. Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <optional>

#include "api/problem.h"
#include "model/backend.h"
#include "placement/placement.h"
#include "store/store.h"

namespace b3::api {

// With what placement thinks of it; for administrators only, the secret is shown.
boost::json::object to_json(const Backend& backend, const placement::Candidate& candidate,
                            WallTime now);

std::expected<Backend, Problem> new_backend(const boost::json::object& body, WallTime now);
std::expected<store::BackendPatch, Problem> backend_patch(const boost::json::object& body);
// Why a node may not say this of its backend, if so.
std::optional<Problem> forbids_node(const boost::json::object& body);
// What is wrong with the settings `stored` would have after the patch.
FieldErrors check_merged_settings(const Backend& stored, const store::BackendPatch& patch);

}  // namespace b3::api
