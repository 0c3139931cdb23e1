#include "agent/api_link.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>

using namespace b3;
using namespace b3::agent;
namespace asio = boost::asio;

namespace {

// Answers what it is told to, in order.
struct Script final : http::Sender {
  std::deque<std::expected<http::ClientResponse, http::ClientError>> answers;
  std::vector<http::ClientRequest> asked;

  asio::awaitable<std::expected<http::ClientResponse, http::ClientError>> send(
      http::ClientRequest request) override {
    asked.push_back(std::move(request));
    REQUIRE(!answers.empty());
    auto answer = std::move(answers.front());
    answers.pop_front();
    co_return answer;
  }
  void answer(int status, std::string body) {
    answers.push_back(
        http::ClientResponse{.status = status, .headers = {}, .body = std::move(body)});
  }
  std::string seen() {
    std::string text;
    for (const auto& one : asked) text += one.method + " " + one.target + " " + one.body + "\n";
    asked.clear();
    return text;
  }
};

struct Rig {
  Script script;
  ApiLink link{script, parse_url("https://cluster.example/b3/").value(), "token"};

  template <typename T>
  std::expected<T, LinkError> run(Answer<T> work) {
    asio::io_context loop;
    std::optional<std::expected<T, LinkError>> result;
    asio::co_spawn(loop, std::move(work), [&](std::exception_ptr failure, auto answer) {
      REQUIRE(!failure);
      result = std::move(answer);
    });
    loop.run();
    return std::move(result.value());
  }
};

const Identity me{"https://node/bigbluebutton/api/", "s3cret"};

}  // namespace

TEST_CASE("registration only where it is wanted") {
  Rig rig;
  rig.script.answer(404, R"({"message":"no backend"})");
  const auto refused = rig.run(rig.link.enroll(me, 2.0, false));
  REQUIRE(!refused);
  CHECK(refused.error().kind == LinkError::Kind::unknown);
  CHECK(rig.script.seen() == "GET /b3/api/v1/agent/backend \n");

  rig.script.answer(404, "{}");
  rig.script.answer(201, R"({"id":"1"})");
  CHECK(rig.run(rig.link.enroll(me, 2.0, true)).has_value());
  CHECK(rig.script.asked.back().headers.front().value == "Bearer token");
  CHECK(rig.script.seen() ==
        "GET /b3/api/v1/agent/backend \nPOST /b3/api/v1/backends "
        R"({"bbb":{"host":"https://node/bigbluebutton/api/","secret":"s3cret"},"load_factor":2E0})"
        "\n");
}

TEST_CASE("a backend is brought up to date where it differs") {
  Rig rig;
  rig.script.answer(
      200, R"({"id":"1","bbb":{"host":"https://node/bigbluebutton/api/","secret":"s3cret"}})");
  CHECK(rig.run(rig.link.enroll(me, 1.0, true)).has_value());
  CHECK(rig.script.seen() == "GET /b3/api/v1/agent/backend \n");

  rig.script.answer(200, R"({"id":"1","bbb":{"host":"https://node/bigbluebutton/api/"}})");
  rig.script.answer(200, "{}");
  CHECK(rig.run(rig.link.enroll({me.host, "new"}, 1.0, true)).has_value());
  CHECK(rig.script.seen().contains(
      R"(PATCH /b3/api/v1/backends/1 {"bbb":{"host":"https://node/bigbluebutton/api/","secret":"new"}})"));
}

TEST_CASE("one outcome for each call of a batch") {
  Rig rig;
  rig.script.answer(
      200, R"({"status":"ok","result":[{"status":"ok"},{"status":"error","error":"none"}]})");
  const auto outcomes = rig.run(rig.link.send({remove_call("m", "a"), ended_call("n")}));
  CHECK(outcomes.value() == std::vector{Outcome::done, Outcome::refused});
  CHECK(rig.script.seen().contains(R"({"action":"batch","payload":{"calls":[{"action":)"));
}

TEST_CASE("what went wrong decides what follows") {
  Rig rig;
  const auto kind_after = [&](int status, std::string body) {
    rig.script.answer(status, std::move(body));
    return rig.run(rig.link.heartbeat({})).error();
  };
  CHECK(kind_after(503, "oops").kind == LinkError::Kind::away);
  CHECK(kind_after(401, "{}").kind == LinkError::Kind::away);
  CHECK(kind_after(404, "{}").kind == LinkError::Kind::unknown);
  CHECK(kind_after(403, R"({"message":"no"})").detail == "HTTP 403: no");
  CHECK(kind_after(400, "{}").kind == LinkError::Kind::refused);
  CHECK(kind_after(200, "<html>").kind == LinkError::Kind::away);
  rig.script.answers.push_back(
      std::unexpected(http::ClientError{http::ClientFailure::timeout, "late"}));
  CHECK(rig.run(rig.link.heartbeat({})).error().kind == LinkError::Kind::away);
  for (const auto& request : rig.script.asked) {
    CHECK(request.connect_timeout + request.response_timeout < milliseconds{1'000});
  }
}
