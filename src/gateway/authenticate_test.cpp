#include "gateway/authenticate.h"

#include <doctest/doctest.h>

#include "bbb/checksum.h"

using namespace b3;
using namespace b3::gateway;

namespace {

constexpr std::string_view secret = "tenant-secret";

struct Fixture {
  view::View view;
  Route route{"moodle", CallName::create, "create"};

  Fixture() {
    Frontend frontend;
    frontend.id = "f1";
    frontend.key = "moodle";
    frontend.secret = secret;
    view.put(frontend);
    frontend.id = "f2";
    frontend.key = "closed";
    frontend.active = false;
    view.put(frontend);
  }

  static std::string sign(std::string_view query, std::string_view with = secret) {
    return bbb::signed_query(HashAlgorithm::sha256, "create", query, with);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a signed query is admitted without its checksum") {
  const auto call = authenticate(view, route, sign("meetingID=math&name=M"));
  REQUIRE(call);
  CHECK(call->frontend_id == "f1");
  CHECK(call->parameters.get("meetingID") == "math");
  CHECK(call->parameters.find("checksum") == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "strangers can not tell unknown, disabled and wrong apart") {
  const auto wrong = authenticate(view, route, sign("meetingID=math", "guess"));
  const auto missing = authenticate(view, route, "meetingID=math");
  route.frontend_key = "closed";
  const auto disabled = authenticate(view, route, sign("meetingID=math"));
  route.frontend_key = "nobody";
  const auto unknown = authenticate(view, route, sign("meetingID=math"));
  for (const auto* refused : {&wrong, &missing, &disabled, &unknown}) {
    REQUIRE_FALSE(*refused);
    CHECK(refused->error().message_key == "checksumError");
    CHECK(refused->error().message == wrong.error().message);
  }
}

TEST_CASE_FIXTURE(Fixture, "a wrong checksum is refused before parameters are judged") {
  const auto refused = authenticate(view, route, "a=%zz&checksum=" + std::string(64, '0'));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message_key == "checksumError");
  const auto malformed = authenticate(view, route, sign("a=%zz"));
  REQUIRE_FALSE(malformed);
  CHECK(malformed.error().message_key == "validationError");
}

TEST_CASE_FIXTURE(Fixture, "the checksum signs the call it was made for") {
  route.call_text = "end";
  CHECK_FALSE(authenticate(view, route, sign("meetingID=math")));
}

TEST_CASE_FIXTURE(Fixture, "a form is covered by its checksum wherever that stands") {
  CHECK(authenticate_form(view, route, "", sign("meetingID=math")));
  // BBB's own way: all parameters sorted, whether they came in the query or in the body.
  const auto checksum = bbb::sign(HashAlgorithm::sha256, "create", "meetingID=math&name=M", secret);
  CHECK(authenticate_form(view, route, "checksum=" + checksum, "name=M&meetingID=math"));
  CHECK(authenticate_form(view, route, "meetingID=math&checksum=" + checksum, "name=M"));
}

TEST_CASE_FIXTURE(Fixture, "unsigned form parameters can not ride on a signed query") {
  CHECK_FALSE(authenticate_form(view, route, sign("meetingID=math"), "name=M"));
  CHECK_FALSE(authenticate_form(view, route, sign("meetingID=math"), "meetingID=other"));
}

TEST_CASE_FIXTURE(Fixture, "an id is trimmed as nodes do it, so that it is found again") {
  CHECK(authenticate(view, route, sign("meetingID=+math+"))->parameters.get("meetingID") == "math");
}
