#include "sim/farm.h"

#include <doctest/doctest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <thread>

#include "base/url.h"
#include "bbb/checksum.h"

using namespace b3;
using namespace b3::sim;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::ip::tcp;

// A farm with its loop on a thread of its own; tests talk to it through sockets only.
class RunningFarm {
 public:
  RunningFarm() : farm_(loop_, options()) {
    farm_.start();
    const json::object announcement = farm_.announcement();
    control_ = *parse_url(std::string(announcement.at("control").as_string()));
    for (const auto& node : announcement.at("nodes").as_array()) {
      nodes_.push_back(*parse_url(std::string(node.at("url").as_string())));
      CHECK(node.at("secret").as_string() == "S-" + std::to_string(nodes_.size()));
    }
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~RunningFarm() {
    asio::post(loop_, [this] {
      farm_.stop();
      loop_.stop();
    });
    thread_.join();
  }

  // Sends a request on a connection of its own.
  tcp::socket ask(const Url& where, const std::string& method, const std::string& target,
                  const std::string& body = {}) {
    tcp::socket socket(client_);
    socket.connect({asio::ip::make_address(where.host), where.port});
    const std::string length =
        body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
    asio::write(socket, asio::buffer(method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + length +
                                     "Connection: close\r\n\r\n" + body));
    return socket;
  }
  // All that comes until the connection ends.
  static std::string read(tcp::socket socket) {
    std::string all;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(all), error);
    return all;
  }
  json::object control(const std::string& method, const std::string& target,
                       const std::string& body = {}) {
    const std::string answer = read(ask(control_, method, target, body));
    return json::parse(answer.substr(answer.find("\r\n\r\n") + 4)).as_object();
  }
  tcp::socket begin_call(std::size_t node, const std::string& name, const std::string& query) {
    return ask(
        nodes_[node], "GET",
        "/bigbluebutton/api/" + name + "?" +
            bbb::signed_query(HashAlgorithm::sha256, name, query, "S-" + std::to_string(node + 1)));
  }
  std::string call(std::size_t node, const std::string& name, const std::string& query) {
    return read(begin_call(node, name, query));
  }
  bool has_meeting(const std::string& node, const std::string& id) {
    const json::object shown = control("GET", "/nodes/" + node);
    for (const auto& meeting : shown.at("meetings").as_array()) {
      if (meeting.at("meeting_id").as_string() == id) return true;
    }
    return false;
  }
  // Returns once so many of these calls have arrived.
  void wait_for_calls(const std::string& node, const std::string& call, std::uint64_t count) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    for (;;) {
      const json::object shown = control("GET", "/nodes/" + node);
      const json::value* calls = shown.at("calls").as_object().if_contains(call);
      if (calls && calls->to_number<std::uint64_t>() >= count) return;
      REQUIRE(std::chrono::steady_clock::now() < deadline);
    }
  }

 private:
  static FarmOptions options() {
    FarmOptions options;
    options.nodes = 2;
    options.port = 0;
    options.control = "127.0.0.1:0";
    options.secret = "S";
    options.secret_per_node = true;
    return options;
  }
  asio::io_context loop_{1};
  asio::io_context client_;
  Farm farm_;
  Url control_;
  std::vector<Url> nodes_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("nodes are apart from each other") {
  RunningFarm farm;
  CHECK(farm.call(0, "create", "meetingID=math").contains("<returncode>SUCCESS"));
  CHECK(farm.has_meeting("node1", "math"));
  CHECK_FALSE(farm.has_meeting("node2", "math"));
  CHECK(farm.control("GET", "/").at("nodes").as_array().size() == 2);
  CHECK(farm.control("GET", "/nodes/node1").at("calls").at("create").to_number<int>() == 1);
  CHECK(farm.control("GET", "/nodes/node9").at("error").as_string() == "no such node");
}

TEST_CASE("join sends the browser to this node's client") {
  RunningFarm farm;
  farm.call(0, "create", "meetingID=math&attendeePW=ap&name=Math");
  const std::string answer = farm.call(0, "join", "meetingID=math&fullName=Ada&password=ap");
  CHECK(answer.starts_with("HTTP/1.1 302 "));
  CHECK(answer.contains("\r\nSet-Cookie: JSESSIONID="));
  const std::string location = "\r\nLocation: ";
  const auto begin = answer.find(location) + location.size();
  const auto client = answer.substr(begin, answer.find("\r\n", begin) - begin);
  const auto url = parse_url(client.substr(0, client.find('?')));
  REQUIRE(url);
  const std::string page =
      RunningFarm::read(farm.ask(*url, "GET", url->path + client.substr(client.find('?'))));
  CHECK(page.contains("You are in Math on node1"));
}

TEST_CASE("a stopped node refuses connections and comes back on its port") {
  RunningFarm farm;
  farm.call(0, "create", "meetingID=math");
  CHECK_FALSE(farm.control("POST", "/nodes/node1/stop").at("up").as_bool());
  CHECK_THROWS_AS(farm.begin_call(0, "getMeetings", ""), boost::system::system_error);
  CHECK(farm.control("POST", "/nodes/node1/start").at("up").as_bool());
  CHECK(farm.call(0, "getMeetings", "").contains("<meetingID>math</meetingID>"));
  farm.control("POST", "/nodes/node1/restart", R"({"lose": false})");
  CHECK(farm.has_meeting("node1", "math"));
  farm.control("POST", "/nodes/node1/restart");
  CHECK(farm.call(0, "getMeetings", "").contains("noMeetings"));
}

TEST_CASE("a hanging call is let go without an answer when the faults change") {
  RunningFarm farm;
  const auto set = [&](const std::string& mode) {
    farm.control("PUT", "/nodes/node1/faults", R"({"calls":{"create":{"mode":")" + mode + "\"}}}");
  };
  set("hang");
  tcp::socket without_effect = farm.begin_call(0, "create", "meetingID=one");
  farm.wait_for_calls("node1", "create", 1);
  CHECK(farm.call(0, "getMeetings", "").contains("noMeetings"));
  set("hang_after_effect");
  CHECK(RunningFarm::read(std::move(without_effect)) == "");
  CHECK_FALSE(farm.has_meeting("node1", "one"));

  tcp::socket with_effect = farm.begin_call(0, "create", "meetingID=two");
  farm.wait_for_calls("node1", "create", 2);
  CHECK(farm.has_meeting("node1", "two"));
  farm.control("DELETE", "/nodes/node1/faults");
  CHECK(RunningFarm::read(std::move(with_effect)) == "");
}

TEST_CASE("a call delayed when its node stops has no effect") {
  RunningFarm farm;
  farm.control("PUT", "/nodes/node1/faults", R"({"latency_ms": 600000})");
  tcp::socket delayed = farm.begin_call(0, "create", "meetingID=math");
  farm.wait_for_calls("node1", "create", 1);
  farm.control("POST", "/nodes/node1/restart", R"({"lose": false})");
  CHECK(RunningFarm::read(std::move(delayed)) == "");
  CHECK_FALSE(farm.has_meeting("node1", "math"));
}

TEST_CASE("an answer held back was made before the wait") {
  RunningFarm farm;
  farm.control("PUT", "/nodes/node1/faults",
               R"({"calls":{"getMeetings":{"latency_after_ms": 300, "times": 1}}})");
  tcp::socket stale = farm.begin_call(0, "getMeetings", "");
  farm.wait_for_calls("node1", "getMeetings", 1);
  CHECK(farm.call(0, "create", "meetingID=math").contains("<returncode>SUCCESS"));
  CHECK(RunningFarm::read(std::move(stale)).contains("noMeetings"));
  CHECK(farm.call(0, "getMeetings", "").contains("<meetingID>math"));
}

TEST_CASE("broken answers") {
  RunningFarm farm;
  const auto create_under = [&](const std::string& mode) {
    farm.control("PUT", "/nodes/node1/faults",
                 R"({"oversized_mib": 1, "calls":{"create":{"mode":")" + mode + "\"}}}");
    return farm.call(0, "create", "meetingID=" + mode);
  };
  CHECK(create_under("close") == "");
  CHECK_FALSE(farm.has_meeting("node1", "close"));
  CHECK(create_under("close_after_effect") == "");
  CHECK(farm.has_meeting("node1", "close_after_effect"));
  CHECK(create_under("garbage").contains("text/html"));
  CHECK(create_under("http_502").starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
  CHECK(create_under("failed").contains("internalError"));
  CHECK(create_under("wrong_checksum").contains("checksumError"));
  CHECK(create_under("oversized").size() > 1024 * 1024);
  const std::string half = create_under("truncated");
  CHECK(half.contains("<returncode>SUCCESS"));
  CHECK_FALSE(half.contains("</response>"));
}

TEST_CASE("people join through the control API") {
  RunningFarm farm;
  farm.call(0, "create", "meetingID=k~m%2F1");
  const auto meeting =
      farm.control("POST", "/nodes/node1/meetings/k~m%2F1/people", R"({"join": 5, "video": 2})");
  CHECK(meeting.at("participants").to_number<int>() == 5);
  CHECK(farm.call(0, "getMeetings", "").contains("<videoCount>2</videoCount>"));
  CHECK(farm.control("DELETE", "/nodes/node1/meetings/k~m%2F1").contains("ended"));
  CHECK(farm.control("DELETE", "/nodes/node1/meetings/k~m%2F1").contains("error"));
}

TEST_CASE("api_call reads paths") {
  CHECK(api_call("/bigbluebutton/api") == "");
  CHECK(api_call("/bigbluebutton/api/") == "");
  CHECK(api_call("/bigbluebutton/api/create") == "create");
  CHECK_FALSE(api_call("/bigbluebutton/apicreate"));
  CHECK_FALSE(api_call("/bigbluebutton/api/create/x"));
  CHECK_FALSE(api_call("/"));
}
