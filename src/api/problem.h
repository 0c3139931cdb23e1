// Refusals of the REST API: {"error","message","fields"?,"request_id"}. Pure; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "model/backend.h"
#include "store/store.h"

namespace b3::api {

struct Problem {
  int status = 500;
  std::string error;    // stable code
  std::string message;  // one sentence for people, no secrets
  FieldErrors fields = {};
  std::vector<http::Header> headers = {};
};

using Answer = std::expected<http::Response, Problem>;

std::unexpected<Problem> refuse(int status, std::string_view error, std::string message);
std::unexpected<Problem> refuse_fields(FieldErrors fields);      // 400 validation_error
std::unexpected<Problem> refuse_unknown(std::string_view what);  // 404 not_found
Problem database_away();                                         // 503 with Retry-After
// `what` is the resource in words: "frontend".
Problem problem_of(store::WriteError error, std::string_view what);

http::Response to_response(const Problem& problem, std::string_view request_id);

}  // namespace b3::api
