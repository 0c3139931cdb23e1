// The HTTP side of the daemon: which room answers which path.
#pragma once

#include "api/api.h"
#include "gateway/gateway.h"
#include "http/server.h"

namespace b3::daemon {

// /bbb/... and /b3s/...: gateway; /api...: REST API; /health: alive; /ready: the view is loaded
// (the server starts listening only then); /: a page that says what this is.
// Event loop thread only; gateway and api must outlive it.
class Site final : public http::Handler {
 public:
  Site(gateway::Gateway& gateway, api::Api& api) : gateway_(gateway), api_(api) {}

  bool answer_now(const http::Request& request, http::Response& response) override;
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body) override;

 private:
  gateway::Gateway& gateway_;
  api::Api& api_;
};

}  // namespace b3::daemon
