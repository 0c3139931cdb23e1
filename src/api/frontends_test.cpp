#include <doctest/doctest.h>

#include "api/rig_test.h"

namespace b3::api {
namespace {

using test::Rig;

TEST_CASE("a frontend is created with a random secret, listed, and found") {
  Rig rig;
  const auto created = rig.call("POST", "/api/v1/frontends",
                                R"({"bbb":{"key":"moodle"},"account_ref":"school",
                                    "settings":{"required_tags":["eu"],"own":{"x":1}}})");
  REQUIRE(created.status == 201);
  CHECK(created.header("Location") == "/api/v1/frontends/" + created.text("/id"));
  CHECK(created.text("/bbb/key") == "moodle");
  const auto secret = created.text("/bbb/secret");
  CHECK(secret.size() == 40);
  CHECK(secret.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(created.at("/active") == true);
  CHECK(created.text("/account_ref") == "school");
  CHECK(created.at("/settings/own/x") == 1);
  CHECK(created.text("/created_at") == "2023-11-14T22:13:20.000Z");

  REQUIRE(rig.view.frontend_by_key("moodle"));
  CHECK(rig.view.frontend_by_key("moodle")->settings.required_tags ==
        std::vector<std::string>{"eu"});
  const auto shown = rig.call("GET", "/api/v1/frontends/" + created.text("/id"));
  CHECK(shown.status == 200);
  CHECK(shown.body == created.body);
  CHECK(rig.call("GET", "/api/v1/frontends/").body.as_array().size() == 1);
}

TEST_CASE("a frontend that makes no sense is refused field by field") {
  Rig rig;
  const auto create = [&](std::string body) {
    auto reply = rig.call("POST", "/api/v1/frontends", std::move(body));
    CHECK(reply.status == 400);
    CHECK(reply.text("/error") == "validation_error");
    return reply.at("/fields").as_object();
  };
  CHECK(create("{}").contains("bbb.key"));
  CHECK(create(R"({"bbb":{}})").contains("bbb.key"));
  CHECK(create(R"({"bbb":[]})").contains("bbb"));
  CHECK(create(R"({"bbb":null})").contains("bbb"));
  CHECK(create(R"({"bbb":{"key":"a~b"}})").contains("bbb.key"));
  CHECK(create(R"({"bbb":{"key":""}})").contains("bbb.key"));
  CHECK(create(R"({"bbb":{"key":7}})").contains("bbb.key"));
  CHECK(create(R"({"bbb":{"key":"a","secret":""}})").contains("bbb.secret"));
  CHECK(create(R"({"bbb":{"key":"a","secret":"  \t "}})").contains("bbb.secret"));
  CHECK(create(R"({"bbb":{"key":"a","secret":"a\u0000b"}})").contains("bbb.secret"));
  CHECK(create(R"({"bbb":{"key":"a","secret":null}})").contains("bbb.secret"));
  CHECK(create(R"({"bbb":{"key":"a"},"active":"yes"})").contains("active"));
  CHECK(create(R"({"bbb":{"key":"a"},"aktive":true})").contains("aktive"));
  CHECK(create(R"({"bbb":{"key":"a","sercet":"x"}})").contains("bbb.sercet"));
  CHECK(create(R"({"bbb":{"key":"a"},"settings":[]})").contains("settings"));
  CHECK(create(R"({"bbb":{"key":"a"},"settings":{"x":"\u0000"}})").contains("settings"));
  const auto fields = create(R"({"bbb":{"key":"a"},"settings":{"required_tags":"eu"}})");
  REQUIRE(fields.size() == 1);
  CHECK(std::string_view(fields.begin()->key()).starts_with("settings.required_tags"));
  const auto two = create(R"({"bbb":{"key":"~","secret":""}})");
  CHECK(two.size() == 2);
  CHECK(rig.view.frontends().empty());
}

TEST_CASE("a key is unique") {
  Rig rig;
  rig.add_frontend("moodle");
  const auto again = rig.call("POST", "/api/v1/frontends", R"({"bbb":{"key":"moodle"}})");
  CHECK(again.status == 409);
  CHECK(again.text("/error") == "conflict");
  const auto other = rig.add_frontend("greenlight");
  const auto renamed =
      rig.call("PATCH", "/api/v1/frontends/" + other, R"({"bbb":{"key":"moodle"}})");
  CHECK(renamed.status == 409);
  CHECK(rig.view.frontend(other)->frontend.key == "greenlight");
}

TEST_CASE("lists are filtered, ordered and paged") {
  Rig rig;
  for (const auto* key : {"c", "a", "d", "b"}) rig.add_frontend(key, "school");
  rig.add_frontend("x", "other");
  rig.call("PATCH", "/api/v1/frontends/" + rig.view.frontend_by_key("b")->frontend.id,
           R"({"active":false})");
  const auto keys = [&](std::string query, std::string token = test::admin()) {
    const auto reply = rig.call("GET", "/api/v1/frontends" + query, "", token);
    REQUIRE(reply.status == 200);
    std::string all = reply.header("X-Total-Count") + ":";
    for (const auto& frontend : reply.body.as_array()) {
      all += std::string(frontend.at("bbb").at("key").as_string());
    }
    return all;
  };
  CHECK(keys("") == "5:abcdx");
  CHECK(keys("?key=c") == "1:c");
  CHECK(keys("?key=") == "0:");
  CHECK(keys("?account_ref=school") == "4:abcd");
  CHECK(keys("?active=false") == "1:b");
  CHECK(keys("?active=1&account_ref=other") == "1:x");
  CHECK(keys("?limit=2&offset=1") == "5:bc");
  CHECK(keys("?offset=9") == "5:");
  CHECK(keys("?limit=0") == "5:");
  CHECK(keys("", test::tenant("other")) == "1:x");
  CHECK(keys("?account_ref=school", test::tenant("other")) == "0:");
  CHECK(keys("", test::tenant("")) == "0:");

  for (const auto* query : {"?active=maybe", "?limit=-1", "?limit=x", "?offset=1e3", "?kye=a"}) {
    CHECK(rig.call("GET", std::string("/api/v1/frontends") + query).text("/error") ==
          "validation_error");
  }
  CHECK(rig.call("GET", "/api/v1/frontends?key=%zz").text("/error") == "bad_request");
}

TEST_CASE("a tenant sees its own frontends only") {
  Rig rig;
  const auto own = rig.add_frontend("own", "school");
  const auto foreign = rig.add_frontend("foreign", "other");
  const auto free = rig.add_frontend("free");
  const auto token = test::tenant("school");
  CHECK(rig.call("GET", "/api/v1/frontends/" + own, "", token).status == 200);
  CHECK(rig.call("GET", "/api/v1/frontends/" + foreign, "", token).status == 404);
  CHECK(rig.call("GET", "/api/v1/frontends/" + free, "", token).status == 404);
  CHECK(rig.call("PATCH", "/api/v1/frontends/" + own, R"({"active":false})", token).status == 403);
}

TEST_CASE("PATCH changes what is given and nothing else") {
  Rig rig;
  const auto created = rig.call("POST", "/api/v1/frontends",
                                R"({"bbb":{"key":"moodle","secret":"first"},"account_ref":"school",
          "settings":{"required_tags":["eu"],"own":{"x":1,"y":2}}})");
  const auto path = "/api/v1/frontends/" + created.text("/id");
  rig.now += std::chrono::seconds(5);

  auto changed = rig.call("PATCH", path, R"({"settings":{"own":{"x":null,"z":3},"more":true}})");
  REQUIRE(changed.status == 200);
  CHECK(json::serialize(changed.at("/settings/own")) == R"({"y":2,"z":3})");
  CHECK(changed.at("/settings/more") == true);
  CHECK(changed.at("/settings/required_tags").as_array().size() == 1);
  CHECK(changed.text("/bbb/secret") == "first");
  CHECK(changed.text("/account_ref") == "school");
  CHECK(changed.text("/created_at") == created.text("/created_at"));
  CHECK(changed.text("/updated_at") == "2023-11-14T22:13:25.000Z");

  changed = rig.call("PATCH", path, R"({"settings":{"required_tags":null},"account_ref":null})");
  CHECK_FALSE(changed.at("/settings").as_object().contains("required_tags"));
  CHECK(changed.at("/account_ref").is_null());
  CHECK(rig.view.frontend_by_key("moodle")->settings.required_tags.empty());

  changed = rig.call("PATCH", path, R"({"bbb":{"key":"moodle2","secret":"new"},"active":false})");
  CHECK(changed.text("/bbb/key") == "moodle2");
  CHECK(changed.text("/bbb/secret") == "new");
  CHECK(changed.at("/active") == false);
  CHECK_FALSE(rig.view.frontend_by_key("moodle"));
  CHECK(rig.call("PATCH", path, json::serialize(changed.body)).status == 200);

  for (const auto* body : {R"({"bbb":{"secret":null}})", R"({"bbb":{"secret":""}})",
                           R"({"bbb":{"key":null}})", R"({"active":null})", R"({"settings":null})",
                           R"({"settings":{"required_tags":[1]}})", R"({"bbb":{"key":".."}})"}) {
    CAPTURE(body);
    CHECK(rig.call("PATCH", path, body).text("/error") == "validation_error");
  }
  CHECK(rig.call("GET", path).text("/bbb/secret") == "new");
}

TEST_CASE("ids that name nothing give 404") {
  Rig rig;
  for (const auto* id : {"nonsense", "00000000-0000-4000-8000-000000000000", "%20", "..%2f"}) {
    const auto path = std::string("/api/v1/frontends/") + id;
    CHECK(rig.call("GET", path).status == 404);
    CHECK(rig.call("PATCH", path, R"({"active":true})").status == 404);
    CHECK(rig.call("DELETE", path).status == 404);
  }
  CHECK(rig.call("GET", "/api/v1/frontends/%zz").status == 400);
}

TEST_CASE("a frontend with meetings keeps its key and is deleted only by force") {
  Rig rig;
  const auto frontend = rig.add_frontend("moodle");
  const auto backend = rig.add_backend("https://a.example");
  rig.place("moodle", "math", frontend, backend);
  const auto path = "/api/v1/frontends/" + frontend;

  CHECK(rig.call("PATCH", path, R"({"bbb":{"key":"other"}})").text("/error") == "conflict");
  CHECK(rig.call("PATCH", path, R"({"bbb":{"key":"moodle"}})").status == 200);
  CHECK(rig.call("DELETE", path).text("/error") == "in_use");
  CHECK(rig.call("DELETE", path + "?force=no").status == 400);
  CHECK(rig.call("DELETE", path + "?force=false").status == 409);
  const auto gone = rig.call("DELETE", path + "?force=1");
  CHECK(gone.status == 200);
  CHECK(gone.text("/id") == frontend);
  CHECK_FALSE(rig.view.frontend(frontend));
  CHECK(rig.view.meeting_count() == 0);
  CHECK(rig.call("DELETE", path + "?force=true").status == 404);
}

}  // namespace
}  // namespace b3::api
