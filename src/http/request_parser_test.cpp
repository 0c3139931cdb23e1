#include "http/request_parser.h"

#include <doctest/doctest.h>

using namespace b3::http;

namespace {

const std::string start = "POST /a?b HTTP/1.1\r\nHost: h\r\n";

int refused_with(std::string_view input, std::size_t header_bytes = 1024) {
  ReusedRequest storage;
  RequestParser parser(storage, header_bytes);
  const Step step = parser.parse_head(input);
  return step.progress == Progress::refused ? parser.refusal().status : 0;
}

}  // namespace

TEST_CASE("a head and what follows it") {
  ReusedRequest storage;
  RequestParser parser(storage, 1024);
  const std::string head = start + "Content-Length: 3\r\nX-A:  b \t\r\nX-Empty:\r\n\r\n";
  CHECK_FALSE(parser.head_begun());
  const Step step = parser.parse_head("\r\n" + head + "abcGET");
  CHECK(step.progress == Progress::done);
  CHECK(step.consumed == head.size() + 2);
  CHECK(storage.request.method == "POST");
  CHECK(storage.request.target == "/a?b");
  CHECK(storage.request.path() == "/a");
  CHECK(storage.request.query() == "b");
  CHECK(*storage.request.header("x-a") == "b");
  CHECK(*storage.request.header("X-EMPTY") == "");
  CHECK(storage.request.has_body);
  CHECK(parser.announced_length() == 3);
  CHECK_FALSE(parser.body_done());
  std::string body;
  const Step rest = parser.parse_body("abcGET", &body, 3);
  CHECK(rest.progress == Progress::done);
  CHECK(rest.consumed == 3);
  CHECK(body == "abc");
}

TEST_CASE("storage is reused without leaking one request into the next") {
  ReusedRequest storage;
  storage.request.remote_address = "10.0.0.1";
  for (const std::string name : {"X-Long-Name-Of-A-Header", "Y"}) {
    storage.clear();
    RequestParser parser(storage, 1024);
    REQUIRE(parser.parse_head("GET / HTTP/1.1\r\nHost: h\r\n" + name + ": 1\r\n\r\n").progress ==
            Progress::done);
    REQUIRE(storage.request.headers.size() == 2);
    CHECK(storage.request.headers[1].name == name);
    CHECK_FALSE(storage.request.has_body);
    CHECK(storage.request.remote_address == "10.0.0.1");
  }
  CHECK(storage.request.header("X-Long-Name-Of-A-Header") == nullptr);
}

TEST_CASE("the header limit is exact") {
  const std::string head = start + "X: " + std::string(100, 'x') + "\r\n\r\n";
  CHECK(refused_with(head, head.size()) == 0);
  CHECK(refused_with(head, head.size() - 1) == 431);
  CHECK(refused_with(head.substr(0, head.size() - 2), head.size() - 2) == 431);
  CHECK(refused_with(std::string(2000, '\r')) == 431 - 31);  // a bare CR is no method
  std::string lines;
  while (lines.size() < 2000) lines += "\r\n";
  CHECK(refused_with(lines) == 431);
}

TEST_CASE("repeated equal lengths are one length") {
  ReusedRequest storage;
  RequestParser parser(storage, 1024);
  CHECK(parser.parse_head(start + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n").progress ==
        Progress::done);
  CHECK(parser.announced_length() == 3);
}

TEST_CASE("trailers are not headers and have their limit") {
  ReusedRequest storage;
  RequestParser parser(storage, 1024);
  REQUIRE(parser.parse_head(start + "Transfer-Encoding: chunked\r\n\r\n").progress ==
          Progress::done);
  CHECK(parser.announced_length() == std::nullopt);
  std::string body;
  SUBCASE("dropped") {
    CHECK(parser.parse_body("1\r\na\r\n0\r\nHost: evil\r\nX-T: 1\r\n\r\n", &body, 10).progress ==
          Progress::done);
    CHECK(body == "a");
    CHECK(*storage.request.header("Host") == "h");
    CHECK(storage.request.header("X-T") == nullptr);
  }
  SUBCASE("an empty body byte by byte") {
    const std::string_view end = "0\r\n\r\n";
    for (std::size_t size = 0; size < end.size(); ++size) {
      const Step step = parser.parse_body(end.substr(0, size), &body, 10);
      CHECK(step.progress == Progress::more);
      CHECK(step.consumed == 0);
    }
    CHECK(parser.parse_body(end, &body, 10).progress == Progress::done);
    CHECK(body.empty());
  }
  SUBCASE("too many") {
    const std::string trailers = "0\r\nX: " + std::string(RequestParser::max_chunk_line, 'x');
    CHECK(parser.parse_body(trailers, &body, 10).progress == Progress::refused);
    CHECK(parser.refusal().status == 400);
  }
  SUBCASE("the body limit counts decoded bytes") {
    CHECK(parser.parse_body("5\r\n12345\r\n", &body, 6).consumed == 8);
    CHECK(parser.parse_body("\r\n1\r\n6\r\n1\r\n7\r\n", &body, 6).progress == Progress::refused);
    CHECK(parser.refusal().status == 413);
    CHECK(body == "123456");
  }
  SUBCASE("a chunk longer than it said") {
    CHECK(parser.parse_body("1\r\nab\r\n0\r\n\r\n", &body, 10).progress == Progress::refused);
    CHECK(parser.refusal().status == 400);
  }
}

TEST_CASE("what is refused") {
  CHECK(refused_with("GET / HTTP/1.2\r\nHost: h\r\n\r\n") == 505);
  CHECK(refused_with("GET / HTTP/1.10\r\nHost: h\r\n\r\n") == 400);
  CHECK(refused_with("GET  / HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refused_with("GET /\tx HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refused_with("GET x HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refused_with("GET http://user@h/ HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refused_with("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refused_with("G\xc3\xa9T / HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refused_with(start + "Content-Length: 1, 2\r\n\r\n") == 400);
  CHECK(refused_with(start + "Content-Length: 1 2\r\n\r\n") == 400);
  CHECK(refused_with(start + "Content-Length:\r\n\r\n") == 400);
  CHECK(refused_with(start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        400);
  CHECK(refused_with(start + "Transfer-Encoding: xchunked\r\n\r\n") == 501);
}
