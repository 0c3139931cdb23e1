// What a failure says of the peer, and which requests are sent again.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "http/client_stream.h"
#include "http/scripted_peer.h"

using namespace b3;
using namespace b3::http;
using namespace b3::http::testing;
using boost::system::error_code;

namespace {

// While it lives, the process cannot open anything.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int next = ::fcntl(0, F_DUPFD, 0);  // the lowest that is free
    REQUIRE(next >= 0);
    ::close(next);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(next);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

error_code system_error(int number) {
  return {number, boost::system::system_category()};
}

// Answers one request, reads another one and closes.
void answer_one_of_two(tcp::socket& socket) {
  read_head(socket);
  say(socket, ok);
  read_head(socket);
}

ClientRequest with(ClientRequest request, std::string method, std::string body) {
  request.method = std::move(method);
  request.body = std::move(body);
  return request;
}

}  // namespace

TEST_CASE("running out of descriptors is not held against the peer") {
  ScriptedPeer peer({answer(std::string(ok))});
  TestClient client;
  CHECK(client.failure(request_to(1)) == "connect");  // UBSan needs descriptors for the first time
  {
    const NoDescriptors none;
    const Result result = client.send(request_to(peer.port));
    REQUIRE_FALSE(result);
    CHECK(to_string(result.error().failure) == "local");
    CHECK_FALSE(result.error().request_sent());
    CHECK(result.error().detail.find("127.0.0.1") != std::string::npos);
  }
  CHECK(peer.connections == 0);
  CHECK(client.body(request_to(peer.port)) == "ok");
}

TEST_CASE("errors of this machine and errors of the peer") {
  for (const int number : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL}) {
    CAPTURE(number);
    CHECK(is_local(system_error(number)));
    CHECK(failure_of_look_up(system_error(number)) == ClientFailure::local);
  }
  for (const int number : {ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, ECONNRESET, EPIPE}) {
    CAPTURE(number);
    CHECK_FALSE(is_local(system_error(number)));
  }
  CHECK_FALSE(is_local({}));
  CHECK_FALSE(is_local(asio::error::eof));
}

TEST_CASE("name servers that do not answer are no proof that there is no such name") {
  CHECK(failure_of_look_up(asio::error::host_not_found) == ClientFailure::connect);
  CHECK(failure_of_look_up(asio::error::no_data) == ClientFailure::connect);
  CHECK(failure_of_look_up(asio::error::host_not_found_try_again) == ClientFailure::look_up);
  CHECK(failure_of_look_up(asio::error::no_recovery) == ClientFailure::look_up);
  CHECK(failure_of_look_up(asio::error::timed_out) == ClientFailure::look_up);
  CHECK_FALSE(ClientError{ClientFailure::look_up, ""}.request_sent());
}

TEST_CASE("on a kept connection that dies after the request went out") {
  ScriptedPeer peer({answer_one_of_two, answer(std::string(ok))});
  TestClient client;
  REQUIRE(client.body(request_to(peer.port)) == "ok");
  ClientRequest second = request_to(peer.port);
  SUBCASE("a GET is repeated") {
    CHECK(client.body(second) == "ok");
    CHECK(peer.connections == 2);
    return;
  }
  SUBCASE("a POST is not") {
    second = with(second, "POST", "a=b");
  }
  SUBCASE("a POST without a body is not") {
    second = with(second, "POST", "");
  }
  SUBCASE("a DELETE is not") {
    second = with(second, "DELETE", "");
  }
  SUBCASE("a GET that acts, such as BBB's create, is not") {
    second.acts = true;
  }
  const Result result = client.send(second);
  REQUIRE_FALSE(result);
  CHECK(to_string(result.error().failure) == "broken");
  CHECK(result.error().request_sent());
  CHECK(peer.connections == 1);
}

TEST_CASE("a kept connection that was closed before costs no request, whatever it does") {
  // The second connection is accepted only when the first one is closed.
  ScriptedPeer peer({answer(std::string(ok)), answer(std::string(ok)), answer(std::string(ok))});
  TestClient client;
  REQUIRE(client.body(request_to(peer.port)) == "ok");
  TestClient other;
  REQUIRE(other.body(request_to(peer.port)) == "ok");
  ClientRequest second = request_to(peer.port);
  SUBCASE("a POST") {
    second = with(second, "POST", "a=b");
  }
  SUBCASE("a GET that acts") {
    second.acts = true;
  }
  CHECK(client.body(second) == "ok");
  CHECK(peer.connections == 3);
}
