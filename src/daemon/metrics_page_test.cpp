// The page around the figures: who may see it, in which format, and what the rooms count.
#include "daemon/metrics_page.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <set>

#include "lease/leases.h"

namespace b3::daemon {
namespace {

struct NoNetwork final : http::Sender {
  boost::asio::awaitable<std::expected<http::ClientResponse, http::ClientError>> send(
      http::ClientRequest) override {
    co_return std::unexpected(http::ClientError{http::ClientFailure::connect, "no network"});
  }
};

struct Rig {
  explicit Rig(MetricsOptions options) : page{sources(), std::move(options)} {}

  MetricsSources sources() {
    return {.view = view,
            .gateway = gateway,
            .nodes = nodes,
            .store = executor,
            .refresher = refresher,
            .follower = &follower,
            .server = server,
            .rest = rest};
  }

  http::Response get(std::vector<http::Header> headers = {}, std::string method = "GET",
                     std::string target = "/metrics") {
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers = std::move(headers);
    http::Response response;
    CHECK(page.answer_now(request, response));
    return response;
  }

  Loop loop;
  view::View view;
  view::InFlight in_flight;
  NoNetwork network;
  store::Executor executor{"sqlite::memory:", 1};
  node::Nodes nodes{network, {}};
  gateway::Gateway gateway{executor, view, in_flight, nodes, {}};
  lease::AllLeases leases;
  refresh::Refresher refresher{loop, executor, view, in_flight, nodes, leases, {}};
  feed::Follower follower{loop, executor, view, in_flight, {}, {}};
  RestStatistics rest;
  MetricsPage page;
  http::Server server{loop, page};
};

std::string content_type(const http::Response& response) {
  const auto* value = http::find_header(response.headers, "Content-Type");
  return value == nullptr ? "" : *value;
}

bool has(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("without a token everybody may look, in the format of their choice") {
  Rig rig{{.version = "2.0.0", .build = "abc"}};
  const auto text = rig.get();
  CHECK(text.status == 200);
  CHECK(content_type(text) == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(has(text.body, R"(b3scale_build_info{version="2.0.0",build="abc"} 1)"));
  CHECK(has(text.body, "b3scale_metrics_scrapes_total 0"));
  const auto open = rig.get({{"accept", "application/openmetrics-text; version=1.0.0"}});
  CHECK(content_type(open) == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(open.body.ends_with("\n# EOF\n"));
  CHECK(has(open.body, "b3scale_metrics_scrapes_total 1"));
  CHECK(rig.get({}, "HEAD").status == 200);
}

TEST_CASE("what is not there, and what may not be done") {
  Rig rig{{}};
  CHECK(rig.get({}, "GET", "/").status == 404);
  CHECK(rig.get({}, "GET", "/metrics/more").status == 404);
  CHECK(rig.get({}, "GET", "/metrics?debug=1").status == 200);
  const auto refused = rig.get({}, "POST");
  CHECK(refused.status == 405);
  REQUIRE(http::find_header(refused.headers, "Allow"));
  CHECK(*http::find_header(refused.headers, "Allow") == "GET, HEAD");
}

TEST_CASE("with a token only who has it may look") {
  Rig rig{{.token = "open sesame"}};
  CHECK(rig.get({{"Authorization", "Bearer open sesame"}}).status == 200);
  CHECK(rig.get({{"authorization", "bEARER open sesame"}}).status == 200);
  for (const std::string given : {"", "Bearer", "Bearer ", "Bearer open", "Bearer open sesame ",
                                  "open sesame", "Basic open sesame"}) {
    const auto refused = rig.get({{"Authorization", given}});
    CHECK_MESSAGE(refused.status == 401, given);
    CHECK(refused.body.find("sesame") == std::string::npos);
    CHECK(refused.body.find("b3scale_") == std::string::npos);
  }
  CHECK(rig.get().status == 401);
  CHECK(http::find_header(rig.get().headers, "WWW-Authenticate"));
}

TEST_CASE("every family is there once") {
  Rig rig{{}};
  // In OpenMetrics the family of a counter has no suffix: it must not meet a gauge there.
  const auto text = rig.get({{"Accept", "application/openmetrics-text"}}).body;
  std::set<std::string> names;
  for (std::size_t at = text.find("# TYPE "); at != std::string::npos;
       at = text.find("# TYPE ", at + 1)) {
    const auto name = text.substr(at + 7, text.find(' ', at + 7) - at - 7);
    CHECK_MESSAGE(names.insert(name).second, name);
  }
  CHECK(names.size() > 30);
}

TEST_CASE("tenants' calls are counted by name, whatever they ask for") {
  Rig rig{{}};
  for (const auto* target :
       {"/bbb/nobody/bigbluebutton/api/join?x=1", "/bbb/nobody",
        "/bbb/nobody/bigbluebutton/api/deleteEverything", "/b3s/retry-join/nonsense"}) {
    http::Request request;
    request.method = "GET";
    request.target = target;
    http::Response response;
    CHECK(rig.gateway.answer_now(request, response));
  }
  const auto text = rig.get().body;
  CHECK(has(text, R"(b3scale_requests_total{call="join",result="failed"} 1)"));
  CHECK(has(text, R"(b3scale_requests_total{call="index",result="success"} 1)"));
  CHECK(has(text, R"(b3scale_requests_total{call="unsupported",result="failed"} 1)"));
  CHECK(has(text, R"(b3scale_request_duration_seconds_count{call="join"} 1)"));
  CHECK(has(text, R"(b3scale_request_duration_seconds_count{call="retryJoin"} 1)"));
  CHECK(text.find("/nobody") == std::string::npos);
  CHECK(text.find("deleteEverything") == std::string::npos);
}

TEST_CASE("calls of the database are counted and timed") {
  Rig rig{{}};
  bool ended = false;
  boost::asio::co_spawn(
      rig.loop,
      [](store::Executor& executor, bool& done) -> boost::asio::awaitable<void> {
        co_await executor.run([](store::Store& store) { store.ping(); });
        try {
          co_await executor.run([](store::Store&) { throw store::StoreCorrupt("as told"); });
        } catch (const store::StoreCorrupt&) {
          done = true;
        }
      }(rig.executor, ended),
      boost::asio::detached);
  rig.loop.run();
  CHECK(ended);
  auto text = rig.get().body;
  CHECK(has(text, R"(b3scale_database_calls_total{result="success"} 1)"));
  CHECK(has(text, R"(b3scale_database_calls_total{result="failed"} 1)"));
  CHECK(has(text, R"(b3scale_database_calls_total{result="refused"} 0)"));
  CHECK(has(text, "b3scale_database_call_duration_seconds_count 2"));
  CHECK(has(text, "b3scale_database_wait_duration_seconds_count 2"));
  CHECK(has(text, "b3scale_database_calls_running 0"));
  CHECK(has(text, "b3scale_database_calls_waiting 0"));
  CHECK(has(text, "b3scale_database_up 1"));
  rig.executor.stop();
  CHECK_THROWS_AS(rig.executor.run_blocking([](store::Store&) { throw 1; }), int);
  boost::asio::co_spawn(rig.loop, rig.executor.run([](store::Store& store) { store.ping(); }),
                        [](std::exception_ptr) {});
  rig.loop.restart();
  rig.loop.run();
  text = rig.get().body;
  CHECK(has(text, R"(b3scale_database_calls_total{result="refused"} 1)"));
}

TEST_CASE("calls to nodes are counted for as long as their backend is there") {
  Rig rig{{}};
  Backend backend;
  backend.id = "b1";
  backend.host = "http://node-1/";
  rig.view.put(backend);
  const auto call = [&](std::string id, std::string name) {
    node::Call what;
    what.name = std::move(name);
    boost::asio::co_spawn(
        rig.loop,
        [](Rig& with, std::string to, node::Call said) -> boost::asio::awaitable<void> {
          const node::Target target{.backend_id = std::move(to),
                                    .base_url = "http://node-1/",
                                    .secret = "s",
                                    .checksum = HashAlgorithm::sha256};
          CHECK_FALSE(co_await with.nodes.call(target, std::move(said)));
        }(rig, std::move(id), std::move(what)),
        boost::asio::detached);
    rig.loop.restart();
    rig.loop.run();
  };
  for (int i = 0; i < 4; ++i) call("b1", "end");  // the breaker keeps the fourth back
  call("b2", "<script>");
  CHECK(rig.nodes.statistics().by_backend.size() == 2);
  const auto text = rig.get().body;
  CHECK(has(text, R"(b3scale_node_call_duration_seconds_count{call="end"} 3)"));
  CHECK(has(text, R"(b3scale_node_call_duration_seconds_count{call="other"} 1)"));
  CHECK(has(text, R"(b3scale_node_call_failures_total{call="end",reason="not_tried"} 1)"));
  CHECK(
      has(text,
          R"(b3scale_backend_call_failures_total{backend="http://node-1/",reason="not_sent"} 3)"));
  CHECK(has(text, R"(b3scale_backend_call_duration_seconds_count{backend="http://node-1/"} 3)"));
  CHECK(rig.nodes.statistics().by_backend.size() == 1);
  CHECK(text.find("<script") == std::string::npos);
}

}  // namespace
}  // namespace b3::daemon
