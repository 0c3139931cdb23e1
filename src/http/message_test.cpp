#include "http/message.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "http/request_id.h"
#include "http/response_writer.h"

using namespace b3::http;

namespace {

Response respond(int status, std::vector<Header> headers, std::string body) {
  Response response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = std::move(body);
  return response;
}

constexpr ResponseContext context{.date = "Sat, 21 Nov 2026 22:00:00 GMT", .request_id = "0011"};
constexpr std::string_view common =
    "Server: b3scale\r\nDate: Sat, 21 Nov 2026 22:00:00 GMT\r\nX-Request-ID: 0011\r\n";

std::string write(const Response& response, const ResponseContext& how = context) {
  std::string out;
  append_response(out, response, how);
  return out;
}

}  // namespace

TEST_CASE("parts of a request") {
  Request request;
  request.target = "/a/b?c=d?e";
  CHECK(request.path() == "/a/b");
  CHECK(request.query() == "c=d?e");
  request.target = "/a?";
  CHECK(request.query() == "");
  request.target = "/a";
  CHECK(request.path() == "/a");
  CHECK(request.query() == "");
  CHECK(request.content_type() == "");
  request.headers = {{"CONTENT-TYPE", " Application/X-WWW-Form-URLencoded ; charset=UTF-8"},
                     {"Content-Type", "second"}};
  CHECK(request.content_type() == "application/x-www-form-urlencoded");
  CHECK(request.header("content-typ") == nullptr);
  request.headers = {{"Content-Type", ";"}};
  CHECK(request.content_type() == "");
}

TEST_CASE("responses as bytes") {
  const Response response = respond(302, {{"Location", "/x"}}, "moved");
  CHECK(write(response) == "HTTP/1.1 302 Found\r\n" + std::string(common) +
                               "Location: /x\r\nContent-Length: 5\r\n\r\nmoved");
  ResponseContext how = context;
  how.head = true;
  how.close = true;
  CHECK(write(response, how) ==
        "HTTP/1.1 302 Found\r\n" + std::string(common) +
            "Location: /x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
  CHECK(write(respond(299, {}, "")) ==
        "HTTP/1.1 299 Unknown\r\n" + std::string(common) + "Content-Length: 0\r\n\r\n");
  CHECK(write(respond(304, {}, "none")) ==
        "HTTP/1.1 304 Not Modified\r\n" + std::string(common) + "\r\n");
}

TEST_CASE("a handler cannot break the framing") {
  const std::string written = write(respond(200,
                                            {{"content-length", "99"},
                                             {"Transfer-Encoding", "chunked"},
                                             {"connection", "upgrade"},
                                             {"DATE", "x"},
                                             {"X-Request-Id", "x"},
                                             {"Server", "x"}},
                                            "ok"));
  CHECK(written == "HTTP/1.1 200 OK\r\n" + std::string(common) + "Content-Length: 2\r\n\r\nok");
  const Response split[] = {respond(200, {{"A", "b\r\nC: d"}}, ""),
                            respond(200, {{"A", "b\nC: d"}}, ""),
                            respond(200, {{"A", std::string("b\0c", 3)}}, ""),
                            respond(200, {{"A\r\nC", "b"}}, ""),
                            respond(200, {{"", "b"}}, ""),
                            respond(100, {}, ""),
                            respond(0, {}, "")};
  for (const Response& each : split) {
    std::string out;
    CHECK_FALSE(append_response(out, each, context));
    CHECK(out.starts_with("HTTP/1.1 500 "));
    CHECK(out.find("\nC: d") == std::string::npos);
  }
}

TEST_CASE("request ids are unique, well-formed and do not count up") {
  RequestIds ids;
  RequestIds others;
  std::set<std::string> seen;
  std::string id;
  std::string previous;
  bool rising = true;
  for (int i = 0; i < 10'000; ++i) {
    previous = id;
    ids.next(id);
    rising = rising && id > previous;
    REQUIRE(id.size() == 16);
    REQUIRE(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(seen.insert(id).second);
  }
  CHECK_FALSE(rising);
  others.next(id);
  CHECK(seen.count(id) == 0);
}
