// What the writers write and what the OpenAPI document says must be one thing.
#include <doctest/doctest.h>

#include <set>

#include "api/rig_test.h"
#include "api/router.h"

namespace b3::api {
namespace {

using test::Rig;

// `optional`: members that are only there sometimes.
void check_members(const json::value& value, std::string_view name) {
  const auto& object = value.as_object();
  const auto& described = schema(name);
  std::set<std::string_view> known;
  for (const Field& field : described.fields) {
    known.insert(field.name);
    CHECK_MESSAGE((!field.required || object.contains(field.name)), name, " lacks ", field.name);
  }
  for (const auto& member : object) {
    CHECK_MESSAGE(known.contains(member.key()), name, " has ", std::string_view(member.key()));
  }
}

}  // namespace

TEST_CASE("what the writers write is what the schemas say") {
  Rig rig;
  const auto frontend_id = rig.add_frontend("moodle");
  const auto backend_id = rig.add_backend("https://node1.example.org");
  const auto meeting = rig.bind(rig.place("moodle", "m1", frontend_id, backend_id), "internal-1");
  const auto frontend = rig.call("GET", "/api/v1/frontends/" + frontend_id).body;
  check_members(frontend, "Frontend");
  check_members(frontend.at("bbb"), "FrontendBbb");
  const auto backend = rig.call("GET", "/api/v1/backends/" + backend_id).body;
  check_members(backend, "Backend");
  check_members(backend.at("bbb"), "BackendBbb");
  check_members(backend.at("health"), "Health");
  const auto shown = rig.call("GET", "/api/v1/meetings/moodle~m1").body;
  check_members(shown, "Meeting");
  check_members(shown.at("counts"), "Counts");
  const auto status = rig.call("GET", "/api/v1/status").body;
  check_members(status, "Status");
  check_members(status.at("database"), "Database");
  check_members(rig.call("GET", "/api/v1/frontends/nothing").body, "Problem");
  check_members(rig.call("DELETE", "/api/v1/tokens/t-1").body, "RevokedToken");
  check_members(rig.call("POST", "/api/v1/commands",
                         R"({"action":"refresh","backend_id":")" + backend_id + "\"}")
                    .body,
                "Command");
  for (const auto& record : rig.call("GET", "/api/v1/audit").body.as_array()) {
    check_members(record, "AuditRecord");
  }
}

TEST_CASE("what is shown may be sent back") {
  for (const auto& [shown, taken] :
       {std::pair{"Frontend", "FrontendInput"}, std::pair{"Backend", "BackendInput"}}) {
    std::set<std::string_view> known;
    for (const Field& field : schema(taken).fields) known.insert(field.name);
    for (const Field& field : schema(shown).fields) CHECK(known.contains(field.name));
  }
}

TEST_CASE("what a request must have it is refused without, and nothing else is required") {
  Rig rig;
  const auto backend_id = rig.add_backend("https://node1.example.org");
  struct {
    std::string_view schema;
    std::string target;
    std::string smallest;
    std::string caller;
    int status;  // of the smallest
  } const requests[] = {
      {"NewFrontend", "/api/v1/frontends", R"({"bbb":{"key":"math"}})", test::admin(), 201},
      {"NewBackend", "/api/v1/backends", R"({"bbb":{"host":"https://n2","secret":"s"}})",
       test::admin(), 201},
      {"NewBackend", "/api/v1/backends", R"({"bbb":{"host":"https://n3","secret":"s"}})",
       test::node("n3"), 201},
      {"CommandInput", "/api/v1/commands",
       R"({"action":"refresh","backend_id":")" + backend_id + "\"}", test::admin(), 202},
      {"RpcInput", "/api/v1/agent/rpc", R"({"action":"batch","payload":{"calls":[]}})",
       test::node("n3"), 200},
  };
  for (const auto& request : requests) {
    CAPTURE(request.schema);
    const auto smallest = json::parse(request.smallest).as_object();
    for (const Field& field : schema(request.schema).fields) {
      if (!field.required) continue;
      REQUIRE(smallest.contains(field.name));
      auto without = smallest;
      without.erase(field.name);
      CHECK(rig.call("POST", request.target, json::serialize(without), request.caller).status ==
            400);
      const auto* inner = smallest.at(field.name).if_object();
      if (inner == nullptr || field.type == "any") continue;
      for (const Field& part : schema(field.type).fields) {
        if (!part.required) continue;
        REQUIRE(inner->contains(part.name));
        auto less = smallest;
        less[field.name].get_object().erase(part.name);
        CHECK(rig.call("POST", request.target, json::serialize(less), request.caller).status ==
              400);
      }
    }
    CHECK(rig.call("POST", request.target, request.smallest, request.caller).status ==
          request.status);
  }
  const std::string recording = "/api/v1/recordings/" + std::string(40, 'a') + "-1700000000000";
  CHECK(rig.call("PATCH", recording, "{}").status == 400);
  CHECK(rig.call("PATCH", recording, R"({"visibility":"public"})").status == 501);
  CHECK(rig.call("PATCH", "/api/v1/backends/" + backend_id, "{}").status == 200);
  CHECK(rig.call("POST", "/api/v1/agent/heartbeat", "", test::node("n3")).status == 200);
}

TEST_CASE("the document describes every route once, and every reference leads somewhere") {
  Rig rig;
  const auto reply = rig.call("GET", "/api/v1/openapi.json", {}, "");  // no token
  REQUIRE(reply.status == 200);
  CHECK(reply.text("/openapi") == "3.1.0");
  std::set<std::string> operations;
  for (const auto& path : reply.at("/paths").as_object()) {
    for (const auto& method : path.value().as_object()) {
      CHECK(operations.insert(std::string(method.value().at("operationId").as_string())).second);
    }
  }
  CHECK(operations.size() == routes().size());
  const auto text = json::serialize(reply.body);
  constexpr std::string_view marker = "\"#\\/components\\/schemas\\/";
  std::size_t references = 0;
  for (auto at = text.find(marker); at != std::string::npos; at = text.find(marker, at + 1)) {
    const auto begin = at + marker.size();
    CHECK_NOTHROW(schema(text.substr(begin, text.find('"', begin) - begin)));
    ++references;
  }
  if (references == 0) {  // this library does not escape '/'
    constexpr std::string_view plain = "\"#/components/schemas/";
    for (auto at = text.find(plain); at != std::string::npos; at = text.find(plain, at + 1)) {
      const auto begin = at + plain.size();
      CHECK_NOTHROW(schema(text.substr(begin, text.find('"', begin) - begin)));
      ++references;
    }
  }
  CHECK(references > 20);
}

}  // namespace b3::api
