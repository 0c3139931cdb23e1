#include "base/json.h"

#include <doctest/doctest.h>

using namespace b3;

TEST_CASE("only one whole object is taken") {
  CHECK(parse_json_object("{}"));
  CHECK(parse_json_object(" {\"a\":1}\n"));
  for (const auto text : {"", "[]", "1", "null", "{}{}", "{} x", "{", "{\"a\":}", "{'a':1}",
                          "{\"a\":1,}", "{\"a\":\"\xFF\"}", "// c\n{}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json_object(text));
  }
}

TEST_CASE("nesting is bounded") {
  const auto nested = [](int depth) {
    std::string text = "{\"a\":";
    for (int i = 1; i < depth; ++i) text += '[';
    for (int i = 1; i < depth; ++i) text += ']';
    return text.replace(5, 0, depth == 1 ? "1" : "") + "}";
  };
  CHECK(parse_json_object(nested(32)));
  CHECK_FALSE(parse_json_object(nested(33)));
  CHECK_FALSE(parse_json_object(nested(100'000)));
}

TEST_CASE("look-ups are typed") {
  const auto object = *parse_json_object(
      R"({"s":"x","i":3,"f":3.0,"h":3.5,"b":true,"n":null,"big":18446744073709551615,"e":1e300})");
  CHECK(*find_string(object, "s") == "x");
  CHECK(find_string(object, "i") == nullptr);
  CHECK(find_string(object, "absent") == nullptr);
  CHECK(find_integer(object, "i") == 3);
  CHECK(find_integer(object, "f") == 3);
  for (const auto key : {"h", "s", "b", "n", "big", "e", "absent"})
    CHECK_FALSE(find_integer(object, key));
  CHECK(find_number(object, "h") == 3.5);
  CHECK(find_number(object, "big") == 18446744073709551615.0);
  CHECK_FALSE(find_number(object, "b"));
  CHECK(find_bool(object, "b") == true);
  CHECK_FALSE(find_bool(object, "i"));
}

TEST_CASE("numbers are written as people write them") {
  const boost::json::value value{{"whole", 1.0},
                                 {"part", 0.63},
                                 {"count", 3},
                                 {"list", {0.5, "a\"b", nullptr, true}},
                                 {"none", boost::json::object{}}};
  CHECK(b3::to_json_text(value) ==
        R"({"whole":1,"part":0.63,"count":3,"list":[0.5,"a\"b",null,true],"none":{}})");
}
