#include "node/node.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>

#include "bbb/checksum.h"
#include "http/server.h"

using namespace b3;
using namespace b3::node;
namespace asio = boost::asio;

namespace {

constexpr std::string_view secret = "node-secret-639259d4";

// A node that answers what it is told to.
class StubNode : public http::Handler {
 public:
  bool answer_now(const http::Request&, http::Response&) override { return false; }
  asio::awaitable<http::Response> answer(const http::Request& request,
                                         http::BodyReader& body) override {
    last = request;
    last_body = (co_await body.read_all(2'000'000)).value_or("unreadable");
    co_return next;
  }

  http::Response next{.status = 200,
                      .headers = {{"Content-Type", "text/xml;charset=utf-8"}},
                      .body = "<response><returncode>SUCCESS</returncode><a>1</a></response>",
                      .close = false,
                      .abort = false,
                      .truncate_to = {}};
  http::Request last;
  std::string last_body;
};

using CallResult = std::expected<NodeAnswer, CallError>;

// Runs the loop until the call is over.
CallResult run(asio::io_context& loop, asio::awaitable<CallResult> call) {
  std::optional<CallResult> result;
  asio::co_spawn(
      loop,
      [&, waiting = std::move(call)]() mutable -> asio::awaitable<void> {
        result = co_await std::move(waiting);
      },
      asio::detached);
  loop.restart();
  while (!result) loop.run_one();
  return std::move(*result);
}

struct Bench {
  explicit Bench(http::ServerLimits limits = {}) : server(loop, stub, limits) {
    server.listen("127.0.0.1:0");
    target = {
        .backend_id = "node-1",
        .base_url = "http://127.0.0.1:" + std::to_string(server.port()) + "/bigbluebutton/api/",
        .secret = std::string(secret),
        .checksum = HashAlgorithm::sha256};
  }
  ~Bench() {
    server.stop();
    loop.restart();
    loop.run();
  }

  CallResult call(Call call) { return run(loop, nodes.call(target, std::move(call))); }
  CallError failure(Call failing) {
    auto result = call(std::move(failing));
    REQUIRE_FALSE(result);
    const std::string& detail = result.error().detail;
    CHECK(detail.find("node-1") != std::string::npos);
    CHECK(detail.find("checksum") == std::string::npos);
    CHECK(detail.find(secret) == std::string::npos);
    CHECK(detail.find("hidden") == std::string::npos);
    return result.error();
  }

  asio::io_context loop{1};
  StubNode stub;
  http::Server server;
  http::Client client{loop};
  Nodes nodes{client, {.connect = std::chrono::seconds(2), .response = std::chrono::seconds(2)}};
  Target target;
};

Call create() {
  Call call;
  call.name = "create";
  call.parameters.set("meetingID", "tenant~math 1");
  call.parameters.set("name", "hidden & co");
  return call;
}

}  // namespace

TEST_CASE("what is needed of a backend") {
  Backend backend;
  backend.id = "id";
  backend.host = "https://node/bigbluebutton/api/";
  backend.secret = "s";
  BackendSettings settings;
  settings.checksum = HashAlgorithm::sha512;
  const Target target = target_of(backend, settings);
  CHECK(target.backend_id == "id");
  CHECK(target.base_url == backend.host);
  CHECK(target.secret == "s");
  CHECK(target.checksum == HashAlgorithm::sha512);
}

TEST_CASE("signed URLs") {
  const Target target{.backend_id = "x",
                      .base_url = "https://node/bigbluebutton/api/",
                      .secret = std::string(secret),
                      .checksum = HashAlgorithm::sha1};
  const Call call = create();
  const std::string query = call.parameters.encode();
  CHECK(signed_url(target, "create", call.parameters) ==
        "https://node/bigbluebutton/api/create?" + query +
            "&checksum=" + digest_hex(HashAlgorithm::sha1, "create" + query + std::string(secret)));
  CHECK(signed_url(target, "getMeetings", {}) ==
        "https://node/bigbluebutton/api/getMeetings?checksum=" +
            digest_hex(HashAlgorithm::sha1, "getMeetings" + std::string(secret)));
}

TEST_CASE("a GET carries a query the node can verify") {
  Bench bench;
  Call call = create();
  call.request_id = "0123456789abcdef";
  call.accept_language = "de";
  const auto result = bench.call(call);
  REQUIRE(result);
  CHECK(result->status == 200);
  CHECK(result->answer.success());
  CHECK(result->answer.text("a") == "1");
  const http::Request& seen = bench.stub.last;
  CHECK(seen.method == "GET");
  CHECK(seen.path() == "/bigbluebutton/api/create");
  const auto split = bbb::split_checksum(seen.query());
  REQUIRE(split);
  CHECK(split->checksum.size() == 64);
  CHECK(bbb::verify("create", *split, secret));
  CHECK(bbb::parse_parameters(split->rest).value() == call.parameters);
  REQUIRE(seen.header("X-Request-ID") != nullptr);
  CHECK(*seen.header("X-Request-ID") == "0123456789abcdef");
  REQUIRE(seen.header("Accept-Language") != nullptr);
  CHECK(*seen.header("Accept-Language") == "de");
  CHECK(seen.header("Accept") != nullptr);
  CHECK(seen.header("Content-Type") == nullptr);
}

TEST_CASE("a body makes it a POST with the parameters in the URL") {
  Bench bench;
  Call call = create();
  call.content_type = "application/xml";
  call.body = "<modules/>";
  REQUIRE(bench.call(call));
  const http::Request& seen = bench.stub.last;
  CHECK(seen.method == "POST");
  CHECK(bench.stub.last_body == "<modules/>");
  CHECK(*seen.header("Content-Type") == "application/xml");
  CHECK(bbb::verify("create", bbb::split_checksum(seen.query()).value(), secret));
  CHECK(seen.header("X-Request-ID") == nullptr);

  call.body.clear();  // still a POST
  REQUIRE(bench.call(call));
  CHECK(bench.stub.last.method == "POST");
}

TEST_CASE("parameters too long for a URL become a form") {
  Bench bench;
  Call call = create();
  call.parameters.set("welcome", std::string(5'000, 'w') + " *~+/\xC3\xA4&=%");
  call.parameters.set("meta_a:b", "last come, first served");
  call.parameters.set("Z", "");
  REQUIRE(bench.call(call));
  const http::Request& seen = bench.stub.last;
  const std::string& body = bench.stub.last_body;
  CHECK(seen.method == "POST");
  CHECK(seen.target == "/bigbluebutton/api/create");
  REQUIRE(seen.header("Content-Type") != nullptr);
  CHECK(*seen.header("Content-Type") == "application/x-www-form-urlencoded");
  CHECK(bbb::verify_form("create", body, secret));
  CHECK_FALSE(bbb::verify_form("join", body, secret));
  const auto parameters = bbb::parse_parameters(body);
  REQUIRE(parameters);
  CHECK(parameters->size() == call.parameters.size());
  for (const bbb::Parameter& parameter : call.parameters) {
    CHECK(parameters->get(parameter.name) == parameter.value);
  }
  // What BBB puts together: String.compareTo() sorts, URLEncoder.encode() writes the values.
  const std::string text = "Z=&meetingID=tenant%7Emath+1&meta_a:b=last+come%2C+first+served" +
                           std::string("&name=hidden+%26+co&welcome=") + std::string(5'000, 'w') +
                           "+*%7E%2B%2F%C3%A4%26%3D%25";
  CHECK(body == text + "&checksum=" +
                    digest_hex(HashAlgorithm::sha256, "create" + text + std::string(secret)));
}

TEST_CASE("which parameters are too long for a URL") {
  Bench bench;
  Call call;
  call.name = "create";
  call.parameters.set("welcome", std::string(4'000 - 8, 'w'));
  REQUIRE(bench.call(call));
  CHECK(bench.stub.last.method == "GET");
  CHECK(bbb::verify("create", bbb::split_checksum(bench.stub.last.query()).value(), secret));

  call.parameters.set("welcome", std::string(4'000 - 7, 'w'));
  REQUIRE(bench.call(call));
  CHECK(bench.stub.last.method == "POST");
  CHECK(bench.stub.last.query().empty());

  SUBCASE("they stay there beside a document") {
    call.content_type = "application/xml";
    call.body = "<modules/>";
    REQUIRE(bench.call(call));
    CHECK(bench.stub.last_body == "<modules/>");
    CHECK(bbb::verify("create", bbb::split_checksum(bench.stub.last.query()).value(), secret));
  }
  SUBCASE("not beside an empty one") {
    call.content_type = "application/xml";
    REQUIRE(bench.call(call));
    CHECK(bench.stub.last.query().empty());
    CHECK(bbb::verify_form("create", bench.stub.last_body, secret));
  }
  SUBCASE("as many as a tenant may send") {
    call.parameters.set("welcome", std::string(1'000'000, 'w'));
    REQUIRE(bench.call(call));
    CHECK(bbb::verify_form("create", bench.stub.last_body, secret));
  }
}

TEST_CASE("a refusal by BBB is an answer") {
  Bench bench;
  bench.stub.next.body =
      "<response><returncode>FAILED</returncode><messageKey>notFound</messageKey></response>";
  const auto result = bench.call(create());
  REQUIRE(result);
  CHECK_FALSE(result->answer.success());
  CHECK(result->answer.text("messageKey") == "notFound");
}

TEST_CASE("what is not a BBB answer is garbage") {
  Bench bench;
  SUBCASE("an error page") {
    bench.stub.next.status = 502;
    bench.stub.next.headers = {{"Content-Type", "text/html; charset=hidden"}};
    bench.stub.next.body = "<html>hidden</html>";
    const CallError error = bench.failure(create());
    CHECK(error.failure == CallFailure::garbage);
    CHECK(error.detail.find("502") != std::string::npos);
    CHECK(error.detail.find("text/html") != std::string::npos);
    CHECK(error.status == 502);
  }
  SUBCASE("a request it finds too long") {
    bench.stub.next.status = 414;
    const CallError error = bench.failure(create());
    CHECK(error.failure == CallFailure::garbage);
    CHECK(error.status == 414);
  }
  SUBCASE("BBB XML under another status") {
    bench.stub.next.status = 500;
    CHECK(bench.failure(create()).failure == CallFailure::garbage);
  }
  SUBCASE("truncated XML") {
    bench.stub.next.body = "<response><returncode>SUCCESS</returncode><hidden>";
    const CallError error = bench.failure(create());
    CHECK(error.failure == CallFailure::garbage);
    CHECK(error.status == 200);
  }
  SUBCASE("other XML") {
    bench.stub.next.body = "<html><body>hidden</body></html>";
    CHECK(bench.failure(create()).failure == CallFailure::garbage);
  }
  SUBCASE("nothing, not even a content type") {
    bench.stub.next.body.clear();
    bench.stub.next.headers.clear();
    CHECK(bench.failure(create()).failure == CallFailure::garbage);
  }
  SUBCASE("far too much") {
    bench.stub.next.body.assign(16 * 1024 * 1024 + 1, ' ');
    CHECK(bench.failure(create()).failure == CallFailure::garbage);
  }
}

TEST_CASE("whether the node may have seen the call") {
  Bench bench;
  SUBCASE("an answer cut short") {
    bench.stub.next.truncate_to = 20;
    CHECK(bench.failure(create()).failure == CallFailure::no_answer);
  }
  SUBCASE("closed without a word") {
    bench.stub.next.abort = true;
    CHECK(bench.failure(create()).failure == CallFailure::no_answer);
  }
  SUBCASE("nobody there") {
    bench.server.stop();
    const CallError error = bench.failure(create());
    CHECK(error.failure == CallFailure::not_sent);
    CHECK(error.status == 0);
  }
  SUBCASE("no TLS where TLS was expected") {
    bench.target.base_url.replace(0, 4, "https");
    CHECK(bench.failure(create()).failure == CallFailure::not_sent);
  }
  SUBCASE("an address that is none") {
    bench.target.base_url = "ftp://node/";
    CHECK(bench.failure(create()).failure == CallFailure::not_sent);
  }
}

TEST_CASE("a node that does not answer in time") {
  asio::io_context loop{1};
  asio::ip::tcp::acceptor silent(loop, {asio::ip::address_v4::loopback(), 0});
  http::Client client(loop);
  Nodes nodes(client, {.connect = std::chrono::seconds(2), .response = std::chrono::seconds(20)});
  const Target target{
      .backend_id = "node-1",
      .base_url = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/api/",
      .secret = std::string(secret)};
  const CallResult answer =
      run(loop, nodes.call(target, create(),
                           Timeouts{.connect = std::chrono::seconds(2),
                                    .response = std::chrono::milliseconds(50)}));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().failure == CallFailure::no_answer);
}

TEST_CASE("the meetings of a poll are read with its answer") {
  Bench bench;
  bench.stub.next.body =
      "<response><returncode>SUCCESS</returncode><meetings><meeting><meetingID>a~b</meetingID>"
      "</meeting></meetings></response>";
  Call poll;
  poll.name = "getMeetings";
  CHECK(bench.call(poll)->meetings.empty());
  poll.is_poll = true;
  const auto found = bench.call(poll);
  REQUIRE(found);
  REQUIRE(found->meetings.size() == 1);
  CHECK(found->meetings[0].scoped_id == "a~b");
}

TEST_CASE("the event loop does not wait for large answers to be read") {
  Bench bench;
  asio::thread_pool readers{1};
  bench.nodes.read_large_answers_on(readers.get_executor());
  std::promise<void> busy;
  asio::post(readers, [&] { busy.get_future().wait(); });

  const auto listing = [](std::size_t size) {
    return "<response><returncode>SUCCESS</returncode><meetings><meeting><meetingID>a~b</meetingID>"
           "<meetingName>" +
           std::string(size, 'x') + "</meetingName></meeting></meetings></response>";
  };
  Call poll;
  poll.name = "getMeetings";
  poll.is_poll = true;
  bench.stub.next.body = listing(100);
  CHECK(bench.call(poll)->meetings.size() == 1);  // although the readers are busy

  bench.stub.next.body = listing(Nodes::large_answer_bytes);
  std::optional<CallResult> large;
  asio::co_spawn(
      bench.loop,
      [&]() -> asio::awaitable<void> { large = co_await bench.nodes.call(bench.target, poll); },
      asio::detached);
  bench.loop.restart();
  bench.stub.last.id.clear();
  while (bench.stub.last.id.empty()) bench.loop.run_one();  // until the node has been asked
  bench.stub.next.body = listing(100);
  CHECK(bench.call(poll)->meetings.size() == 1);
  CHECK_FALSE(large);
  busy.set_value();
  bench.loop.restart();
  while (!large) bench.loop.run_one();
  REQUIRE(*large);
  CHECK((*large)->meetings.size() == 1);

  bench.stub.next.body = listing(Nodes::large_answer_bytes) + "<";
  CHECK(bench.failure(poll).failure == CallFailure::garbage);
}
