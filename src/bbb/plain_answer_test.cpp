#include "bbb/plain_answer.h"

#include <doctest/doctest.h>

using namespace b3::bbb;

namespace {

std::string response(std::string_view content) {
  return "<response><returncode>SUCCESS</returncode>" + std::string(content) + "</response>";
}

// The same bytes for pugixml alone: what comes behind the root is neither plain nor printed.
Answer through_a_tree(const std::string& bytes) {
  auto answer = Answer::parse(bytes + "<!-- -->");
  REQUIRE(answer);
  return std::move(*answer);
}

void check_same(const NodeMeeting& left, const NodeMeeting& right) {
  CHECK(left.scoped_id == right.scoped_id);
  CHECK(left.internal_id == right.internal_id);
  CHECK(left.name == right.name);
  CHECK(left.running == right.running);
  CHECK(left.breakout == right.breakout);
  CHECK(left.ended == right.ended);
  CHECK(left.counts == right.counts);
  CHECK(left.document == right.document);
}

void check_same_as_tree(const std::string& bytes) {
  CAPTURE(bytes);
  auto plain = PlainAnswer::parse(bytes);
  REQUIRE(plain);
  auto tree = through_a_tree(bytes);
  CHECK(plain->success() == tree.success());
  for (const char* name : {"returncode", "meetingID", "messageKey", "message", "a", "absent"}) {
    CHECK(plain->text(name) == tree.text(name));
    CHECK(plain->has(name) == tree.has(name));
  }
  CHECK(tree.meetings().empty());
  for (const char* key : {"nobody", "moodle"}) {
    check_same(plain->as_meeting(), tree.as_meeting());
    CHECK(plain->xml() == tree.xml());
    plain->unscope_ids(key);
    tree.unscope_ids(key);
  }
  check_same(plain->as_meeting(), tree.as_meeting());
  CHECK(plain->text("meetingID") == tree.text("meetingID"));
  CHECK(std::move(*plain).xml() == tree.xml());
}

}  // namespace

TEST_CASE("a flat answer is read, edited and printed as with a document tree") {
  for (const char* content : {
           "",
           "<meetingID>moodle~math</meetingID>",
           "<meetingID>moodle~math</meetingID><internalMeetingID>1-2</internalMeetingID>"
           "<parentMeetingID>bbb-none</parentMeetingID><createTime>12</createTime>"
           "<hasBeenForciblyEnded>false</hasBeenForciblyEnded><messageKey></messageKey>"
           "<message/>",
           "<parentMeetingID>moodle~parent</parentMeetingID><a>x</a><meetingId>moodle~b</meetingId>"
           "<meetingID>moodle~c</meetingID><a>later</a>",
           "<meetingID><![CDATA[moodle~a&b <c>]]></meetingID><a><![CDATA[]]></a>",
           "<meetingID>moodle~m&amp;m&lt;~&gt;</meetingID><a>&amp;amp;</a>",
           "<meetingID>moodle~</meetingID><meetingID>moodle~second</meetingID>",
           "<meetingID> moodle~math </meetingID><meetingId>ilias~math</meetingId>",
           "<meetingID>moodle&amp;~math</meetingID><meetingId>a b~c</meetingId>",
           "<meetingID/><a></a><messageKey> </messageKey><message>\n</message>",
           "<a></a><a></a><a/><meetingID>moodle~x</meetingID><a></a>",
           "\n  <a>1</a>\t\n <meetingID>moodle~math</meetingID>\n",
           "<metadata>moodle~a</metadata><breakout>moodle~b</breakout><_x.y-1>z</_x.y-1>",
           "<meetings></meetings><messageKey>noMeetings</messageKey>",
           "<isBreakout> true </isBreakout><running>true</running><participantCount> 7 "
           "</participantCount><moderatorCount>-1</moderatorCount><videoCount>2x</videoCount>"
           "<listenerCount>99999999999999999999</listenerCount><meetingName>\xC3\xBC\"'"
           "</meetingName>",
           "<a>\x7F\xC2\x80\xF0\x9F\x98\x80</a><b><![CDATA[\xE2\x82\xAC]] >]]></b>",
       }) {
    check_same_as_tree(response(content));
    check_same_as_tree(" \n" + response(content) + "\n\t ");
  }
  check_same_as_tree("<response><returncode> SUCCESS\n</returncode></response>");
  check_same_as_tree("<response><returncode><![CDATA[SUCCESS]]></returncode></response>");
  check_same_as_tree(
      "<response><returncode>FAILED</returncode><returncode>SUCCESS</returncode>"
      "<messageKey>notFound</messageKey></response>");
  check_same_as_tree("<response><returncode/><meetingID>moodle~a</meetingID></response>");
}

TEST_CASE("everything else is left to a document tree") {
  for (const char* content : {
           "<a><b/></a>",
           "<a b=\"c\"/>",
           "<a b='c'>d</a>",
           "<a />",
           "<a >b</a>",
           "<a>b</a >",
           "<!-- a -->",
           "<a><!-- b --></a>",
           "<?a b?>",
           "<a>&#13;</a>",
           "<a>&quot;</a>",
           "<a>&unknown;</a>",
           "<a>b & c</a>",
           "<a>b > c</a>",
           "<a>]]></a>",
           "<a>\r\n</a>",
           "<a>\x01</a>",
           "<a>\xFF</a>",
           "<a>\xEF\xBF\xBF</a>",
           "<a>\xED\xA0\x80</a>",
           "<\xC3\xBC/>",
           "<1/>",
           "<-a/>",
           "</>",
           "<a>b</A>",
           "<a>b</ab>",
           "<ab>b</a>",
           "<a>b",
           "<a",
           "<",
           "text",
           "<a:b>c</a:b>",
           "<![CDATA[a]]>",
           "<a> <![CDATA[b]]></a>",
           "<a><![CDATA[b]]> </a>",
           "<a><![CDATA[b]]><![CDATA[c]]></a>",
           "<a><![CDATA[b</a>",
           "<a><![CDATA[\r]]></a>",
           "<a><![CDATA[\xC3]]></a>",
           "<!DOCTYPE a>",
           "</response><response>",
       }) {
    CAPTURE(content);
    CHECK_FALSE(PlainAnswer::parse(response(content)));
  }
  using namespace std::string_literals;
  const auto fine = response("<a>b</a>");
  for (const auto& bytes :
       {""s, " "s, "<response/>"s, "<response></response>"s, "<response><a>b</a></response>"s,
        "<html><returncode>SUCCESS</returncode></html>"s, "\xEF\xBB\xBF" + fine,
        "<?xml version=\"1.0\"?>" + fine, fine + "<x/>", fine + "x", fine + '\0', "x" + fine,
        response("<a>\0</a>"s), response("<a>"s + std::string(64 * 1024, 'b') + "</a>")}) {
    CAPTURE(bytes);
    CHECK_FALSE(PlainAnswer::parse(bytes));
  }
  std::string many;
  for (int i = 0; i < 64; ++i) many += "<a/>";
  CHECK_FALSE(PlainAnswer::parse(response(many)));
}

TEST_CASE("an answer cut short anywhere is not plain") {
  const auto whole = response("<meetingID>moodle~a</meetingID><b/><c><![CDATA[d]]></c>");
  REQUIRE(PlainAnswer::parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(PlainAnswer::parse(std::string_view(whole).substr(0, size)));
  }
}
