#include "gateway/gateway_statistics.h"

#include <doctest/doctest.h>

#include "bbb/answer.h"
#include "gateway/create.h"
#include "gateway/route.h"

namespace b3::gateway {
namespace {

http::Response with(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

TEST_CASE("what counts as failed") {
  CHECK(result_of(with(200, bbb::success({}))) == CallResult::success);
  CHECK(result_of(with(302, "")) == CallResult::success);
  CHECK(result_of(with(200, bbb::failed("notFound", "no"))) == CallResult::failed);
  CHECK(result_of(
            with(200, "<?xml version=\"1.0\"?>\n<response>\n  <returncode>FAILED</returncode>")) ==
        CallResult::failed);
  CHECK(result_of(with(404, "<html>")) == CallResult::failed);
  CHECK(result_of(with(500, "")) == CallResult::failed);
  // A meeting of this name is not a failure.
  CHECK(result_of(with(200, bbb::success({{"a", std::string(200, 'x')}, {"name", "FAILED"}}))) ==
        CallResult::success);
}

TEST_CASE("kinds of calls and calls have the same names in the same order") {
  for (const std::string_view name :
       {"create", "join", "isMeetingRunning", "getMeetingInfo", "getMeetings", "end"}) {
    const auto route = parse_route("/bbb/key/bigbluebutton/api/" + std::string(name));
    REQUIRE(route);
    CHECK(to_string(CallKind(int(route->call))) == name);
  }
  CHECK(to_string(CallKind(int(CallName::index))) == "index");
  CHECK(to_string(CallKind(int(CallName::unsupported))) == "unsupported");
}

TEST_CASE("outcomes of attempts") {
  CHECK(to_string(outcome_label(Attempt::created)) == "created");
  CHECK(to_string(outcome_label(Attempt::refused)) == "refused");
  CHECK(to_string(outcome_label(Attempt::not_acted)) == "not_acted");
  CHECK(to_string(outcome_label(Attempt::unknown)) == "unknown");
}

}  // namespace
}  // namespace b3::gateway
