#include "bbb/answer.h"

#include <doctest/doctest.h>

#include "base/encoding.h"

using namespace b3::bbb;
using namespace std::string_view_literals;

namespace {

constexpr std::string_view meeting_document =
    "<meeting><meetingName>Maths &amp; more</meetingName><meetingID>moodle~math</meetingID>"
    "<internalMeetingID>abc-1</internalMeetingID><running>true</running>"
    "<participantCount>7</participantCount><listenerCount>2</listenerCount>"
    "<voiceParticipantCount>3</voiceParticipantCount><videoCount>4</videoCount>"
    "<moderatorCount>1</moderatorCount><attendees><attendee><fullName>Eve</fullName></attendee>"
    "</attendees><metadata><meetingid>moodle~math</meetingid></metadata>"
    "<isBreakout>false</isBreakout></meeting>";

std::string listing(std::string_view meetings) {
  return "<?xml version=\"1.0\"?>\n<response><returncode>SUCCESS</returncode><meetings>" +
         std::string(meetings) + "</meetings></response>\n";
}

Answer parsed(std::string_view xml) {
  auto answer = Answer::parse(xml);
  REQUIRE(answer);
  return *std::move(answer);
}

std::string ok(std::string_view children) {
  return "<response><returncode>SUCCESS</returncode>" + std::string(children) + "</response>";
}

std::string unscoped(std::string_view xml, std::string_view key = "moodle") {
  Answer answer = parsed(xml);
  answer.unscope_ids(key);
  return answer.xml();
}

std::string nested(int levels) {
  std::string xml = "<response><returncode>SUCCESS</returncode>";
  for (int i = 1; i < levels; ++i) xml += "<a>";
  for (int i = 1; i < levels; ++i) xml += "</a>";
  return xml + "</response>";
}

}  // namespace

TEST_CASE("our own answers look like BBB's") {
  CHECK(failed("checksumError", "Checksums do not match") ==
        "<response><returncode>FAILED</returncode><messageKey>checksumError</messageKey>"
        "<message>Checksums do not match</message></response>");
  CHECK(success({{"running", "false"}}) ==
        "<response><returncode>SUCCESS</returncode><running>false</running></response>");
  CHECK(index_answer("b3scale 2.0.0") ==
        "<response><returncode>SUCCESS</returncode><version>2.0</version>"
        "<apiVersion>2.0</apiVersion><bbbVersion>b3scale 2.0.0</bbbVersion></response>");
  CHECK(parsed(index_answer()).has("bbbVersion"));
}

TEST_CASE("hostile text in our own answers is only text") {
  for (const auto text : {"</message><x/>"sv, "a&b"sv, "]]>"sv, "\"'"sv}) {
    CHECK(parsed(failed("k", text)).text("message") == text);
    CHECK(parsed(success({{"message", text}})).text("message") == text);
  }
  CHECK(parsed(failed("k", "a\0b\x01\xFF"sv)).text("message") ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("what is not XML and what is not BBB are told apart") {
  for (const auto xml :
       {""sv, " "sv, "hello"sv, "<response>"sv, "<response><returncode>SUCCESS</response>"sv,
        "<html><br></html>"sv, "<response><returncode>SUCCESS</returncode></response><x/>"sv,
        "<!DOCTYPE x><response><returncode>SUCCESS</returncode></response>"sv,
        "<!DOCTYPE x [<!ENTITY a \"b\">]><response><returncode>&a;</returncode></response>"sv,
        "<response><returncode>SUCCESS</returncode>\xFF</response>"sv,
        "<response><returncode>SUCC\0ESS</returncode></response>"sv,
        "<response><returncode>SUCCESS</returncode><![CDATA[</response>"sv}) {
    CAPTURE(xml);
    const auto answer = Answer::parse(xml);
    REQUIRE_FALSE(answer);
    CHECK(answer.error() == XmlError::malformed);
  }
  for (const auto xml :
       {"<html><body>502</body></html>", "<response/>", "<response>SUCCESS</response>",
        "<meetings><returncode>SUCCESS</returncode></meetings>",
        "<response><x><returncode>SUCCESS</returncode></x></response>"}) {
    const auto answer = Answer::parse(xml);
    REQUIRE_FALSE(answer);
    CHECK(answer.error() == XmlError::not_bbb);
  }
}

TEST_CASE("nesting is bounded at 64 and deep input costs no stack") {
  CHECK(Answer::parse(nested(64)));
  CHECK_FALSE(Answer::parse(nested(65)));
  CHECK_FALSE(Answer::parse(nested(200'000)));
}

TEST_CASE("success and texts are read") {
  const Answer answer = parsed(
      "<response>\n  <returncode> SUCCESS\n</returncode><meetingID><![CDATA[a<b]]></meetingID>"
      "<url>x&amp;y&#x20AC;</url><empty/><mixed>\n <![CDATA[id]]>\n</mixed></response>");
  CHECK(answer.success());
  CHECK(answer.text("meetingID") == "a<b");
  CHECK(answer.text("url") == "x&y\xE2\x82\xAC");
  CHECK(answer.text("mixed") == "id");
  CHECK(answer.has("empty"));
  CHECK(answer.text("empty").empty());
  CHECK_FALSE(answer.has("absent"));
  CHECK(answer.text("absent").empty());
  CHECK_FALSE(parsed("<response><returncode>FAILED</returncode></response>").success());
  CHECK_FALSE(parsed("<response><returncode>success</returncode></response>").success());
}

TEST_CASE("printing keeps what we do not know") {
  const std::string body =
      "<new attr=\"1&amp;2\">a <b>bold</b> tail</new><!-- note --><c><![CDATA[1 < 2 ]]&gt;]]></c>"
      "<?pi data?><space>  </space><lines>a\nb</lines>";
  CHECK(parsed(ok(body)).xml() == ok(body));
  CHECK(parsed("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + ok("")).xml() == ok(""));
  CHECK(parsed("\xEF\xBB\xBF" + ok("")).xml() == ok(""));
}

TEST_CASE("characters XML cannot hold are mended, so that the answer stays readable") {
  const std::string mended = "\xEF\xBF\xBD";
  CHECK(parsed(ok("<n>a\x01z</n>")).text("n") == "a" + mended + "z");
  CHECK(parsed(ok("<n>a&#1;z</n>")).text("n") == "a" + mended + "z");
  CHECK(b3::is_valid_utf8(parsed(ok("<n x=\"&#xD800;\">&#xD800;&#xFFFF;</n>")).xml()));
  CHECK(parsed(ok("<n>&#0;</n>")).text("n") == mended);
  CHECK(parsed(ok("<n><![CDATA[a\x1Bz&#0;]]></n>")).text("n") == "a" + mended + "z&#0;");
}

TEST_CASE("a listing is read") {
  const std::string breakout =
      "<meeting><meetingID><![CDATA[moodle~b1]]></meetingID><isBreakout>true</isBreakout></"
      "meeting>";
  const auto meetings =
      parsed(listing(std::string(meeting_document) +
                     "<meeting><meetingName>no id</meetingName></meeting>" + breakout + "<other/>"))
          .meetings();
  REQUIRE(meetings.size() == 2);
  CHECK(meetings[0].scoped_id == "moodle~math");
  CHECK(meetings[0].internal_id == "abc-1");
  CHECK(meetings[0].name == "Maths & more");
  CHECK(meetings[0].running);
  CHECK_FALSE(meetings[0].breakout);
  CHECK(meetings[0].counts == b3::MeetingCounts{7, 1, 2, 3, 4});
  CHECK(meetings[0].document == meeting_document);
  CHECK(meetings[1].scoped_id == "moodle~b1");
  CHECK(meetings[1].breakout);
  CHECK_FALSE(meetings[1].running);
}

TEST_CASE("odd counts count as nothing") {
  const auto count = [](std::string_view text) {
    return parsed(ok("<participantCount>" + std::string(text) + "</participantCount>"))
        .as_meeting()
        .counts.participants;
  };
  CHECK(count(" 12\n") == 12);
  for (const auto text : {"", "x", "-3", "1.5", "3x", "99999999999999999999", "+1"})
    CHECK(count(text) == 0);
}

TEST_CASE("answers without meetings list none") {
  CHECK(parsed(ok("<meetings/><messageKey>noMeetings</messageKey>")).meetings().empty());
  CHECK(parsed(ok("")).meetings().empty());
}

TEST_CASE("a create answer becomes a meeting") {
  const NodeMeeting meeting =
      parsed(ok("<meetingID>moodle~math</meetingID><internalMeetingID>i-1</internalMeetingID>"
                "<parentMeetingID>bbb-none</parentMeetingID><createTime>1</createTime>"
                "<messageKey>duplicateWarning</messageKey><message>twice</message>"))
          .as_meeting();
  CHECK(meeting.scoped_id == "moodle~math");
  CHECK(meeting.internal_id == "i-1");
  CHECK(meeting.name.empty());
  CHECK_FALSE(meeting.breakout);
  CHECK_FALSE(meeting.running);
  CHECK(meeting.document ==
        "<meeting><meetingID>moodle~math</meetingID><internalMeetingID>i-1</internalMeetingID>"
        "<parentMeetingID>bbb-none</parentMeetingID><createTime>1</createTime></meeting>");
}

TEST_CASE("a meeting that is about to disappear says so") {
  CHECK(parsed(ok("<hasBeenForciblyEnded>true</hasBeenForciblyEnded>")).as_meeting().ended);
  CHECK_FALSE(parsed(ok("<hasBeenForciblyEnded>false</hasBeenForciblyEnded>")).as_meeting().ended);
  CHECK_FALSE(parsed(ok("")).as_meeting().ended);
}

TEST_CASE("breakouts are known by flag or by parent") {
  CHECK(parsed(ok("<isBreakout>true</isBreakout>")).as_meeting().breakout);
  CHECK(parsed(ok("<parentMeetingID>p-1</parentMeetingID>")).as_meeting().breakout);
  CHECK(parsed(ok("<breakout><parentMeetingID>p-1</parentMeetingID></breakout>"))
            .as_meeting()
            .breakout);
  CHECK_FALSE(parsed(ok("<breakout/><parentMeetingID/>")).as_meeting().breakout);
  CHECK_FALSE(
      parsed(ok("<breakoutRooms><breakout>b</breakout></breakoutRooms>")).as_meeting().breakout);
}

TEST_CASE("ids are unscoped where BBB puts them") {
  CHECK(unscoped(ok(
            "<meetingID>moodle~a</meetingID><meetingId>moodle~a~b</meetingId>"
            "<parentMeetingID>moodle~p</parentMeetingID>"
            "<breakoutRooms><breakout>moodle~b1</breakout><breakout>i-2</breakout></breakoutRooms>"
            "<breakout><parentMeetingID>moodle~p</parentMeetingID></breakout>")) ==
        ok("<meetingID>a</meetingID><meetingId>a~b</meetingId><parentMeetingID>p</parentMeetingID>"
           "<breakoutRooms><breakout>b1</breakout><breakout>i-2</breakout></breakoutRooms>"
           "<breakout><parentMeetingID>p</parentMeetingID></breakout>"));
  CHECK(unscoped(listing("<meeting><meetingID><![CDATA[moodle~a&b]]></meetingID></meeting>")) ==
        ok("<meetings><meeting><meetingID><![CDATA[a&b]]></meetingID></meeting></meetings>"));
}

TEST_CASE("ids of others, and look-alikes, stay") {
  const std::string others =
      ok("<meetingID>ilias~a</meetingID><meetingId>moodle</meetingId>"
         "<parentMeetingID>moodle2~a</parentMeetingID><breakoutRooms/>"
         "<meetingName>moodle~a</meetingName><breakout>moodle~a</breakout>"
         "<meetingID>moodle~</meetingID><meetingID><x>moodle~a</x></meetingID>");
  CHECK(unscoped(others) == others);
}

TEST_CASE("what tenants name themselves is left alone") {
  const std::string own = ok(
      "<metadata><meetingID>moodle~a</meetingID><x><meetingID>moodle~b</meetingID></x></metadata>"
      "<attendees><attendee><customdata><meetingID>moodle~a</meetingID></customdata></attendee>"
      "</attendees>");
  CHECK(unscoped(own) == own);
  CHECK(unscoped(ok("<metadata/><meetingID>moodle~a</meetingID>")) ==
        ok("<metadata/><meetingID>a</meetingID>"));
}

TEST_CASE("stored documents become a listing for their tenant") {
  const std::string answer = meetings_answer({meeting_document, "<broken", "<other/>",
                                              "<meeting><meetingID>ilias~x</meetingID></meeting>"},
                                             "moodle");
  const auto meetings = parsed(answer).meetings();
  REQUIRE(meetings.size() == 2);
  CHECK(meetings[0].scoped_id == "math");
  CHECK(meetings[0].counts.participants == 7);
  CHECK(meetings[0].document.contains("<metadata><meetingid>moodle~math</meetingid></metadata>"));
  CHECK(meetings[1].scoped_id == "ilias~x");
  CHECK(answer.starts_with("<response><returncode>SUCCESS</returncode><meetings><meeting>"));
  CHECK(answer.ends_with("</meeting></meetings></response>"));
}

TEST_CASE("no meetings have a form of their own") {
  const std::string expected =
      "<response><returncode>SUCCESS</returncode><meetings/><messageKey>noMeetings</messageKey>"
      "<message>no meetings were found on this server</message></response>";
  CHECK(meetings_answer({}, "moodle") == expected);
  CHECK(meetings_answer({"<broken"}, "moodle") == expected);
}

TEST_CASE("a stored document becomes a getMeetingInfo answer") {
  const auto answer = meeting_info_answer(meeting_document, "moodle");
  REQUIRE(answer);
  const Answer info = parsed(*answer);
  CHECK(info.success());
  CHECK(info.text("meetingID") == "math");
  CHECK(info.text("meetingName") == "Maths & more");
  CHECK(answer->starts_with("<response><returncode>SUCCESS</returncode><meetingName>"));
  CHECK_FALSE(meeting_info_answer("", "moodle"));
  CHECK_FALSE(meeting_info_answer("<response/>", "moodle"));
  CHECK(meeting_info_answer("<meeting><returncode>FAILED</returncode></meeting>", "moodle") ==
        ok(""));
}

TEST_CASE("a meeting survives the way through the store") {
  const auto listed = parsed(listing(meeting_document)).meetings();
  REQUIRE(listed.size() == 1);
  const auto answer = meeting_info_answer(listed[0].document, "nobody");
  REQUIRE(answer);
  CHECK(parsed(*answer).as_meeting().document == meeting_document);
}

TEST_CASE("a carriage return is printed as what readers would make of it") {
  const auto answer = Answer::parse(
      "<response><returncode>SUCCESS</returncode><a>b&#13;c&#13;\nd&#xD;</a></response>");
  REQUIRE(answer);
  CHECK(answer->text("a") == "b\nc\nd\n");
  CHECK(answer->xml() == "<response><returncode>SUCCESS</returncode><a>b\nc\nd\n</a></response>");
}
