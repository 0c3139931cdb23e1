#include "agent/command_line.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/files.h"

using namespace b3::agent;

TEST_CASE("the options of older agents") {
  const char* arguments[] = {"b3scaleagent", "-register", "--env-file", "x"};
  CHECK(modern_arguments(4, arguments) ==
        std::vector<std::string>{"x", "--env-file", "--register"});
}

TEST_CASE("properties files") {
  const auto path =
      std::filesystem::temp_directory_path() / ("properties-" + std::to_string(::getpid()));
  CHECK(fingerprint(path) == "");
  CHECK(read_identity_files("/nowhere/1", path).error().contains("/nowhere/1"));
  std::ofstream(path) << "bigbluebutton.web.serverURL=https://node\nsecuritySalt=x\n";
  const auto before = fingerprint(path);
  CHECK(before != "");
  CHECK(read_identity_files("/nowhere/1", path).value() ==
        Identity{"https://node/bigbluebutton/api/", "x"});
  CHECK(read_identity_files(path, "").value().secret == "x");
  std::ofstream(path, std::ios::app) << "securitySalt=y\n";
  CHECK(fingerprint(path) != before);
  std::filesystem::remove(path);
}
