#include "base/url.h"

#include <doctest/doctest.h>

using namespace b3;
using namespace std::string_view_literals;

TEST_CASE("URLs are taken apart") {
  CHECK(parse_url("http://node") == Url{false, "node", 80, "/"});
  CHECK(parse_url("https://Node.Example.ORG:8443/a/b") ==
        Url{true, "node.example.org", 8443, "/a/b"});
  CHECK(parse_url("HTTPS://node:443/") == Url{true, "node", 443, "/"});
  CHECK(parse_url("http://10.0.0.1:65535/x%20y") == Url{false, "10.0.0.1", 65535, "/x%20y"});
  CHECK(parse_url("http://[2001:DB8:0::1]:81/") == Url{false, "2001:db8::1", 81, "/"});
  CHECK(parse_url("http://xn--bcher-kva.example/") == Url{false, "xn--bcher-kva.example", 80, "/"});
}

TEST_CASE("origin and authority leave out the default port") {
  CHECK(parse_url("https://a:443/x")->origin() == "https://a");
  CHECK(parse_url("https://a:80/x")->origin() == "https://a:80");
  CHECK(parse_url("http://a:80/x")->authority() == "a");
  CHECK(parse_url("http://[::1]/x")->authority() == "[::1]");
  CHECK(parse_url("http://[::1]:9000/x")->origin() == "http://[::1]:9000");
}

TEST_CASE("what is not a plain absolute http URL is refused with a sentence") {
  for (const auto text : {""sv,
                          "node"sv,
                          "//node/"sv,
                          "ftp://node/"sv,
                          "javascript://node/"sv,
                          "http:/node"sv,
                          "http://"sv,
                          "http:///path"sv,
                          "http://user@node/"sv,
                          "http://user:pw@node/"sv,
                          "http://node?x=1"sv,
                          "http://node/?"sv,
                          "http://node/#top"sv,
                          "http://node#"sv,
                          "http://node:0/"sv,
                          "http://node:65536/"sv,
                          "http://node:/"sv,
                          "http://node:8a/"sv,
                          "http://node:-1/"sv,
                          "http://node:+80/"sv,
                          "http://no de/"sv,
                          "http://node/a b"sv,
                          "http://node/\r\nHost: evil"sv,
                          "http://node/\0"sv,
                          "http://n\0de/"sv,
                          "http://node\\x/"sv,
                          "http://a..b/"sv,
                          "http://.a/"sv,
                          "http://a./"sv,
                          "http://-a/"sv,
                          "http://b\xC3\xBC"sv,
                          "http://node/%"sv,
                          "http://node/%4"sv,
                          "http://node/%zz"sv,
                          "http://node/a/../b"sv,
                          "http://node/."sv,
                          "http://[::1"sv,
                          "http://[::1]x/"sv,
                          "http://[::g]/"sv,
                          "http://[]/"sv,
                          "http://[127.0.0.1]/"sv,
                          "http://[fe80::1%25eth0]/"sv,
                          "http://::1/"sv,
                          "http://127.1/"sv,
                          "http://1.2.3.256/"sv,
                          "http://0x7f000001/"sv,
                          "http://2130706433/"sv,
                          " http://node/"sv,
                          "http://node/ "sv,
                          "http://node/<x>"sv}) {
    CAPTURE(text);
    const auto url = parse_url(text);
    REQUIRE_FALSE(url);
    CHECK(url.error().ends_with('.'));
  }
}

TEST_CASE("host names and URLs are bounded") {
  const std::string label(63, 'a');
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
  CHECK(parse_url("http://" + longest + "/"));
  CHECK_FALSE(parse_url("http://" + longest + "b/"));
  CHECK_FALSE(parse_url("http://" + label + "a/"));
  CHECK_FALSE(parse_url("http://node/" + std::string(4000, 'x')));
}

TEST_CASE("errors name no password") {
  const auto url = parse_url("http://admin:hunter2@node/");
  REQUIRE_FALSE(url);
  CHECK_FALSE(url.error().contains("hunter2"));
}

TEST_CASE("a node's API base is normalised") {
  CHECK(normalize_backend_host("https://node") == "https://node/bigbluebutton/api/");
  CHECK(normalize_backend_host("https://node/") == "https://node/bigbluebutton/api/");
  CHECK(normalize_backend_host("https://Node:443/bigbluebutton/api") ==
        "https://node/bigbluebutton/api/");
  CHECK(normalize_backend_host("http://node:8080/x/api///") == "http://node:8080/x/api/");
  CHECK(normalize_backend_host("http://node:80/n1/bigbluebutton/api/") ==
        "http://node/n1/bigbluebutton/api/");
  CHECK_FALSE(normalize_backend_host("node.example.org"));
  CHECK_FALSE(normalize_backend_host("https://node/bigbluebutton/api?x"));
}

TEST_CASE("normalising twice changes nothing") {
  for (const auto text : {"https://node", "http://[::1]:8090/x", "https://node:8443/a/b/"}) {
    const auto once = normalize_backend_host(text);
    REQUIRE(once);
    CHECK(normalize_backend_host(*once) == once);
  }
}
