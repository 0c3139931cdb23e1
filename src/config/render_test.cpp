#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/config.h"
#include "config/values.h"

namespace b3::config {
namespace {

TEST_CASE("docs/configuration.md is what the table renders to") {
  const auto page = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() /
                    "docs" / "configuration.md";
  if (std::getenv("B3_REGENERATE")) std::ofstream(page, std::ios::binary) << render_markdown();
  std::ifstream file(page, std::ios::binary);
  REQUIRE(file.is_open());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  INFO("run B3_REGENERATE=1 config_test");
  CHECK(text == render_markdown());
}

TEST_CASE("the page has one row of four cells for every variable") {
  const std::string page = render_markdown();
  for (const auto& variable : variables()) {
    CAPTURE(variable.name);
    const auto begin = page.find("| `" + std::string(variable.name) + "` |");
    REQUIRE(begin != std::string::npos);
    const auto row = page.substr(begin, page.find('\n', begin) - begin);
    std::size_t borders = 0;
    for (std::size_t at = 0; at < row.size(); ++at) {
      if (row[at] == '|' && (at == 0 || row[at - 1] != '\\')) ++borders;
    }
    CHECK(borders == 5);
  }
}

TEST_CASE("help lists a program's variables and no others, at most 80 columns wide") {
  const std::string daemon = render_help("b3scaled");
  const std::string control = render_help("b3scalectl");
  for (const auto& variable : variables()) {
    CAPTURE(variable.name);
    const auto line = "\n  " + std::string(variable.name) + "\n";
    CHECK(daemon.contains(line) == (is_read_by(variable, "b3scaled")));
    CHECK(control.contains(line) == is_read_by(variable, "b3scalectl"));
  }
  for (const auto line : split(daemon + control, "\n")) {
    CAPTURE(line);
    CHECK(line.size() <= 80);
    CHECK_FALSE(line.ends_with(' '));
  }
  CHECK(render_help("b3scale") == "Environment:\n");
}

}  // namespace
}  // namespace b3::config
