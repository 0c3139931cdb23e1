#include "ctl/table.h"

#include <doctest/doctest.h>

namespace b3::ctl {
namespace {

TEST_CASE("widths are those of a terminal") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("Größe") == 5);
  CHECK(display_width("数学") == 4);
  CHECK(display_width("e\xCC\x81") == 1);  // e and a combining acute accent
  CHECK(display_width("\xF0\x9F\x98\x80") == 2);
  CHECK(display_width("\xFF\xFE") == 2);  // malformed: one replacement character each
}

TEST_CASE("terminal escapes and direction overrides are made harmless") {
  CHECK(printable("a\033[31mb") == "a\xEF\xBF\xBD[31mb");
  CHECK(printable("a\nb\tc") ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD"
        "c");
  CHECK(printable("\xC2\x9B"
                  "31m") ==
        "\xEF\xBF\xBD"
        "31m");  // C1 control sequence introducer
  CHECK(printable("\xE2\x80\xAE"
                  "txt") ==
        "\xEF\xBF\xBD"
        "txt");
  CHECK(printable("\xFFz") == "\xEF\xBF\xBDz");
  CHECK(printable("Grüße 数学") == "Grüße 数学");
}

TEST_CASE("columns align, numbers to the right, lines end without spaces") {
  Table table{.headings = {"NAME", "COUNT", "NOTE"},
              .rows = {{{"数学"}, {"5", Tint::plain, true}, {"x"}},
                       {{"Größe"}, {"123", Tint::plain, true}, {""}}}};
  CHECK(render(table, false) ==
        "NAME   COUNT  NOTE\n"
        "数学       5  x\n"
        "Größe    123\n");
}

TEST_CASE("colours only when asked for, and they do not shift columns") {
  Table table{.headings = {"A", "B"}, .rows = {{{"yes", Tint::good}, {"end"}}}};
  CHECK(render(table, false).find('\033') == std::string::npos);
  CHECK(render(table, true) ==
        "\033[2mA\033[0m    \033[2mB\033[0m\n"
        "\033[32myes\033[0m  end\n");
}

TEST_CASE("a table without headings, and rows of differing length") {
  Table table;
  table.rows = {{{"Key"}, {"value"}}, {{"Longer key"}}};
  CHECK(render(table, false) == "Key         value\nLonger key\n");
}

}  // namespace
}  // namespace b3::ctl
