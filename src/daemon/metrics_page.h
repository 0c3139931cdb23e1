// GET /metrics: what this instance and its cluster are doing, collected when somebody asks.
//
// Owned by the daemon; event loop thread only. Everything comes from memory: no database, no node.
#pragma once

#include <functional>
#include <string>

#include "daemon/rest_statistics.h"
#include "feed/follower.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "metrics/families.h"
#include "node/node.h"
#include "refresh/refresher.h"
#include "store/executor.h"
#include "view/view.h"

namespace b3::daemon {

// All of them must outlive the page.
struct MetricsSources {
  const view::View& view;
  gateway::Gateway& gateway;
  node::Nodes& nodes;
  store::Executor& store;
  const refresh::Refresher& refresher;
  const feed::Follower* follower = nullptr;  // where there may be other instances
  const http::Server& server;
  const RestStatistics& rest;
};

struct MetricsOptions {
  std::string token{};  // empty: anybody may read
  bool per_meeting = false;
  std::string version{};
  std::string build{};
  int database_workers = 1;
  std::function<Now()> clock = read_clocks;
};

class MetricsPage final : public http::Handler {
 public:
  static constexpr std::string_view path = "/metrics";

  MetricsPage(MetricsSources sources, MetricsOptions options)
      : sources_(sources), options_(std::move(options)) {}

  // Always true. 401 without the token, 405 for other methods, 404 for other paths.
  bool answer_now(const http::Request& request, http::Response& response) override;
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body) override;

 private:
  std::vector<prometheus::MetricFamily> collect();
  std::string each_meeting() const;
  void collect_database(metrics::Families& families) const;
  void collect_refresh(metrics::Families& families, SteadyTime now) const;
  void collect_server(metrics::Families& families) const;

  MetricsSources sources_;
  MetricsOptions options_;
  double last_collection_seconds_ = 0;
  std::uint64_t collections_ = 0;
};

}  // namespace b3::daemon
