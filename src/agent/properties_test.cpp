#include "agent/properties.h"

#include <doctest/doctest.h>

using namespace b3::agent;

TEST_CASE("the lines of a properties file") {
  const auto properties = parse_properties(
      "# comment = no\n"
      "  ! comment\r\n"
      "a=1\n"
      "b : 2\n"
      "c 3 4 \n"
      "  d\t=\t5\r\n"
      "e=\n"
      "f\n"
      "g=one\\\n    two\\\r\n\tthree\n"
      "h=back\\\\\n"
      "a\\ b\\:c\\=d=key\n"
      "i=\\t\\n\\q\\u0041\\u00e9\\ud83d\\ude00\\ud83d\\uZZZZ\n"
      "# continued \\\n"
      "j=1\nj=2\n"
      "k==x\n"
      "last=no line end\\");
  CHECK(properties == Properties{{"a", "1"},
                                 {"b", "2"},
                                 {"c", "3 4 "},
                                 {"d", "5"},
                                 {"e", ""},
                                 {"f", ""},
                                 {"g", "onetwothree"},
                                 {"h", "back\\"},
                                 {"a b:c=d", "key"},
                                 {"i", "\t\nqA\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBDuZZZZ"},
                                 {"j", "2"},
                                 {"k", "=x"},
                                 {"last", "no line end"}});
}

TEST_CASE("references") {
  const auto properties = parse_properties(
      "host=node\nurl=https://${host}/${path}\npath=x${missing}\nloop=${loop}\n"
      "half=${host\nbomb=${a}${a}\na=${b}${b}\nb=${c}${c}\nc=${d}${d}\nd=${bomb}${bomb}\n");
  CHECK(resolve(properties, "url") == "https://node/x${missing}");
  CHECK(resolve(properties, "half") == "${host");
  CHECK(resolve(properties, "nothing") == "");
  CHECK(resolve(properties, "loop") == "${loop}");
  CHECK(resolve(properties, "bomb").size() < 1'000'000);
}

TEST_CASE("what the agent needs") {
  constexpr std::string_view defaults =
      "bigbluebutton.web.serverURL=http://192.168.0.1\nsecuritySalt=old\n";
  CHECK(read_identity(defaults, "").value() ==
        Identity{"http://192.168.0.1/bigbluebutton/api/", "old"});
  CHECK(read_identity(defaults,
                      "securitySalt=new \nbigbluebutton.web.serverURL=https://Node.example/\n")
            .value() == Identity{"https://node.example/bigbluebutton/api/", "new"});
  CHECK(read_identity("", "securitySalt=s3cret\n").error().contains("serverURL"));
  CHECK(read_identity(defaults, "securitySalt=\n").error().contains("securitySalt"));
  CHECK(!read_identity("", "bigbluebutton.web.serverURL=ftp://x\nsecuritySalt=s3cret")
             .error()
             .contains("s3cret"));
}

TEST_CASE("references to nothing, very many of them, come to an end") {
  std::string text = "empty=\n";
  std::string before = "empty";
  for (int level = 0; level < 15; ++level) {
    const auto name = "level" + std::to_string(level);
    text += name + "=";
    for (int i = 0; i < 20; ++i) text += "${" + before + "}";
    text += "\n";
    before = name;
  }
  const auto properties = parse_properties(text);
  CHECK(resolve(properties, "level1") == "");  // 20 * 20 are followed
  CHECK(resolve(properties, before).size() < 1'000'000);
}
