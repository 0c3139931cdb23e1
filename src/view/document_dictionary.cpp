// Text that meetings' documents have in common. Only its usefulness matters, not its correctness:
// it never leaves the process, and documents of any other kind are kept as well, only larger. What
// is most frequent comes last, where it is cheapest to refer to.
#include "view/document.h"

namespace b3::view {

std::string_view document_dictionary() {
  return
      // What applications put into the metadata.
      "<metadata><analytics-callback-url><![CDATA[https://]]></analytics-callback-url>"
      "<bbb-anonymize-chat>false</bbb-anonymize-chat><bbb-meeting-size-hint>30"
      "</bbb-meeting-size-hint><bbb-origin>Greenlight</bbb-origin><bbb-origin-version>3"
      "</bbb-origin-version><bbb-origin-server-name>https://</bbb-origin-server-name>"
      "<bbb-recording-ready-url>https://</bbb-recording-ready-url><endcallbackurl>https://"
      "</endcallbackurl><gl-listed>false</gl-listed><canvas-recording-ready-url>"
      "</canvas-recording-ready-url><bbb-context><![CDATA[Course]]></bbb-context>"
      "<bbb-context-id>42</bbb-context-id><bbb-context-label>course</bbb-context-label>"
      "<bbb-context-name>Course</bbb-context-name><bbb-origin><![CDATA[Moodle]]></bbb-origin>"
      "<bbb-origin-server-common-name>moodle.example.org</bbb-origin-server-common-name>"
      "<bbb-origin-server-name><![CDATA[moodle.example.org]]></bbb-origin-server-name>"
      "<bbb-origin-tag>moodle-mod_bigbluebuttonbn (2022112800)</bbb-origin-tag>"
      "<bbb-origin-version>4.1 (Build: 20221128)</bbb-origin-version>"
      "<bbb-recording-description></bbb-recording-description><bbb-recording-name>"
      "</bbb-recording-name><bbb-recording-tags></bbb-recording-tags></metadata>"
      "<isBreakout>true</isBreakout><parentMeetingID></parentMeetingID><sequence>1</sequence>"
      "<freeJoin>false</freeJoin><breakoutRooms><breakout></breakout></breakoutRooms>"
      // A meeting that was created just now.
      "<meeting><meetingID></meetingID><internalMeetingID></internalMeetingID><parentMeetingID>"
      "bbb-none</parentMeetingID><attendeePW></attendeePW><moderatorPW></moderatorPW><createTime>"
      "17</createTime><voiceBridge>7</voiceBridge><dialNumber>613-555-1234</dialNumber><createDate>"
      "Mon Jan 01 12:00:00 UTC 2026</createDate><hasUserJoined>false</hasUserJoined><duration>0"
      "</duration><hasBeenForciblyEnded>false</hasBeenForciblyEnded></meeting>"
      "Tue Feb Wed Mar Thu Apr Fri May Sat Jun Sun Jul Aug Sep Oct Nov Dec 00:00 CEST 2027 EDT"
      // One with nobody in it.
      "</createDate><voiceBridge>7</voiceBridge><dialNumber>613-555-1234</dialNumber><attendeePW>ap"
      "</attendeePW><moderatorPW>mp</moderatorPW><running>false</running><duration>0</duration>"
      "<hasUserJoined>false</hasUserJoined><recording>true</recording><hasBeenForciblyEnded>false"
      "</hasBeenForciblyEnded><startTime>17</startTime><endTime>0</endTime><participantCount>0"
      "</participantCount><listenerCount>0</listenerCount><voiceParticipantCount>0"
      "</voiceParticipantCount><videoCount>0</videoCount><maxUsers>0</maxUsers><moderatorCount>0"
      "</moderatorCount><attendees/><metadata/><isBreakout>false</isBreakout></meeting>"
      // Attendees in the ways they mostly take part.
      "<clientType>DIAL-IN</clientType></attendee><customdata/></attendee><attendee><userID>w_"
      "</userID><fullName></fullName><role>VIEWER</role><isPresenter>false</isPresenter>"
      "<isListeningOnly>false</isListeningOnly><hasJoinedVoice>false</"
      "hasJoinedVoice><hasVideo>false"
      "</hasVideo><clientType>HTML5</clientType><customdata/></attendee><attendee><userID>w_"
      "</userID><fullName></fullName><role>MODERATOR</role><isPresenter>false</isPresenter>"
      "<isListeningOnly>false</isListeningOnly><hasJoinedVoice>true</hasJoinedVoice><hasVideo>true"
      "</hasVideo><clientType>HTML5</clientType></attendee><attendee><userID>w_"
      "</userID><fullName></fullName><role>VIEWER</role><isPresenter>false</isPresenter>"
      "<isListeningOnly>false</isListeningOnly><hasJoinedVoice>true</hasJoinedVoice><hasVideo>true"
      "</hasVideo><clientType>HTML5</clientType></attendee><attendee><userID>w_"
      "</userID><fullName></fullName><role>VIEWER</role><isPresenter>false</isPresenter>"
      "<isListeningOnly>false</isListeningOnly><hasJoinedVoice>true</hasJoinedVoice><hasVideo>false"
      "</hasVideo><clientType>HTML5</clientType></attendee><attendee><userID>w_"
      // One with people in it, as most are.
      "<meeting><meetingName></meetingName><meetingID></meetingID><internalMeetingID>"
      "</internalMeetingID><createTime>17</createTime><createDate>Mon Nov 23 08:00:00 UTC 2026"
      "</createDate><voiceBridge>7</voiceBridge><dialNumber>613-555-1234</dialNumber><attendeePW>"
      "</attendeePW><moderatorPW></moderatorPW><running>true</running><duration>0</duration>"
      "<hasUserJoined>true</hasUserJoined><recording>false</recording><hasBeenForciblyEnded>false"
      "</hasBeenForciblyEnded><startTime>17</startTime><endTime>0</endTime><participantCount>10"
      "</participantCount><listenerCount>8</listenerCount><voiceParticipantCount>2"
      "</voiceParticipantCount><videoCount>1</videoCount><maxUsers>0</maxUsers><moderatorCount>1"
      "</moderatorCount><attendees><attendee><userID>w_</userID><fullName></fullName><role>"
      "MODERATOR</role><isPresenter>true</isPresenter><isListeningOnly>false</isListeningOnly>"
      "<hasJoinedVoice>true</hasJoinedVoice><hasVideo>true</hasVideo><clientType>HTML5</clientType>"
      "</attendee><attendee><userID>w_</userID><fullName></fullName><role>VIEWER</"
      "role><isPresenter>"
      "false</isPresenter><isListeningOnly>true</isListeningOnly><hasJoinedVoice>false"
      "</hasJoinedVoice><hasVideo>false</hasVideo><clientType>HTML5</clientType></attendee>"
      "</attendees><metadata/><isBreakout>false</isBreakout></meeting>";
}

}  // namespace b3::view
