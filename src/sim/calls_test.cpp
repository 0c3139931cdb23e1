#include "sim/calls.h"

#include <doctest/doctest.h>

#include "bbb/answer.h"
#include "bbb/checksum.h"

using namespace b3;
using namespace b3::sim;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  NodeState node{"node1", 1};
  NodeAddress address{.origin = "http://127.0.0.1:9001", .secret = "S3CRET"};
  Now now{from_unix_milliseconds(1'700'000'000'000), SteadyTime{}};

  CallReply send(std::string_view name, std::string_view query, std::string_view body = {},
                 std::string_view content_type = {}) {
    return answer_call(node, address,
                       {.name = name, .query = query, .body = body, .content_type = content_type},
                       now);
  }
  CallReply call(std::string_view name, std::string_view query, std::string_view body = {},
                 std::string_view content_type = {}) {
    return send(name, bbb::signed_query(HashAlgorithm::sha1, name, query, address.secret), body,
                content_type);
  }
  std::string key(const CallReply& reply) {
    const auto answer = bbb::Answer::parse(reply.xml);
    REQUIRE(answer);
    return answer->success() ? "SUCCESS" : answer->text("messageKey");
  }
};

// The text that stands between these two in the XML.
std::string between(const std::string& xml, const std::string& before, const std::string& after) {
  const auto begin = xml.find(before);
  if (begin == std::string::npos) return "?";
  const auto end = xml.find(after, begin + before.size());
  return xml.substr(begin + before.size(), end - begin - before.size());
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "checksums of every algorithm are accepted, others refused") {
  for (const auto algorithm :
       {HashAlgorithm::sha1, HashAlgorithm::sha256, HashAlgorithm::sha384, HashAlgorithm::sha512}) {
    CHECK(key(send("getMeetings", bbb::signed_query(algorithm, "getMeetings", "", "S3CRET"))) ==
          "SUCCESS");
    CHECK(key(send("getMeetings", bbb::signed_query(algorithm, "getMeetings", "", "other"))) ==
          "checksumError");
  }
  CHECK(key(send("getMeetings", "")) == "checksumError");
  CHECK(key(send("getMeetings", "checksum=")) == "checksumError");
  const std::string signed_once = bbb::signed_query(HashAlgorithm::sha1, "end", "a=1", "S3CRET");
  CHECK(key(send("end", signed_once + "&meetingID=math")) == "checksumError");
  CHECK(key(send("end", signed_once + "&checksum=00")) == "checksumError");
  CHECK(key(send("join", signed_once)) == "checksumError");
}

TEST_CASE_FIXTURE(Fixture, "a form body can carry the parameters and the checksum") {
  const std::string form =
      bbb::signed_query(HashAlgorithm::sha256, "create", "meetingID=math&name=Math+I", "S3CRET");
  CHECK(key(send("create", "", form, "application/x-www-form-urlencoded")) == "SUCCESS");
  REQUIRE(node.find("math", now));
  CHECK(node.find("math", now)->name == "Math I");
  CHECK(key(send("create", "", form + "0", "application/x-www-form-urlencoded")) ==
        "checksumError");
  CHECK(key(send("create", "", form, "text/plain")) == "checksumError");
}

TEST_CASE_FIXTURE(Fixture, "the answer to create has BBB's elements in BBB's order") {
  const auto reply = call("create",
                          "meetingID=math&name=A+%26+B&attendeePW=ap&moderatorPW=mp"
                          "&voiceBridge=71234&meta_bbb-Origin=Moodle&meta_1x=no");
  CHECK(reply.xml ==
        "<response><returncode>SUCCESS</returncode><meetingID>math</meetingID><internalMeetingID>" +
            node.find("math", now)->internal_id +
            "</internalMeetingID><parentMeetingID>bbb-none</parentMeetingID><attendeePW>ap"
            "</attendeePW><moderatorPW>mp</moderatorPW><createTime>1700000000000</createTime>"
            "<voiceBridge>71234</voiceBridge><dialNumber>613-555-1234</dialNumber><createDate>Tue "
            "Nov 14 22:13:20 UTC 2023</createDate><hasUserJoined>false</hasUserJoined><duration>0"
            "</duration><hasBeenForciblyEnded>false</hasBeenForciblyEnded><messageKey></messageKey>"
            "<message></message></response>");
  CHECK(node.find("math", now)->metadata ==
        std::vector<std::pair<std::string, std::string>>{{"bbb-origin", "Moodle"}});
  const auto again = call("create", "meetingID=math&attendeePW=ap&moderatorPW=mp");
  CHECK(again.xml.contains("<messageKey>duplicateWarning</messageKey>"));
  CHECK(key(call("create", "meetingID=math&attendeePW=ap&moderatorPW=xx")) == "idNotUnique");
}

TEST_CASE_FIXTURE(Fixture, "create refuses what BBB refuses") {
  CHECK(key(call("create", "name=x")) == "validationError");
  CHECK(key(call("create", "meetingID=a")) == "validationError");
  CHECK(key(call("create", "meetingID=a%2Cb")) == "validationError");
  CHECK(key(call("create", "meetingID=math&duration=soon")) == "validationError");
  CHECK(key(call("create", "meetingID=math&duration=99999999999999999999")) == "validationError");
  CHECK(key(call("create", "meetingID=math%zz")) == "validationError");
  CHECK(key(call("create", "meetingID=math&meetingID=other")) == "validationError");
  CHECK(node.meetings().empty());
  CHECK(key(call("create", "meetingID=math&duration=9223372036854775807")) == "SUCCESS");
  CHECK(node.find("math", now));
}

TEST_CASE_FIXTURE(Fixture, "presentations in an XML body are counted") {
  constexpr auto xml = "application/xml";
  call("create", "meetingID=math",
       "<?xml version='1.0'?><modules><module name='presentation'><document url='http://x'/>"
       "<document name='a'>QQ==</document></module><module name='other'><document/></module>"
       "</modules>",
       xml);
  CHECK(node.find("math", now)->presentations == 2);
  call("insertDocument", "meetingID=math",
       "<modules><module name='presentation'><document/></module></modules>", "text/xml");
  CHECK(node.find("math", now)->presentations == 3);
  CHECK(key(call("insertDocument", "meetingID=math", "<modules><mod", xml)) == "SUCCESS");
  CHECK(node.find("math", now)->presentations == 3);
  CHECK(key(call("insertDocument", "meetingID=none", "<modules/>", xml)) == "notFound");
}

TEST_CASE_FIXTURE(Fixture, "join redirects to the client, or tells about it") {
  call("create", "meetingID=math&name=A+%3Cb%3E&attendeePW=ap&moderatorPW=mp");
  const auto reply = call("join", "meetingID=math&fullName=Ada&password=ap");
  const std::string& token = reply.session_token;
  CHECK(reply.location == "http://127.0.0.1:9001/html5client/join?sessionToken=" + token);
  const auto page = client_page(node, "sessionToken=" + token, now);
  REQUIRE(page);
  CHECK(page->contains("You are in A &lt;b&gt; on node1"));
  CHECK_FALSE(client_page(node, "sessionToken=", now));
  CHECK_FALSE(client_page(node, "%zz", now));

  const auto told = call("join", "meetingID=math&fullName=Bob&role=moderator&redirect=false");
  CHECK(told.location.empty());
  CHECK(between(told.xml, "<messageKey>", "<") == "successfullyJoined");
  CHECK(between(told.xml, "<meeting_id>", "<") == node.find("math", now)->internal_id);
  CHECK(between(told.xml, "<guestStatus>", "<") == "ALLOW");
  CHECK(between(told.xml, "<url>", "<").ends_with(between(told.xml, "<session_token>", "<")));
  CHECK(node.find("math", now)->attendees.back().moderator);

  CHECK(key(call("join", "meetingID=math&fullName=Eve&password=no")) == "invalidPassword");
  CHECK(key(call("join", "meetingID=math&fullName=Eve&role=KING")) == "invalidPassword");
  CHECK(key(call("join", "meetingID=math&fullName=Eve")) == "invalidPassword");
  CHECK(key(call("join", "meetingID=math&password=ap")) == "validationError");
  CHECK(key(call("join", "meetingID=none&fullName=Eve&password=ap")) == "notFound");
  CHECK(node.find("math", now)->attendees.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "isMeetingRunning is true once somebody is there") {
  CHECK(call("isMeetingRunning", "meetingID=math").xml.contains("<running>false</running>"));
  call("create", "meetingID=math&moderatorPW=mp");
  CHECK(call("isMeetingRunning", "meetingID=math").xml.contains("<running>false</running>"));
  call("join", "meetingID=math&fullName=Ada&password=mp");
  CHECK(call("isMeetingRunning", "meetingID=math").xml.contains("<running>true</running>"));
  CHECK(key(call("isMeetingRunning", "")) == "validationError");
}

TEST_CASE_FIXTURE(Fixture, "meetings as b3scale reads them") {
  CHECK(key(call("getMeetingInfo", "meetingID=math")) == "notFound");
  CHECK(call("getMeetings", "").xml.contains("<messageKey>noMeetings</messageKey>"));
  call("create", "meetingID=k~a%3C%5D%5D%3E&name=%3C%5D%5D%3E%26&meta_x=%3C");
  REQUIRE(node.change_people("k~a<]]>", {.join = 3, .moderators = 1, .voice = 2, .video = 1}, now));
  for (const bool cdata : {false, true}) {
    CAPTURE(cdata);
    node.settings.cdata = cdata;
    const auto reply = call("getMeetings", "");
    CHECK(reply.xml.contains("<![CDATA[") == cdata);
    const auto answer = bbb::Answer::parse(reply.xml);
    REQUIRE(answer);
    const auto meetings = answer->meetings();
    REQUIRE(meetings.size() == 1);
    CHECK(meetings[0].scoped_id == "k~a<]]>");
    CHECK(meetings[0].name == "<]]>&");
    CHECK(meetings[0].running);
    CHECK(meetings[0].counts.participants == 3);
    CHECK(meetings[0].counts.moderators == 1);
    CHECK(meetings[0].counts.voices == 2);
    CHECK(meetings[0].counts.videos == 1);
    const auto info = bbb::Answer::parse(call("getMeetingInfo", "meetingID=k~a%3C%5D%5D%3E").xml);
    REQUIRE(info);
    CHECK(info->as_meeting().scoped_id == "k~a<]]>");
    CHECK(info->as_meeting().internal_id == meetings[0].internal_id);
  }
}

TEST_CASE_FIXTURE(Fixture, "end, chat, recordings and what is not supported") {
  call("create", "meetingID=math&moderatorPW=mp");
  CHECK(key(call("sendChatMessage", "meetingID=math&message=hello")) == "SUCCESS");
  CHECK(node.find("math", now)->chat_messages == 1);
  CHECK(key(call("sendChatMessage", "meetingID=math")) == "validationError");
  CHECK(key(call("end", "meetingID=math&password=no")) == "invalidPassword");
  CHECK(call("end", "meetingID=math").xml.contains("sentEndMeetingRequest"));
  CHECK(key(call("end", "meetingID=math")) == "notFound");
  CHECK(call("getRecordings", "").xml.contains("<messageKey>noRecordings</messageKey>"));
  CHECK(key(call("deleteRecordings", "recordID=1")) == "notFound");
  CHECK(key(call("getDefaultConfigXML", "")) == "unsupportedRequest");
  CHECK(key(send("", "")) == "SUCCESS");
  node.settings.version = "3.0.1";
  CHECK(send("", "").xml.contains("<bbbVersion>3.0.1</bbbVersion>"));
}
