#include "http/activation.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "http/test_handler.h"

using namespace b3::http;
using namespace b3::http::testing;

namespace {

int listening_socket(int backlog = 16) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(descriptor, backlog) == 0);
  return descriptor;
}

// Runs `body` in a child process, where descriptors and variables can be what they like; true when
// it returned true.
bool in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void announce(const std::string& pid, const std::string& count) {
  ::setenv("LISTEN_PID", pid.c_str(), 1);
  ::setenv("LISTEN_FDS", count.c_str(), 1);
}

// A datagram socket, as a supervisor listens on one.
class Supervisor {
 public:
  explicit Supervisor(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const std::size_t size = offsetof(sockaddr_un, sun_path) + name.size() + (name[0] != '@');
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), socklen_t(size)) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Supervisor() {
    ::close(socket_);
    ::unsetenv("NOTIFY_SOCKET");
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  std::string heard() {
    char text[256];
    const auto size = ::recv(socket_, text, sizeof text, 0);
    return size < 0 ? "nothing" : std::string(text, std::size_t(size));
  }

 private:
  int socket_;
};

}  // namespace

TEST_CASE("a socket is inherited when it was passed to this very process") {
  const int listening = listening_socket();
  const auto pass = [&](const std::string& pid, const std::string& count) {
    ::dup2(listening, 3);
    announce(pid.empty() ? std::to_string(::getpid()) : pid, count);
  };
  CHECK(in_child([&] {
    pass("", "1");
    const auto found = inherited_socket();
    return found == 3 && (::fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 &&
           ::getenv("LISTEN_PID") == nullptr && ::getenv("LISTEN_FDS") == nullptr &&
           !inherited_socket();
  }));
  CHECK(in_child([&] {
    pass("1", "1");
    return !inherited_socket() && ::getenv("LISTEN_PID") == nullptr;
  }));
  CHECK(in_child([&] {
    pass("", "0");
    return !inherited_socket();
  }));
  CHECK(in_child([&] {
    pass("", "1x");
    return !inherited_socket();
  }));
  CHECK(in_child([&] {
    pass("", "2");
    try {
      inherited_socket();
    } catch (const std::runtime_error&) {
      return true;
    }
    return false;
  }));
  ::close(listening);
}

TEST_CASE("the supervisor is told") {
  SUBCASE("by path") {
    std::string directory = (std::filesystem::temp_directory_path() / "b3-XXXXXX").string();
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    {
      Supervisor supervisor(directory + "/notify");
      CHECK(notify_supervisor("READY=1"));
      CHECK(supervisor.heard() == "READY=1");
      CHECK(notify_supervisor("STOPPING=1"));
      CHECK(supervisor.heard() == "STOPPING=1");
    }
    std::filesystem::remove_all(directory);
  }
  SUBCASE("by abstract name") {
    Supervisor supervisor("@b3-test-" + std::to_string(::getpid()));
    CHECK(notify_supervisor("READY=1"));
    CHECK(supervisor.heard() == "READY=1");
  }
  SUBCASE("or not, where there is none") {
    CHECK_FALSE(notify_supervisor("READY=1"));
    for (const char* name : {"", "relative", "@", "/no/such/socket"}) {
      ::setenv("NOTIFY_SOCKET", name, 1);
      CHECK_FALSE(notify_supervisor("READY=1"));
    }
    ::unsetenv("NOTIFY_SOCKET");
  }
}

TEST_CASE("connections made while one process stops are served by the next one") {
  const int kept = listening_socket();  // the supervisor's
  TestHandler handler;
  const auto adopt = [&](Server& server) {
    server.adopt(::dup(kept));
    return server.port();
  };
  LoopThread loop;
  auto first = std::make_unique<Server>(loop.loop, handler);
  const std::uint16_t port = loop.call([&] { return adopt(*first); });
  RawClient early(port);
  REQUIRE(early.send(get("/now?1")));
  CHECK(early.read_response().body == "GET /now?1");

  loop.call([&] {
    first->drain();
    return true;
  });
  RawClient between(port);
  REQUIRE(between.send(get("/now?2")));
  // Its last answer says so; who is in the queue is not touched.
  REQUIRE(early.send(get("/now?3")));
  const RawResponse last = early.read_response();
  CHECK(last.body == "GET /now?3");
  CHECK(contains(last.head, "Connection: close"));
  REQUIRE(loop.wait_until([&] { return first->open_connections() == 0; }));
  loop.call([&] {
    first.reset();
    return true;
  });

  Server second(loop.loop, handler);
  loop.call([&] { return adopt(second); });
  CHECK(between.read_response().body == "GET /now?2");
  loop.call([&] {
    second.stop();
    return true;
  });
  CHECK(loop.wait_until([&] { return second.open_connections() == 0; }));
  ::close(kept);
}

TEST_CASE("what is not a listening TCP socket is not adopted") {
  TestHandler handler;
  boost::asio::io_context loop;
  Server server(loop, handler);
  const int datagram = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  CHECK_THROWS_AS(server.adopt(datagram), std::system_error);
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_THROWS_AS(server.adopt(silent), std::system_error);
  ::close(datagram);
  ::close(silent);
  CHECK_THROWS_AS(server.adopt(-1), std::system_error);
}
