#include "http/response_parser.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

using namespace b3::http;

namespace {

constexpr std::size_t max_body = 1024 * 1024;

// Parses as the client does: everything unused is given again, with more.
struct Reading {
  explicit Reading(std::size_t body = max_body) : parser(response, false, body) {}

  // False when the answer is refused.
  bool feed(std::string_view bytes, std::size_t piece = 8 * 1024) {
    while (!bytes.empty() && !error && !parser.is_done()) {
      const std::size_t size = std::min(piece, bytes.size());
      pending.append(bytes.substr(0, size));
      bytes.remove_prefix(size);
      pending.erase(0, parser.parse(pending, error));
      most_pending = std::max(most_pending, pending.size());
    }
    return !error;
  }

  ClientResponse response;
  ResponseParser parser;
  ResponseParser::Error error;
  std::string pending;
  std::size_t most_pending = 0;
};

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("a hostile node's head is bounded") {
  SUBCASE("many headers") {
    Reading few;
    std::string head = ok;
    for (std::size_t i = 0; i < ResponseParser::max_headers; ++i) head += "A:b\r\n";
    CHECK(few.feed(head + "\r\nx"));
    CHECK(few.parser.begun());
    Reading many;
    CHECK_FALSE(many.feed(head + "A:b\r\n\r\nx"));
    CHECK(many.response.headers.size() <= ResponseParser::max_headers);
  }
  SUBCASE("one endless header") {
    Reading reading;
    CHECK_FALSE(reading.feed(ok + "X: " + std::string(200'000, 'x')));
    CHECK(reading.most_pending <= 80 * 1024);
  }
  SUBCASE("an endless status line") {
    Reading reading;
    CHECK_FALSE(reading.feed("HTTP/1.1 200 " + std::string(200'000, 'x')));
    CHECK(reading.most_pending <= 80 * 1024);
  }
  SUBCASE("byte by byte") {
    Reading reading;
    CHECK_FALSE(reading.feed(ok + "X: " + std::string(70'000, 'x'), 1));
    CHECK(reading.most_pending <= ResponseParser::max_header_bytes);
  }
}

TEST_CASE("a hostile node's chunks are bounded") {
  SUBCASE("an endless chunk size") {
    Reading reading;
    CHECK_FALSE(reading.feed(chunked + std::string(100'000, '0')));
    CHECK(reading.most_pending <= 32 * 1024);
  }
  SUBCASE("an endless chunk extension") {
    Reading reading;
    CHECK_FALSE(reading.feed(chunked + "1;" + std::string(100'000, 'x')));
    CHECK(reading.most_pending <= 32 * 1024);
  }
  SUBCASE("endless trailers") {
    Reading reading;
    CHECK_FALSE(reading.feed(chunked + "0\r\nX: " + std::string(100'000, 'x')));
    CHECK(reading.most_pending <= 32 * 1024);
  }
  SUBCASE("many trailers") {
    Reading reading;
    std::string trailers = chunked + "0\r\n";
    for (int i = 0; i < 300; ++i) trailers += "A:b\r\n";
    CHECK_FALSE(reading.feed(trailers + "\r\n"));
  }
  SUBCASE("large extensions on every tiny chunk") {
    Reading reading;
    std::string body = chunked;
    for (int i = 0; i < 100; ++i) body += "1;" + std::string(8'000, 'x') + "\r\nx\r\n";
    CHECK_FALSE(reading.feed(body));
    CHECK(reading.response.body.size() < 50);
  }
  SUBCASE("chunks of one byte are no offence") {
    Reading reading;
    std::string body = chunked;
    for (int i = 0; i < 100'000; ++i) body += "1\r\nx\r\n";
    CHECK(reading.feed(body + "0\r\n\r\n"));
    CHECK(reading.parser.is_done());
    CHECK(reading.response.body.size() == 100'000);
  }
  SUBCASE("large chunks are no offence either") {
    Reading reading;
    CHECK(reading.feed(chunked + "80000\r\n" + std::string(0x80000, 'x') + "\r\n0\r\n\r\n"));
    CHECK(reading.parser.is_done());
    CHECK(reading.response.body.size() == 0x80000);
  }
}

TEST_CASE("trailers do not pass for headers") {
  Reading reading;
  CHECK(reading.feed(chunked + "2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n", 1));
  CHECK(reading.parser.is_done());
  CHECK(reading.response.headers.size() == 1);
  CHECK(reading.response.body == "ok");
}
