// REST API v1: administration over JSON and bearer tokens.
//
// Event loop thread only. Writes go to the store first and are then applied to the view; reads
// are answered from the view.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/problem.h"
#include "api/revocations.h"
#include "base/time.h"
#include "command/runner.h"
#include "events/events.h"
#include "http/server.h"
#include "placement/placement.h"
#include "store/executor.h"
#include "view/view.h"

namespace b3::api {

struct ApiOptions {
  std::string jwt_secret;  // empty: every request gets 503 with a text saying what to configure
  std::string previous_jwt_secret;  // accepted too; empty: none
  std::string instance_id;
  // Ids of all instances that are there, this one among them.
  std::function<std::vector<std::string>()> instances = {};
  std::string version;
  std::string build;
  placement::Policy policy = placement::Policy::expected_load;
  std::function<Now()> clock = read_clocks;
};

// The OpenAPI 3.1 document of all routes, and the same as a page for people.
const std::string& openapi_document(std::string_view version);
std::string openapi_page(std::string_view version);

class Api {
 public:
  // All of them must outlive the Api.
  Api(store::Executor& store, view::View& view, events::Events& events, command::Runner& commands,
      Revocations& revocations, ApiOptions options);

  // True for "/api", "/api/..." (and nothing else).
  static bool owns(std::string_view path);
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body);

 private:
  boost::asio::awaitable<std::expected<http::Response, Problem>> dispatch(
      const http::Request& request, http::BodyReader& body);

  store::Executor& store_;
  view::View& view_;
  events::Events& events_;
  command::Runner& commands_;
  Revocations& revocations_;
  ApiOptions options_;
};

}  // namespace b3::api
