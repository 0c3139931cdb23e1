// The client of the REST API against a server: connections are kept between calls.
#include "ctl/api_client.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "http/testing.h"

namespace b3::ctl {
namespace {

using http::testing::RunningServer;

struct Answering final : http::Handler {
  bool answer_now(const http::Request&, http::Response& response) override {
    response.status = 200;
    response.headers = {{"Content-Type", "application/json"}};
    response.body = R"({"version":"2.0.0"})";
    return true;
  }
  boost::asio::awaitable<http::Response> answer(const http::Request&, http::BodyReader&) override {
    co_return http::Response{};
  }
};

std::uint64_t accepted(RunningServer& running) {
  return running.call([&] { return running.server.statistics().connections_accepted; });
}

}  // namespace

TEST_CASE("calls one after the other use one connection") {
  Answering handler;
  RunningServer server{handler};
  HttpApi api{fmt::format("http://127.0.0.1:{}", server.port), "token", ""};
  for (int i = 0; i < 5; ++i) {
    const auto answer = api.call("GET", "/api/v1/status", {});
    REQUIRE(answer);
    CHECK(answer->body.at("version").as_string() == "2.0.0");
  }
  CHECK(api.fetch("/bbb/x"));
  CHECK(accepted(server) == 1);
}

TEST_CASE("a connection that the server closed between two calls is replaced") {
  Answering handler;
  RunningServer server{handler, {.idle_timeout = std::chrono::milliseconds{20}}};
  HttpApi api{fmt::format("http://127.0.0.1:{}", server.port), "token", ""};
  for (std::uint64_t i = 1; i <= 3; ++i) {
    REQUIRE(api.call("POST", "/api/v1/frontends", boost::json::object{}));
    CHECK(accepted(server) == i);
    CHECK(server.wait_until([&] { return server.server.open_connections() == 0; }));
  }
}

}  // namespace b3::ctl
