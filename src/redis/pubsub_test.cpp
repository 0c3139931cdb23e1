// With a redis server of the test's own.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "redis/connection.h"
#include "redis/publisher.h"
#include "redis/subscriber.h"

using namespace b3::redis;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

std::uint16_t free_port() {
  asio::io_context loop;
  return asio::ip::tcp::acceptor(loop, {asio::ip::address_v4::loopback(), 0})
      .local_endpoint()
      .port();
}

class Server {
 public:
  explicit Server(std::uint16_t port, std::string password = {}) : address_{.port = port} {
    address_.password = password;
    const std::string number = std::to_string(port);
    std::vector<const char*> words{
        "redis-server", "--port", number.c_str(), "--save",     "",       "--appendonly",
        "no",           "--bind", "127.0.0.1",    "--loglevel", "warning"};
    if (!password.empty()) words.insert(words.end(), {"--requirepass", password.c_str()});
    words.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const int failed = ::posix_spawnp(&pid_, "redis-server", &files, nullptr,
                                      const_cast<char**>(words.data()), environ);
    ::posix_spawn_file_actions_destroy(&files);
    REQUIRE(failed == 0);
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!Connection::open(address_, 1s)) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      ::usleep(10'000);
    }
  }
  ~Server() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  const Address& address() const { return address_; }

 private:
  Address address_;
  pid_t pid_ = 0;
};

struct Heard {
  int connected = 0;
  int disconnected = 0;
  std::string reason;
  std::vector<std::string> messages;

  SubscriberHandlers handlers() {
    return {.connected = [this] { ++connected; },
            .messages =
                [this](std::vector<std::string> more) {
                  messages.insert(messages.end(), more.begin(), more.end());
                },
            .disconnected =
                [this](std::string why) {
                  ++disconnected;
                  reason = std::move(why);
                }};
  }
};

void run_until(asio::io_context& loop, const std::function<bool()>& done) {
  loop.restart();
  const auto guard = asio::make_work_guard(loop);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    loop.run_one_for(100ms);
  }
}

}  // namespace

TEST_CASE("messages arrive in order, those of unwanted channels do not") {
  Server server(free_port());
  asio::io_context loop;
  Heard heard;
  Subscriber subscriber(
      loop, server.address(),
      {.pattern = "from-*",
       .wanted = [](std::string_view channel) { return !channel.contains("-wb-"); }},
      heard.handlers());
  run_until(loop, [&] { return heard.connected == 1; });
  Publisher publisher(server.address());
  for (int i = 0; i < 100; ++i) {
    publisher.publish("to-nobody", "x");
    publisher.publish("from-wb-x", "x");
    publisher.publish("from-here", std::string("\0 binary ", 9) + std::to_string(i));
  }
  run_until(loop, [&] { return heard.messages.size() == 100; });
  for (int i = 0; i < 100; ++i) {
    CHECK(heard.messages[std::size_t(i)] == std::string("\0 binary ", 9) + std::to_string(i));
  }
  CHECK(heard.disconnected == 0);
  // A message may be heard before its publisher has read the server's answer.
  run_until(loop, [&] { return publisher.published() >= 300; });
  CHECK(publisher.published() == 300);
}

TEST_CASE("a server that goes and comes is noticed by both") {
  const auto port = free_port();
  asio::io_context loop;
  Heard heard;
  std::optional<Server> server(std::in_place, port);
  Publisher publisher(server->address());
  Subscriber subscriber(loop, server->address(), {.pattern = "*"}, heard.handlers());
  run_until(loop, [&] { return heard.connected == 1; });
  publisher.publish("a", "one");
  run_until(loop, [&] { return heard.messages.size() == 1; });

  server.reset();
  run_until(loop, [&] { return heard.disconnected > 0; });
  publisher.publish("a", "lost");
  run_until(loop, [&] { return publisher.dropped() == 1; });

  server.emplace(port);
  run_until(loop, [&] { return heard.connected == 2; });
  publisher.publish("a", "two");
  publisher.reconnect();
  publisher.publish("a", "three");
  run_until(loop, [&] { return heard.messages.size() == 3; });
  CHECK(heard.messages == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("passwords") {
  Server server(free_port(), "open sesame");
  asio::io_context loop;
  Heard right;
  Heard wrong;
  Heard none;
  auto address = server.address();
  Subscriber with_it(loop, address, {.pattern = "*"}, right.handlers());
  address.password = "open barley";
  Subscriber with_another(loop, address, {.pattern = "*"}, wrong.handlers());
  address.password = "";
  Subscriber without(loop, address, {.pattern = "*"}, none.handlers());
  run_until(loop, [&] {
    return right.connected == 1 && wrong.disconnected > 0 && none.disconnected > 0;
  });
  CHECK(wrong.connected == 0);
  CHECK(none.connected == 0);
  CHECK(!wrong.reason.contains("barley"));
}

TEST_CASE("a subscriber that cannot keep up starts anew") {
  Server server(free_port());
  asio::io_context loop;
  Heard heard;
  Subscriber subscriber(loop, server.address(), {.pattern = "*", .most_waiting = 10},
                        heard.handlers());
  run_until(loop, [&] { return heard.connected == 1; });
  {
    Publisher publisher(server.address());
    for (int i = 0; i < 100; ++i) publisher.publish("a", "x");
  }  // all published, and the loop did not run
  run_until(loop, [&] { return heard.connected == 2; });
  CHECK(heard.disconnected == 1);
}

TEST_CASE("no handler runs after the subscriber's end") {
  Server server(free_port());
  asio::io_context loop;
  Heard heard;
  std::optional<Subscriber> subscriber(std::in_place, loop, server.address(),
                                       SubscriberOptions{.pattern = "*"}, heard.handlers());
  run_until(loop, [&] { return heard.connected == 1; });
  {
    Publisher publisher(server.address());
    for (int i = 0; i < 100; ++i) publisher.publish("a", "x");
  }
  subscriber.reset();
  loop.restart();
  loop.poll();
  CHECK(heard.messages.empty());
}
