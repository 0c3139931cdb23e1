// REST API v1: administration over JSON and bearer tokens.
//
// Event loop thread only. Writes go to the store first and are then applied to the view; reads
// are answered from the view.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "http/server.h"
#include "placement/placement.h"
#include "store/executor.h"
#include "view/view.h"

namespace b3::api {

struct ApiOptions {
  std::string jwt_secret;  // empty: every request gets 503 with a text saying what to configure
  std::string version;
  std::string build;
  placement::Policy policy = placement::Policy::expected_load;
  std::function<Now()> clock = read_clocks;
};

class Api {
 public:
  // All of them must outlive the Api.
  Api(store::Executor& store, view::View& view, ApiOptions options);

  // True for "/api", "/api/..." (and nothing else).
  static bool owns(std::string_view path);
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body);

 private:
  store::Executor& store_;
  view::View& view_;
  ApiOptions options_;
};

}  // namespace b3::api
