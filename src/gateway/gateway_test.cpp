// What the gateway answers from the view alone, without nodes.
#include "gateway/gateway.h"

#include <doctest/doctest.h>

#include "bbb/checksum.h"

using namespace b3;
using namespace b3::gateway;

namespace {

struct Fixture {
  boost::asio::io_context loop;
  store::Executor store{"sqlite::memory:", 1};
  view::View view;
  view::InFlight in_flight;
  http::Client client{loop};
  node::Nodes nodes{client, {}};
  Gateway gateway{store, view, in_flight, nodes, options()};

  static GatewayOptions options() {
    GatewayOptions result;
    result.retry_key = token::retry_key("a secret of this test");
    return result;
  }

  Fixture() {
    for (const char* id : {"f1", "f2"}) {
      Frontend frontend;
      frontend.id = id;
      frontend.key = std::string("key-") + id;
      frontend.secret = std::string("secret-") + id;
      view.put(frontend);
    }
    Backend backend;
    backend.id = "b1";
    backend.host = "https://node1.example.org/bigbluebutton/api/";
    backend.secret = "node-secret";
    backend.node_state = NodeState::ready;
    view.put(backend);
  }

  void hold(std::string frontend_id, std::string scoped_id) {
    Meeting meeting;
    meeting.scoped_id = std::move(scoped_id);
    meeting.meeting_id = "math";
    meeting.frontend_id = std::move(frontend_id);
    meeting.backend_id = "b1";
    meeting.phase = MeetingPhase::bound;
    meeting.internal_id = "internal";
    meeting.running = true;
    view.put(meeting);
  }

  http::Response ask(const std::string& frontend, const std::string& call,
                     const std::string& query) {
    http::Request request;
    request.method = "GET";
    request.id = "request-1";
    request.target = "/bbb/key-" + frontend + "/" + call + "?" +
                     bbb::signed_query(HashAlgorithm::sha256, call, query, "secret-" + frontend);
    http::Response response;
    REQUIRE(gateway.answer_now(request, response));
    return response;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a join is redirected with the node's signature over the scoped id") {
  hold("f1", "key-f1~math");
  const auto response = ask("f1", "join", "meetingID=math&fullName=Ada");
  CHECK(response.status == 302);
  const auto query = std::string("meetingID=key-f1~math&fullName=Ada");
  CHECK(*http::find_header(response.headers, "Location") ==
        "https://node1.example.org/bigbluebutton/api/join?" +
            bbb::signed_query(HashAlgorithm::sha256, "join", query, "node-secret"));
}

TEST_CASE_FIXTURE(Fixture, "a meeting of another tenant is not found, even under a reused key") {
  // Tenant f1 once had the key that f2 has now, and its meeting lives on.
  hold("f1", "key-f2~math");
  CHECK(ask("f2", "join", "meetingID=math&fullName=Eve").status == 404);
  CHECK(ask("f2", "isMeetingRunning", "meetingID=math").body.find("<running>false</running>") !=
        std::string::npos);
  CHECK(ask("f2", "getMeetings", "").body.find("noMeetings") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a join to a node in error gets the waiting page, its retry the node") {
  hold("f1", "key-f1~math");
  auto backend = view.backend("b1")->backend;
  backend.node_state = NodeState::error;
  view.put(backend);
  const auto page = ask("f1", "join", "meetingID=math&fullName=Ada");
  CHECK(page.status == 200);
  const auto start = page.body.find("/b3s/retry-join/");
  REQUIRE(start != std::string::npos);

  http::Request retry;
  retry.method = "GET";
  retry.id = "request-2";
  retry.target = page.body.substr(start, page.body.find('"', start) - start);
  http::Response response;
  REQUIRE(gateway.answer_now(retry, response));
  CHECK(response.status == 200);
  backend.node_state = NodeState::ready;
  view.put(backend);
  response = {};
  REQUIRE(gateway.answer_now(retry, response));
  CHECK(response.status == 302);
  retry.target.back() = retry.target.back() == 'A' ? 'B' : 'A';
  response = {};
  REQUIRE(gateway.answer_now(retry, response));
  CHECK(response.status == 410);
}

TEST_CASE_FIXTURE(Fixture, "everything below /bbb is answered in BBB's own XML") {
  for (const char* target :
       {"/bbb", "/bbb/", "/bbb//", "/bbb/key-f1/getRecordings", "/bbb/nobody/whatever?x=%zz"}) {
    http::Request request;
    request.method = "GET";
    request.target = target;
    http::Response response;
    CHECK(Gateway::owns(request.path()));
    REQUIRE(gateway.answer_now(request, response));
    CHECK(response.status == 200);
    CHECK(response.body.find("<messageKey>unsupportedRequest</messageKey>") != std::string::npos);
  }
}
