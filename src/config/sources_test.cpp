#include "config/sources.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace b3::config {
namespace {

// A folder of its own for every test, gone afterwards.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "b3config-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return file(name);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST_CASE("later files win over earlier ones, exported variables over all") {
  const Folder folder;
  const auto standard = folder.write("standard", "A=1\nB=1\nC=1\nD=1\n");
  const auto first = folder.write("first", "B=2\nC=2\nD=2\n");
  const auto second = folder.write("second", "C=3\nD=3\n");
  const auto environment = combine({.optional_files = {standard},
                                    .required_files = {first, second},
                                    .exported = {{"D", "4"}, {"E", "4"}}});
  REQUIRE(environment);
  CHECK(*environment == Environment{{"A", "1"}, {"B", "2"}, {"C", "3"}, {"D", "4"}, {"E", "4"}});
}

TEST_CASE("an exported empty variable wins too") {
  const Folder folder;
  const auto environment = combine({.optional_files = {},
                                    .required_files = {folder.write("f", "A=1\n")},
                                    .exported = {{"A", ""}}});
  REQUIRE(environment);
  CHECK(environment->at("A").empty());
}

TEST_CASE("optional files may be missing, required ones not") {
  const Folder folder;
  const auto plain = folder.write("plain", "A=1\n");
  const auto absent = folder.file("absent");
  CHECK(combine({{absent, plain + "/below"}, {}, {}}) == Environment{});
  const auto environment = combine({{}, {absent}, {}});
  REQUIRE_FALSE(environment);
  REQUIRE(environment.error().size() == 1);
  CHECK(environment.error()[0].starts_with(absent + ": "));
}

TEST_CASE("all files' problems are told at once; a bad optional file is one of them") {
  const Folder folder;
  const auto bad = folder.write("bad", "A=1\nnonsense\n");
  const auto large = folder.write("large", std::string(2 * 1024 * 1024, '\n'));
  const auto environment = combine({{bad}, {folder.file("absent"), large, folder.path()}, {}});
  REQUIRE_FALSE(environment);
  REQUIRE(environment.error().size() == 4);
  CHECK(environment.error()[0].starts_with(bad + ":2: "));
  CHECK(environment.error()[1].starts_with(folder.file("absent")));
  CHECK(environment.error()[2].starts_with(large));
  CHECK(environment.error()[3].starts_with(folder.path()));
}

TEST_CASE("of the exported variables only ours are taken") {
  const char* entries[] = {
      "PATH=/bin",       "B3SCALE_LOG_LEVEL=debug",  "BBB_CONFIG=/x=y", "B3SCALE_ODD=",
      "B3SCALE_NOTHING", "B3SCALE_LOG_LEVEL=second", "XB3SCALE_A=1",    nullptr};
  CHECK(select_exported(entries) ==
        Environment{{"B3SCALE_LOG_LEVEL", "debug"}, {"BBB_CONFIG", "/x=y"}, {"B3SCALE_ODD", ""}});
  CHECK(select_exported(nullptr).empty());
}

TEST_CASE("read_environment takes the process environment and insists on explicit files") {
  const Folder folder;
  const auto file = folder.write("f", "B3SCALE_TEST_A=file\nB3SCALE_TEST_B=file\n");
  REQUIRE(setenv("B3SCALE_TEST_B", "exported", 1) == 0);
  const auto environment = read_environment({file});
  unsetenv("B3SCALE_TEST_B");
  REQUIRE(environment);
  CHECK(environment->at("B3SCALE_TEST_A") == "file");
  CHECK(environment->at("B3SCALE_TEST_B") == "exported");
  CHECK_FALSE(read_environment({folder.file("absent")}));
}

}  // namespace
}  // namespace b3::config
