"""A meeting's whole life through the gateway, on both databases."""
import urllib.parse
import xml.etree.ElementTree as ElementTree

from b3cluster import checksum, fetch, text_of, wait_until
from conftest import scoped


def test_a_meeting_lives_from_create_to_end(start_cluster, database_url):
    cluster = start_cluster(database_url=database_url)
    tenant = cluster.tenant("math")

    created = tenant.create("algebra", name="Algebra & Übung", welcome="50% <b>off</b>?")
    assert created.success, created
    assert created["meetingID"] == "algebra"
    internal_id = created["internalMeetingID"]
    assert internal_id

    assert tenant.running("algebra") == "false"
    check_join_redirect(cluster, tenant)
    entered = tenant.enter("algebra", "Ada Lovelace", password="mp")
    assert entered.status == 302 and "sessionToken" in entered.headers["location"]
    assert fetch(entered.headers["location"]).status == 200

    assert tenant.running("algebra") == "true", "asked right after the first join"
    info = tenant.info("algebra")
    assert info.success and info["meetingID"] == "algebra", info
    assert info["internalMeetingID"] == internal_id
    assert info["meetingName"] == "Algebra & Übung"
    assert info["participantCount"] == "1"
    assert info["attendees/attendee/fullName"] == "Ada Lovelace"
    assert scoped(tenant, "algebra") not in text_of(info.http), "the scoped id stays inside"

    wait_until(lambda: tenant.call("getMeetings")["meetings/meeting/participantCount"] == "1",
               "getMeetings never showed the attendee")
    listed = tenant.call("getMeetings").xml.findall("meetings/meeting")
    assert [meeting.findtext("meetingID") for meeting in listed] == ["algebra"]
    assert scoped(tenant, "algebra") not in text_of(tenant.call("getMeetings").http)
    assert cluster.meeting(tenant, "algebra")["internal_id"] == internal_id

    ended = tenant.end("algebra")
    assert ended.success and ended.key == "sentEndMeetingRequest", ended
    assert tenant.meeting_ids() == []
    assert tenant.running("algebra") == "false"
    assert tenant.info("algebra").key == "notFound"
    assert cluster.holders(tenant, "algebra") == []
    assert tenant.end("algebra").key == "notFound"


def check_join_redirect(cluster, tenant):
    """join leads to the node that has the meeting, signed with that node's secret."""
    answer = tenant.join("algebra", "Grace & Co", password="ap", userID="u 1")
    assert answer.status == 302, text_of(answer)
    location = urllib.parse.urlsplit(answer.headers["location"])
    node = cluster.nodes.name_of(answer.headers["location"])
    assert cluster.holders(tenant, "algebra") == [node]
    assert location.path == "/bigbluebutton/api/join"

    rest, _, sum_ = location.query.rpartition("&checksum=")
    secret = cluster.nodes.nodes[node]["secret"]
    algorithm = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}[len(sum_)]
    assert sum_ == checksum("join", rest, secret, algorithm)
    assert dict(urllib.parse.parse_qsl(rest)) == {
        "meetingID": scoped(tenant, "algebra"), "fullName": "Grace & Co", "password": "ap",
        "userID": "u 1"}
    assert "no-store" in answer.headers["cache-control"]


def test_a_second_create_answers_the_same_meeting(cluster):
    tenant = cluster.tenant()
    first = tenant.create("algebra")
    second = tenant.create("algebra")
    assert second.success and second.key == "duplicateWarning", second
    assert second["internalMeetingID"] == first["internalMeetingID"]
    assert second["createTime"] == first["createTime"]
    assert cluster.asked("create") == [cluster.node_of(tenant, "algebra")]


def test_a_second_create_with_other_passwords_is_passed_through_and_changes_nothing(cluster):
    tenant = cluster.tenant()
    first = tenant.create("algebra")
    refused = tenant.create("algebra", moderatorPW="another")
    assert not refused.success and refused.key == "idNotUnique", refused
    assert tenant.info("algebra")["internalMeetingID"] == first["internalMeetingID"]
    assert tenant.enter("algebra").status == 302


def test_a_presentation_is_passed_on_with_create(cluster):
    tenant = cluster.tenant()
    body = ("<?xml version='1.0' encoding='UTF-8'?><modules><module name='presentation'>"
            "<document url='https://slides.example.org/a.pdf' filename='a.pdf'/></module></modules>")
    url = tenant.signed_url("create", meetingID="slides", name="Slides", moderatorPW="mp",
                            attendeePW="ap")
    answer = fetch(url, "POST", body, {"Content-Type": "application/xml"})
    assert ElementTree.fromstring(answer.body).findtext("returncode") == "SUCCESS", answer
    node = cluster.node_of(tenant, "slides")
    meeting = cluster.nodes.meetings(node)[scoped(tenant, "slides")]
    assert meeting["presentations"] == 1, meeting


def test_a_form_post_creates_like_a_get(cluster):
    tenant = cluster.tenant()
    answer = tenant.post_form("create", meetingID="posted", name="Posted & sent", moderatorPW="mp",
                              attendeePW="ap")
    assert ElementTree.fromstring(answer.body).findtext("returncode") == "SUCCESS", answer
    assert tenant.info("posted")["meetingName"] == "Posted & sent"


def test_join_with_redirect_false_answers_the_nodes_xml(cluster):
    tenant = cluster.tenant()
    tenant.create("algebra")
    answer = tenant.call("join", meetingID="algebra", fullName="Ada", password="ap",
                         redirect="false")
    assert answer.success and answer.key == "successfullyJoined", answer
    assert cluster.nodes.name_of(answer["url"]) == cluster.node_of(tenant, "algebra")


def test_both_spellings_of_the_api_url_work(cluster):
    tenant = cluster.tenant()
    tenant.create("algebra")
    tenant.url += "/bigbluebutton/api"
    assert tenant.info("algebra").success
    assert tenant.join("algebra").status == 302
