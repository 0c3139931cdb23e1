#include "api/problem.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

namespace b3::api {

std::unexpected<Problem> refuse(int status, std::string_view error, std::string message) {
  return std::unexpected(
      Problem{.status = status, .error = std::string(error), .message = std::move(message)});
}

std::unexpected<Problem> refuse_fields(FieldErrors fields) {
  std::string message = "the request was refused:";
  std::string_view separator = " ";
  for (const auto& [field, problem] : fields) {
    message += fmt::format("{}{} {}", separator, field, problem);
    separator = "; ";
  }
  return std::unexpected(Problem{.status = 400,
                                 .error = "validation_error",
                                 .message = std::move(message),
                                 .fields = std::move(fields)});
}

std::unexpected<Problem> refuse_unknown(std::string_view what) {
  return refuse(404, "not_found", fmt::format("there is no such {}", what));
}

Problem database_away() {
  return {.status = 503,
          .error = "unavailable",
          .message = "the database does not answer; try again in a moment",
          .headers = {{"Retry-After", "5"}}};
}

Problem problem_of(store::WriteError error, std::string_view what) {
  switch (error) {
    case store::WriteError::not_found:
      return refuse_unknown(what).error();
    case store::WriteError::conflict: {
      const std::string_view unique = what == "backend" ? "host" : "key";
      return {.status = 409,
              .error = "conflict",
              .message = fmt::format("another {} has this {} already", what, unique)};
    }
    case store::WriteError::in_use:
      return {.status = 409,
              .error = "in_use",
              .message = fmt::format("the {} still has meetings", what)};
  }
  std::unreachable();
}

http::Response to_response(const Problem& problem, std::string_view request_id) {
  boost::json::object body{{"error", problem.error}, {"message", problem.message}};
  if (!problem.fields.empty()) {
    boost::json::object fields;
    for (const auto& [field, text] : problem.fields) fields[field] = text;
    body["fields"] = std::move(fields);
  }
  body["request_id"] = request_id;

  http::Response response;
  response.status = problem.status;
  response.headers = problem.headers;
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = boost::json::serialize(body);
  return response;
}

}  // namespace b3::api
