// From method and path to a route. Pure; any thread.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.h"
#include "api/exchange.h"
#include "api/problem.h"
#include "api/schema.h"

namespace b3::api {

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/api/v1/frontends/{id}": {} takes one segment
  Access access;
  Handler handler;
  std::string_view operation;  // its name in the OpenAPI document
  std::string_view about;
  std::span<const Field> parameters = {};  // of the query
  std::string_view body = {};              // name of a schema; "xml"
  int status = 200;                        // when it succeeds
  std::string_view answer = {};            // as Field::type; "" an object of any form
};

// Every route there is.
std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;
  std::vector<std::string> arguments;  // what {} took, percent-decoded
};

// 404 not_found, 405 method_not_allowed with Allow, 400 for malformed escapes. One '/' at the end
// is overlooked.
std::expected<Match, Problem> find_route(std::span<const Route> table, std::string_view method,
                                         std::string_view path);

}  // namespace b3::api
