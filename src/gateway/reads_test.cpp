// getMeetings shortly after the start, when meetings are known and their documents are not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "bbb/checksum.h"
#include "gateway/gateway.h"

using namespace b3;
using namespace b3::gateway;

namespace {

struct NoBody final : http::BodyReader {
  boost::asio::awaitable<std::expected<std::string, http::BodyError>> read_all(
      std::size_t) override {
    co_return std::string{};
  }
};

struct Starting {
  boost::asio::io_context loop;
  store::Executor store{open, 1};
  view::View view;
  view::InFlight in_flight;
  http::Client client{loop};
  node::Nodes nodes{client, {}};
  Gateway gateway{store, view, in_flight, nodes, {}};

  // In memory, with the rows of two tenants.
  static std::unique_ptr<store::Store> open() {
    auto fresh = store::open_store("sqlite::memory:");
    fresh->migrate(from_unix_milliseconds(0));
    Backend backend;
    backend.id = "b1";
    backend.host = "http://b1/";
    fresh->insert_backend(backend).value();
    for (const char* id : {"f1", "f2"}) {
      fresh->insert_frontend(frontend(id)).value();
      for (const char* name : {"art", "math"}) bind(*fresh, id, name);
    }
    return fresh;
  }
  static Frontend frontend(std::string id) {
    Frontend frontend;
    frontend.key = "key-" + id;
    frontend.secret = "secret-" + id;
    frontend.id = std::move(id);
    return frontend;
  }
  static void bind(store::Store& store, const std::string& frontend_id, const std::string& name) {
    Meeting meeting;
    meeting.scoped_id = fmt::format("key-{}~{}", frontend_id, name);
    meeting.meeting_id = name;
    meeting.frontend_id = frontend_id;
    meeting.backend_id = "b1";
    meeting.owner = "somebody";
    const auto row = store.reserve(meeting).value().meeting;
    const auto document =
        fmt::format("<meeting><meetingID>{}</meetingID></meeting>", meeting.scoped_id);
    REQUIRE(store.bind(row.scoped_id, row.epoch, {frontend_id + name, name, document}, {}));
  }

  Starting() {
    store.run_blocking([this](store::Store& open) {
      view.load(open.list_frontends(), open.list_backends(), {});
      open.visit_placements([this](const Meeting& each) { view.load(each); });
    });
    view.set_documents_read(false);
  }

  http::Request request(const std::string& frontend) {
    http::Request request;
    request.method = "GET";
    request.id = "request-1";
    request.target =
        "/bbb/key-" + frontend + "/getMeetings?" +
        bbb::signed_query(HashAlgorithm::sha256, "getMeetings", "", "secret-" + frontend);
    return request;
  }
  http::Response ask(const std::string& frontend) {
    const auto asked = request(frontend);
    http::Response response;
    REQUIRE_FALSE(gateway.answer_now(asked, response));
    NoBody body;
    std::optional<http::Response> answered;
    boost::asio::co_spawn(loop, gateway.answer(asked, body),
                          [&](std::exception_ptr failure, http::Response got) {
                            CHECK_FALSE(failure);
                            answered = std::move(got);
                          });
    loop.restart();
    loop.run();
    REQUIRE(answered);
    return *answered;
  }
};

std::string listing(std::initializer_list<std::string_view> ids) {
  std::string answer = "<response><returncode>SUCCESS</returncode><meetings>";
  for (const auto id : ids)
    answer += fmt::format("<meeting><meetingID>{}</meetingID></meeting>", id);
  return answer + "</meetings></response>";
}

}  // namespace

TEST_CASE_FIXTURE(Starting, "before documents are read a tenant's list is complete, and its own") {
  CHECK(ask("f1").body == listing({"art", "math"}));
  // The other tenant's are still unread; this one's need no store any more.
  CHECK(view.lacks_documents("f2"));
  http::Response response;
  REQUIRE(gateway.answer_now(request("f1"), response));
  CHECK(response.body == listing({"art", "math"}));
}

TEST_CASE_FIXTURE(Starting, "with the store away and documents unread no part of a list is told") {
  view.put_document("key-f1~art", view.meeting("key-f1~art")->epoch(),
                    "<meeting><meetingID>key-f1~art</meetingID></meeting>");
  store.stop();  // from now on it can not be reached
  const auto answer = ask("f1").body;
  CHECK(answer.contains("<returncode>FAILED</returncode>"));
  CHECK_FALSE(answer.contains("art"));
  CHECK(view.lacks_documents("f1"));
}

TEST_CASE_FIXTURE(Starting,
                  "a meeting that ended or moved before its document was read is told so") {
  store.run_blocking([this](store::Store& open) {
    open.end("key-f1~art", view.meeting("key-f1~art")->epoch(), {});
    open.end("key-f1~math", view.meeting("key-f1~math")->epoch(), {});
    Meeting again = view.meeting("key-f1~math")->row();
    again.owner = "another";
    const auto row = open.reserve(again).value().meeting;
    REQUIRE(open.bind(row.scoped_id, row.epoch,
                      {"internal-2", "", "<meeting><meetingID>key-f1~math</meetingID></meeting>"},
                      {}));
  });
  CHECK(ask("f1").body == listing({"math"}));
  CHECK(view.meeting("key-f1~art") == nullptr);
  CHECK(view.meeting("key-f1~math")->internal_id() == "internal-2");
}
