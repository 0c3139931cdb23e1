#include "gateway/pages.h"

#include <doctest/doctest.h>

using namespace b3::gateway;

TEST_CASE("the language follows Accept-Language and its qualities") {
  CHECK(choose_language("") == Language::english);
  CHECK(choose_language("de") == Language::german);
  CHECK(choose_language("de-AT,de;q=0.9,en;q=0.8") == Language::german);
  CHECK(choose_language("en;q=0.9, de;q=0.8") == Language::english);
  CHECK(choose_language("fr, de;q=0.3") == Language::german);
  CHECK(choose_language("DE") == Language::german);
  CHECK(choose_language("de;q=0") == Language::english);
  CHECK(choose_language("den") == Language::english);
  CHECK(choose_language("de;q=x,en") == Language::english);
}

TEST_CASE("the waiting page retries by itself on this host only") {
  const auto page = waiting_page(Language::german, "/b3s/retry-join/abc", "id-1");
  CHECK(page.status == 200);
  CHECK(page.body.find("content=\"3;url=/b3s/retry-join/abc\"") != std::string::npos);
  CHECK(page.body.find("<html lang=\"de\">") != std::string::npos);
  CHECK(page.body.find("id-1") != std::string::npos);
  CHECK(page.body.find("http://") == std::string::npos);
  CHECK(page.body.find("https://") == std::string::npos);
}

TEST_CASE("the not-found page is HTML and does not refresh") {
  const auto page = not_found_page(Language::english, "<x>");
  CHECK(page.status == 404);
  CHECK(*b3::http::find_header(page.headers, "content-type") == "text/html; charset=utf-8");
  CHECK(page.body.find("http-equiv=\"refresh\"") == std::string::npos);
  CHECK(page.body.find("<x>") == std::string::npos);
}

TEST_CASE("a redirect escapes its location in the body") {
  b3::http::Response response;
  redirect(response, "https://node/join?a=1&b=\"2\"");
  CHECK(response.status == 302);
  CHECK(*b3::http::find_header(response.headers, "Location") == "https://node/join?a=1&b=\"2\"");
  CHECK(response.body.find("a=1&amp;b=&quot;2&quot;") != std::string::npos);
}
