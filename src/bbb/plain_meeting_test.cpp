#include "bbb/plain_meeting.h"

#include <doctest/doctest.h>

#include "bbb/answer.h"

using namespace b3::bbb;

namespace {

std::string meeting(std::string_view content) {
  return "<meeting>" + std::string(content) + "</meeting>";
}

// The same through pugixml.
std::string parsed_and_printed(const std::string& document) {
  const std::string begin = "<response><returncode/>";
  auto answer = Answer::parse(begin + document + "</response>");
  REQUIRE(answer);
  answer->unscope_ids("moodle");
  const auto xml = answer->xml();
  return xml.substr(begin.size(), xml.size() - begin.size() - std::string("</response>").size());
}

bool is_plain(std::string_view document) {
  std::string out = "before";
  const bool plain = append_plain_meeting(out, document, "moodle");
  if (!plain) CHECK(out == "before");
  return plain;
}

}  // namespace

TEST_CASE("a plain document comes out as pugixml would print it") {
  for (const char* content : {
           "<meetingID>moodle~math</meetingID>",
           "<meetingID>moodle~m&amp;m~2</meetingID><parentMeetingID>bbb-none</parentMeetingID>",
           "<meetingID>ilias~math</meetingID><meetingID>moodle~</meetingID><meetingID/>",
           "<meetingID> moodle~math</meetingID><meetingID>moodle2~math</meetingID>",
           "<breakoutRooms><breakout>moodle~a</breakout></breakoutRooms>"
           "<breakout>moodle~a</breakout><breakout><meetingId>moodle~b</meetingId></breakout>",
           "<meetingID><x>moodle~a</x></meetingID><meetingID>moodle~a<x/></meetingID>",
           "<metadata><meetingID>moodle~a</meetingID><metadata/><x><meetingID>moodle~b</meetingID>"
           "</x></metadata><meetingID>moodle~c</meetingID>",
           "<a><customdata><meetingID>moodle~a</meetingID></customdata></a>",
           "<name><![CDATA[moodle~<a>&b]]></name>\n <x>\xC3\xBC \"quoted\" 'too'</x>",
           "text &lt;before&gt; <meetingName>moodle~a</meetingName>",
       }) {
    const auto document = meeting(content);
    CAPTURE(document);
    std::string out = "before";
    REQUIRE(append_plain_meeting(out, document, "moodle"));
    CHECK(out == "before" + parsed_and_printed(document));
  }
}

TEST_CASE("ids are unscoped, for their tenant only") {
  std::string out;
  REQUIRE(append_plain_meeting(out, meeting("<meetingID>moodle~math</meetingID>"), "moodle"));
  REQUIRE(append_plain_meeting(out, meeting("<meetingID>moodle~math</meetingID>"), "ilias"));
  CHECK(out ==
        meeting("<meetingID>math</meetingID>") + meeting("<meetingID>moodle~math</meetingID>"));
}

TEST_CASE("what is not plain is left to pugixml") {
  for (const char* content : {
           "<a b=\"c\"/>",
           "<a >b</a>",
           "<!-- a -->",
           "<?a b?>",
           "<a></a>",
           "<a>&#13;</a>",
           "<a>b & c</a>",
           "<a>b > c</a>",
           "<a>b</A>",
           "<a>b",
           "b</a>",
           "<1/>",
           "</meeting>",
           "</meeting><meeting>",
           "<meetingID><![CDATA[moodle~a]]></meetingID>",
           "<a><![CDATA[b</a>",
           "\r",
           "\x01",
           "\xFF",
           "\xEF\xBF\xBF",
           "<\xC3\xBC/>",
           "<",
       }) {
    CAPTURE(content);
    CHECK_FALSE(is_plain(meeting(content)));
  }
  CHECK_FALSE(is_plain(""));
  CHECK_FALSE(is_plain("<other/>"));
  CHECK_FALSE(is_plain("<meeting/>"));
  CHECK_FALSE(is_plain(meeting("a") + " "));
  std::string deep = "a";
  for (int i = 0; i < 60; ++i) deep = "<x>" + deep + "</x>";
  CHECK_FALSE(is_plain(meeting(deep)));
}
