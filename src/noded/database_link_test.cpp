#include "noded/database_link.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

using namespace b3;
using agent::Identity;
using agent::LinkError;
using agent::Outcome;
namespace asio = boost::asio;

namespace {

struct Rig {
  std::filesystem::path file;
  store::Executor store;
  noded::DatabaseLink link{store};

  Rig()
      : file(std::filesystem::temp_directory_path() /
             ("noded-" + std::to_string(::getpid()) + ".db")),
        store("sqlite:" + remove(file).string(), 1) {
    store.run_blocking([](store::Store& opened) { return opened.migrate(read_clocks().wall); });
  }
  ~Rig() {
    store.stop();
    remove(file);
  }
  static const std::filesystem::path& remove(const std::filesystem::path& path) {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + end);
    return path;
  }

  template <typename T>
  std::expected<T, LinkError> run(agent::Answer<T> work) {
    asio::io_context loop;
    std::optional<std::expected<T, LinkError>> result;
    asio::co_spawn(loop, std::move(work), [&](std::exception_ptr failure, auto answer) {
      REQUIRE(!failure);
      result = std::move(answer);
    });
    loop.run();
    return std::move(result.value());
  }
  Backend backend() {
    const auto all =
        store.run_blocking([](store::Store& opened) { return opened.list_backends(); });
    REQUIRE(all.size() == 1);
    return all.front();
  }
};

const Identity me{"https://node/bigbluebutton/api/", "s3cret"};

agent::Call with_scope(agent::Call call, std::string scoped_id) {
  call.scoped_id = std::move(scoped_id);
  return call;
}

}  // namespace

TEST_CASE("a node registers, comes back, and changes") {
  Rig rig;
  const auto refused = rig.run(rig.link.enroll(me, 1.0, false));
  REQUIRE(!refused);
  CHECK(refused.error().kind == LinkError::Kind::unknown);

  CHECK(rig.run(rig.link.enroll(me, 2.0, true)).has_value());
  const auto made = rig.backend();
  CHECK(made.admin_state == AdminState::init);
  CHECK(made.load_factor == 2.0);

  CHECK(rig.run(rig.link.enroll({me.host, "new"}, 3.0, false)).has_value());
  CHECK(rig.backend().id == made.id);
  CHECK(rig.backend().secret == "new");
  CHECK(rig.backend().load_factor == 2.0);

  CHECK(rig.run(rig.link.enroll({"https://moved/bigbluebutton/api/", "new"}, 1.0, false))
            .has_value());
  CHECK(rig.backend().id == made.id);
  CHECK(rig.backend().host == "https://moved/bigbluebutton/api/");
}

TEST_CASE("heartbeats carry the report, and end with the backend") {
  Rig rig;
  CHECK(rig.run(rig.link.heartbeat({})).error().kind == LinkError::Kind::unknown);
  REQUIRE(rig.run(rig.link.enroll(me, 1.0, true)).has_value());
  CHECK(rig.run(rig.link.heartbeat({{"load1", 1}})).has_value());
  CHECK(rig.backend().agent_heartbeat.has_value());
  CHECK(rig.backend().agent_report.contains("load1"));
  rig.store.run_blocking([id = rig.backend().id](store::Store& store) {
    return store.delete_backend(id, true).has_value();
  });
  CHECK(rig.run(rig.link.heartbeat({})).error().kind == LinkError::Kind::unknown);
}

TEST_CASE("calls about meetings that are not there are refused one by one") {
  Rig rig;
  REQUIRE(rig.run(rig.link.enroll(me, 1.0, true)).has_value());
  const auto outcomes =
      rig.run(rig.link.send({with_scope(agent::ended_call("m"), "k~x"), agent::ended_call("n")}));
  CHECK(outcomes.value() == std::vector{Outcome::refused, Outcome::refused});
}

TEST_CASE("a refresh becomes a command for whoever keeps house, once") {
  Rig rig;
  REQUIRE(rig.run(rig.link.enroll(me, 1.0, true)).has_value());
  const auto commands = [&] {
    return rig.store.run_blocking([](store::Store& store) { return store.list_commands(); });
  };
  for (int i = 0; i < 2; ++i) {
    CHECK(rig.run(rig.link.send({agent::refresh_call()})).value() == std::vector{Outcome::done});
  }
  REQUIRE(commands().size() == 1);
  const auto command = commands().front();
  CHECK(command.action == "refresh");
  CHECK(command.backend_id == rig.backend().id);
  CHECK(command.holder == "");
  CHECK(command.state == store::CommandState::requested);
  rig.store.run_blocking([&](store::Store& store) {
    return store.claim_command(command.id, "", "i1", read_clocks().wall).has_value();
  });
  CHECK(rig.run(rig.link.send({agent::refresh_call()})).value() == std::vector{Outcome::done});
  CHECK(commands().size() == 2);
}
