// Work that takes its time: drain, refresh, ending meetings, watching; tokens and audit.
#include <doctest/doctest.h>

#include "base/encoding.h"
#include "ctl/commands.h"
#include "ctl/script_test.h"
#include "ctl/table.h"
#include "ctl/watch_frame.h"
#include "ctl/xml_text.h"

namespace b3::ctl {
namespace {

namespace json = boost::json;

constexpr auto one_backend =
    R"([{"id":"b-1","bbb":{"host":"https://node1.example/bigbluebutton/api/","secret":"hush"}}])";
constexpr auto one_frontend = R"([{"id":"f-1","bbb":{"key":"moodle","secret":"hush"}}])";

Invocation invoke(Action action, std::string name = {}) {
  Invocation invocation;
  invocation.action = action;
  invocation.api_url = "http://api.example";
  invocation.name = std::move(name);
  return invocation;
}

struct Rig {
  std::expected<std::string, Failure> run(const Invocation& invocation, const Style& style = {}) {
    return run_command(invocation, api, style, console);
  }
  ScriptedApi api;
  ScriptedConsole console;
};

TEST_CASE("draining waits for the last meeting and shows what is left") {
  Rig rig;
  auto invocation = invoke(Action::drain_backend, "node1");
  invocation.wait = true;
  rig.api.will_answer(200, one_backend);
  rig.api.will_answer(202, R"({"id":"c-1","state":"requested"})");
  rig.api.will_answer(
      200, R"({"id":"c-1","state":"running","progress":{"meetings_left":1},"backend_id":"b-1"})");
  rig.api.will_answer(200, R"({"id":"c-1","state":"success"})");
  const auto output = rig.run(invocation);
  REQUIRE(output);
  CHECK(rig.api.calls[1].method == "POST");
  CHECK(rig.api.calls[1].target == "/api/v1/commands");
  CHECK(rig.api.calls[1].body == R"({"action":"drain","backend_id":"b-1"})");
  CHECK(rig.api.calls[3].target == "/api/v1/commands/c-1");
  REQUIRE(rig.console.progress.size() == 2);
  CHECK(rig.console.progress[1].find("1 meeting left") != std::string::npos);
  CHECK(output->find("https://node1.example is empty") != std::string::npos);
}

TEST_CASE("draining without --wait only begins; with --timeout it gives up waiting") {
  Rig rig;
  rig.api.will_answer(200, one_backend);
  rig.api.will_answer(202, R"({"id":"c-1","state":"requested"})");
  const auto begun = rig.run(invoke(Action::drain_backend, "node1"));
  REQUIRE(begun);
  CHECK(begun->find("c-1") != std::string::npos);
  CHECK(rig.console.waited.count() == 0);

  auto patient = invoke(Action::drain_backend, "node1");
  patient.wait = true;
  patient.patience = std::chrono::milliseconds(600);
  rig.api.will_answer(200, one_backend);
  rig.api.will_answer(202, R"({"id":"c-1","state":"running"})");
  for (int i = 0; i < 2; ++i) {
    rig.api.will_answer(200, R"({"id":"c-1","state":"running","progress":{"meetings_left":7}})");
  }
  const auto late = rig.run(patient);
  REQUIRE_FALSE(late);
  CHECK(late.error().what.find("7 meetings left") != std::string::npos);
}

TEST_CASE("a drain that ends with an error is a failure") {
  Rig rig;
  auto invocation = invoke(Action::drain_backend, "node1");
  invocation.wait = true;
  rig.api.will_answer(200, one_backend);
  rig.api.will_answer(202, R"({"id":"c","state":"error","result":{"error":"it was cancelled"}})");
  const auto output = rig.run(invocation);
  REQUIRE_FALSE(output);
  CHECK(output.error().what.find("it was cancelled") != std::string::npos);
}

TEST_CASE("ending the meetings of a backend shows each, and fails when one did") {
  Rig rig;
  auto invocation = invoke(Action::end_meetings);
  invocation.backend = "node1";
  rig.api.will_answer(200, one_backend);
  rig.api.will_answer(202, R"({"id":"c","state":"running","progress":{"total":2,"done":1}})");
  rig.api.will_answer(200, R"({"id":"c","state":"error","result":{"meetings":[
      {"id":"m~1","status":"ended"},{"id":"m~2","status":"error","error":"no answer"}]}})");
  const auto output = rig.run(invocation);
  REQUIRE_FALSE(output);
  CHECK(rig.api.calls[1].body == R"({"action":"end_all_meetings","backend_id":"b-1"})");
  CHECK(rig.console.progress.at(0).find("1 of 2 done") != std::string::npos);
  CHECK(output.error().what == "1 of 2 meetings could not be ended");
  CHECK(output.error().printed.find("no answer") != std::string::npos);
  CHECK(output.error().printed.find("m~1") != std::string::npos);
}

TEST_CASE("ending the meetings of a frontend goes on past failures") {
  Rig rig;
  auto invocation = invoke(Action::end_meetings);
  invocation.frontend = "moodle";
  rig.api.will_answer(200, one_frontend);
  rig.api.will_answer(200, R"([{"id":"m~1"},{"id":"m~2"}])");
  rig.api.will_answer(404, R"({"message":"there is no such meeting"})");
  rig.api.will_answer(200, R"({"id":"m~2"})");
  const auto output = rig.run(invocation);
  REQUIRE_FALSE(output);
  CHECK(rig.api.calls[3].target == "/api/v1/meetings/m~2");
  CHECK(output.error().printed.find("there is no such meeting") != std::string::npos);
}

TEST_CASE("a meeting is created as its tenant, signed") {
  Rig rig;
  auto invocation = invoke(Action::create_meeting, "math 1");
  invocation.frontend = "moodle";
  invocation.parameters = {"record=true", "welcome=a=b&c"};
  rig.api.will_answer(200, one_frontend);
  rig.api.fetched = "<response><returncode>SUCCESS</returncode></response>";
  rig.api.will_answer(200, R"({"id":"moodle~math 1","backend_host":"https://n/"})");
  REQUIRE(rig.run(invocation));
  const std::string query = "meetingID=math+1&name=math+1&record=true&welcome=a%3Db%26c";
  CHECK(rig.api.calls[1].target ==
        "/bbb/moodle/bigbluebutton/api/create?" + query +
            "&checksum=" + digest_hex(HashAlgorithm::sha256, "create" + query + "hush"));
  CHECK(rig.api.calls[2].target == "/api/v1/meetings/moodle~math%201");

  rig.api.will_answer(200, one_frontend);
  rig.api.fetched =
      "<response><returncode>FAILED</returncode><message><![CDATA[no & "
      "room]]></message></response>";
  const auto refused = rig.run(invocation);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what.find("no & room") != std::string::npos);
}

TEST_CASE("the text of an XML element") {
  CHECK(xml_text("<a><b>x &lt;&amp;&gt; y</b></a>", "b") == "x <&> y");
  CHECK(xml_text("<b><![CDATA[<i>&amp;]]> z</b>", "b") == "<i>&amp; z");
  CHECK(xml_text("<b></b>", "b") == "");
  for (const auto* broken :
       {"", "<b>", "<b>x", "<b><c/></b>", "<b><![CDATA[x</b>", "b", "<bb>x</bb>"}) {
    CAPTURE(broken);
    CHECK_FALSE(xml_text(broken, "b"));
  }
}

TEST_CASE("a token is revoked by its id or by itself") {
  Rig rig;
  rig.api.will_answer(200, "{}");
  REQUIRE(rig.run(invoke(Action::revoke_token, "id/1")));
  CHECK(rig.api.calls[0].method == "DELETE");
  CHECK(rig.api.calls[0].target == "/api/v1/tokens/id%2F1");
  rig.api.will_answer(200, "{}");
  REQUIRE(
      rig.run(invoke(Action::revoke_token, "h." + base64url_encode(R"({"jti":"the-id"})") + ".s")));
  CHECK(rig.api.calls[1].target == "/api/v1/tokens/the-id");
  for (const auto* useless : {"", "a.b", "a.!.c", "a..c", "..."}) {
    CHECK_FALSE(rig.run(invoke(Action::revoke_token, useless)));
  }
  CHECK_FALSE(rig.run(invoke(Action::revoke_token, "h." + base64url_encode("{}") + ".s")));
  CHECK(rig.api.calls.size() == 2);
}

TEST_CASE("the audit says what changed") {
  Rig rig;
  auto invocation = invoke(Action::show_audit);
  invocation.since = "2h";
  invocation.kind = "backend";
  rig.api.will_answer(200, R"([{"number":1,"at":"2026-01-01T00:00:00.000Z","subject":"alice",
      "action":"change","kind":"backend","object_name":"https://n1/bigbluebutton/api/",
      "before":{"admin_state":"ready","bbb":{"host":"a","secret":"***"},"gone":1},
      "after":{"admin_state":"stopped","bbb":{"host":"b","secret":"***"},"secret_changed":true}}])");
  const auto output =
      rig.run(invocation, {.now = from_unix_milliseconds(1'767'232'800'000)});  // 02:00 UTC
  REQUIRE(output);
  CHECK(rig.api.calls[0].target ==
        "/api/v1/audit?kind=backend&since=2026-01-01T00%3A00%3A00.000Z&limit=50");
  CHECK(output->find("admin_state: ready -> stopped, bbb.host: a -> b, secret, gone: 1 -> -") !=
        std::string::npos);
  CHECK(output->find("https://n1 ") != std::string::npos);
}

TEST_CASE("lists are asked for page by page where that is wanted") {
  struct {
    Action action;
    const char* target;
  } const lists[] = {
      {Action::show_audit, "/api/v1/audit?limit=7&offset=14"},
      {Action::show_meetings, "/api/v1/meetings?limit=7&offset=14"},
      {Action::show_backends, "/api/v1/backends?limit=7&offset=14"},
      {Action::show_frontends, "/api/v1/frontends?limit=7&offset=14"},
      {Action::show_commands, "/api/v1/commands?limit=7&offset=14"},
      {Action::show_tokens, "/api/v1/tokens?limit=7&offset=14"},
      {Action::show_recordings, "/api/v1/recordings?limit=7&offset=14"},
  };
  for (const auto& list : lists) {
    Rig rig;
    auto invocation = invoke(list.action);
    invocation.limit = 7;
    invocation.offset = 14;
    rig.api.will_answer(200, "[]");
    REQUIRE(rig.run(invocation));
    CHECK(rig.api.calls[0].target == list.target);
  }
}

TEST_CASE("a command under way does not claim that anything has ended") {
  Rig rig;
  rig.api.will_answer(200, R"([{"id":"1","action":"end_all_meetings","backend_host":"https://n1/",
      "state":"running","progress":{"total":2,"done":1,"failed":0},
      "result":{"meetings":[{"id":"a~1","status":"pending"},{"id":"a~2","status":"pending"}]}}])");
  const auto output = rig.run(invoke(Action::show_commands));
  REQUIRE(output);
  CHECK(output->find("meetings ended") == std::string::npos);
  CHECK(output->find("total: 2, done: 1, failed: 0") != std::string::npos);
}

TEST_CASE("watching redraws until somebody wants out, through failures") {
  Rig rig;
  rig.console.size = Console::Size{.columns = 60, .lines = 12};
  rig.console.last_frame = 3;
  const auto look = [&rig] {
    rig.api.will_answer(200, R"({"version":"2.0.0"})");
    rig.api.will_answer(200, one_backend);
    rig.api.will_answer(200, R"([{"id":"m~1","counts":{"participants":3}},
                                 {"id":"m~2","counts":{"participants":30}}])");
  };
  look();
  rig.api.will_answer(503, R"({"message":"the database does not answer"})");
  look();
  REQUIRE(rig.run(invoke(Action::watch)));
  REQUIRE(rig.console.frames.size() == 3);
  CHECK(rig.console.frames[0].find("m~2") < rig.console.frames[0].find("m~1"));
  CHECK(rig.console.frames[1].find("Not up to date: the database does not answer") !=
        std::string::npos);
  CHECK(rig.console.frames[1].find("m~2") != std::string::npos);
  CHECK(rig.console.frames[2].find("Not up to date") == std::string::npos);

  rig.console.size.reset();
  look();
  const auto once = rig.run(invoke(Action::watch));
  REQUIRE(once);
  CHECK(once->find("m~2") != std::string::npos);
}

TEST_CASE("a frame fits the screen") {
  CHECK(fitted("one\ntwo\nthree\n", {.columns = 80, .lines = 3}) == "one\ntwo\nthree");
  CHECK(fitted("one\ntwo\nthree\n", {.columns = 80, .lines = 2}) == "one\n... 2 more lines");
  CHECK(fitted("abcdef\n", {.columns = 4, .lines = 2}) == "abcd");
  CHECK(clipped("\033[31mabc\033[0m def", 5) == "\033[31mabc\033[0m d");
  CHECK(clipped("\033[31mabcdef\033[0m", 3) == "\033[31mabc\033[0m");
  CHECK(clipped("\xE4\xBC\x9A\xE8\xAD\xB0", 3) == "\xE4\xBC\x9A");
}

TEST_CASE("backends of nodes with agents show their figures") {
  Rig rig;
  rig.api.will_answer(200, R"([{"bbb":{"host":"https://n1/bigbluebutton/api/"},"meetings_count":4,
      "attendees_count":10,"agent_heartbeat":"2026-01-01T00:00:00.000Z","latency_ms":12.4,
      "synced_at":"2026-01-01T00:00:00.000Z",
      "report":{"cpu_percent":41.6,"memory_total_bytes":1000,"memory_used_bytes":250}}])");
  const auto output =
      rig.run(invoke(Action::show_backends), {.now = from_unix_milliseconds(1'767'225'603'000)});
  REQUIRE(output);
  for (const auto* part :
       {"MC  AC    R", "2.5", "3 s ago", "42 %", "25 %", "12 ms", "https://n1 "}) {
    CAPTURE(part);
    CHECK(output->find(part) != std::string::npos);
  }
}

}  // namespace
}  // namespace b3::ctl
