// The HTTP side of the daemon: which room answers which path.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>

#include "api/api.h"
#include "daemon/metrics_page.h"
#include "daemon/rest_statistics.h"
#include "gateway/gateway.h"
#include "http/server.h"

namespace b3::daemon {

// /bbb/... and /b3s/...: gateway; /api...: REST API; /metrics: where it has no address of its own;
// /health: alive; /ready: the view is loaded; /docs/api/v1: the REST API for people; /: a page that
// says what this is.
//
// The server listens before the view is loaded. What needs the view waits for it until `patience`
// after the start, and is then told to come again.
// Event loop thread only; gateway and api must outlive it.
class Site final : public http::Handler {
 public:
  // `database_away`: is the database known not to answer?
  Site(boost::asio::io_context& loop, gateway::Gateway& gateway, api::Api& api,
       std::function<bool()> database_away, std::chrono::milliseconds patience = default_patience)
      : gateway_(gateway), api_(api), database_away_(std::move(database_away)), opening_(loop) {
    opening_.expires_after(patience);
  }

  bool answer_now(const http::Request& request, http::Response& response) override;
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body) override;

  // The view is loaded: who waits is answered.
  void open();

  // From now on /metrics is answered here as well; `page` must outlive the site.
  void serve_metrics(MetricsPage& page) { metrics_page_ = &page; }
  const RestStatistics& rest_statistics() const { return rest_statistics_; }

 private:
  static constexpr std::chrono::milliseconds default_patience{3'000};

  boost::asio::awaitable<void> opened();
  boost::asio::awaitable<http::Response> answer_late(const http::Request& request,
                                                     http::BodyReader& body);
  void answer_readiness(const http::Request& request, http::Response& response) const;
  boost::asio::awaitable<http::Response> answer_api(const http::Request& request,
                                                    http::BodyReader& body);

  gateway::Gateway& gateway_;
  api::Api& api_;
  std::function<bool()> database_away_;
  RestStatistics rest_statistics_;
  MetricsPage* metrics_page_ = nullptr;
  bool open_ = false;
  boost::asio::steady_timer opening_;  // everybody waits on this one
};

}  // namespace b3::daemon
