"""create when nodes do not do what they should: one id is on at most one node, always."""
import sqlite3
import time
import urllib.parse

import pytest

from b3cluster import fetch, text_of, wait_until
from conftest import freeze_refresh, in_parallel, scoped


def test_a_node_that_refuses_connections_is_skipped_within_the_request(cluster):
    tenant = cluster.tenant()
    freeze_refresh(cluster)
    cluster.nodes.down("node1")
    cluster.nodes.down("node3")

    for i in range(6):
        assert tenant.create(f"room-{i}").success
    meetings = cluster.meetings()
    assert len(meetings) == 6
    assert {cluster.nodes.name_of(m["backend_host"]) for m in meetings.values()} == {"node2"}
    assert all(m["state"] == "bound" for m in meetings.values())
    assert set(cluster.nodes.meetings("node2")) == set(meetings)


def test_the_next_node_gets_the_presentation_too(cluster):
    tenant = cluster.tenant()
    freeze_refresh(cluster)
    cluster.nodes.down("node1")
    cluster.nodes.down("node2")
    body = ("<modules><module name='presentation'>"
            "<document url='https://slides.example.org/a.pdf' filename='a.pdf'/></module></modules>")
    ids = ["slides-1", "slides-2"]  # the second one tries an empty node first, and that is away
    for each in ids:
        url = tenant.signed_url("create", meetingID=each, moderatorPW="mp", attendeePW="ap")
        assert "SUCCESS" in text_of(fetch(url, "POST", body, {"Content-Type": "application/xml"}))
    meetings = cluster.nodes.meetings("node3")
    assert [meetings[scoped(tenant, each)]["presentations"] for each in ids] == [1, 1]


def test_with_no_node_left_create_fails_and_the_id_is_free(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.down(name)
    answer = tenant.create("room")
    assert not answer.success and answer.http.status == 200
    assert cluster.meetings() == {}
    for name in cluster.nodes.nodes:
        cluster.nodes.up(name)
    cluster.wait_eligible()
    assert tenant.create("room").success


def test_a_node_that_hangs_leaves_the_id_with_that_node_only(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "hang")
    started = time.monotonic()
    answer = tenant.create("room")
    assert not answer.success and answer.http.status == 200
    assert time.monotonic() - started < 10
    asked = cluster.asked("create")
    assert len(asked) == 1, "no second node may be asked: the first one may have acted"
    assert cluster.meeting(tenant, "room")["state"] == "reserved"

    assert not tenant.create("room").success, "again, still hanging"
    assert cluster.asked("create") == asked
    assert tenant.info("room").key == "notFound"
    assert tenant.meeting_ids() == []

    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    assert tenant.create("room").success
    assert cluster.holders(tenant, "room") == asked
    assert cluster.asked("create") == asked


def test_a_reservation_that_came_to_nothing_is_released_in_time(start_cluster):
    cluster = start_cluster(settings={"B3SCALE_RESERVATION_TIMEOUT": "5s"})
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "hang")
    assert not tenant.create("room").success
    assert cluster.meeting(tenant, "room")["state"] == "reserved"
    wait_until(lambda: cluster.meetings() == {}, "the reservation was never released", 15)
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    assert tenant.create("room").success
    assert len(cluster.holders(tenant, "room")) == 1


def check_bound_later(cluster, mode):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", mode)
    assert not tenant.create("room").success
    [holder] = cluster.holders(tenant, "room")
    on_node = cluster.nodes.meetings(holder)[scoped(tenant, "room")]["internal_id"]

    bound = wait_until(lambda: (cluster.meeting(tenant, "room") or {}).get("internal_id"),
                       "the refresh never found what the node had done")
    assert bound == on_node
    assert tenant.meeting_ids() == ["room"]
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    again = tenant.create("room")
    assert again.success and again["internalMeetingID"] == on_node
    assert cluster.holders(tenant, "room") == [holder]
    assert tenant.enter("room").status == 302


def test_a_node_that_acts_and_then_hangs_is_found_out_by_the_refresh(cluster):
    check_bound_later(cluster, "hang_after_effect")


def test_a_node_that_acts_and_then_closes_the_connection_is_found_out(cluster):
    check_bound_later(cluster, "close_after_effect")


def check_resolved(cluster, mode):
    """The first answer is BBB's XML whatever happened, and the id ends on exactly one node."""
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", mode, times=1)
    first = tenant.create("room")
    assert first.http.status == 200 and first["returncode"] in ("SUCCESS", "FAILED")
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    answer = wait_until(lambda: (lambda a: a if a.success else None)(tenant.create("room")),
                        "the id stayed unusable", 15)
    cluster.wait_refreshed()
    assert len(cluster.holders(tenant, "room")) == 1
    assert tenant.info("room")["internalMeetingID"] == answer["internalMeetingID"]
    if first.success:
        assert first["internalMeetingID"] == answer["internalMeetingID"]


def test_garbage_from_a_node_is_resolved(cluster):
    check_resolved(cluster, "garbage")


def test_truncated_xml_from_a_node_is_resolved(cluster):
    check_resolved(cluster, "truncated")


def test_http_errors_of_a_node_are_resolved(cluster):
    check_resolved(cluster, "http_502")


def test_an_oversized_answer_of_a_node_is_resolved(cluster):
    check_resolved(cluster, "oversized")


@pytest.mark.parametrize("mode", ["garbage", "http_502"])
def test_a_meeting_behind_an_unreadable_answer_is_found_at_once(cluster, mode):
    """The node has made it and nobody can read its answer: it is asked again, no other node is."""
    tenant = cluster.tenant()
    freeze_refresh(cluster)
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", mode, effect=True)
    answer = tenant.create("room")
    assert answer.success, answer
    [holder] = cluster.holders(tenant, "room")
    assert cluster.asked("create") == [holder]
    on_node = cluster.nodes.meetings(holder)[scoped(tenant, "room")]
    assert answer["internalMeetingID"] == on_node["internal_id"]
    assert answer["meetingID"] == "room" and answer["moderatorPW"] == "mp"
    assert cluster.meeting(tenant, "room")["state"] == "bound"
    assert tenant.enter("room").status == 302


def test_while_a_node_cannot_say_whether_it_has_the_meeting_no_other_is_asked(cluster):
    tenant = cluster.tenant()
    freeze_refresh(cluster)
    for name in cluster.nodes.nodes:
        cluster.nodes.faults(name, {"calls": {"create": {"mode": "http_502", "effect": True},
                                              "getMeetingInfo": {"mode": "close"}}})
    assert not tenant.create("room").success
    asked = cluster.asked("create")
    assert len(asked) == 1 and cluster.holders(tenant, "room") == asked
    assert cluster.meeting(tenant, "room")["state"] == "reserved"
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    assert tenant.create("room").success
    assert cluster.asked("create") == asked and cluster.holders(tenant, "room") == asked


def test_a_meeting_whose_node_is_away_is_not_made_again_elsewhere(cluster):
    tenant = cluster.tenant()
    first = tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    answer = tenant.create("room")
    assert not answer.success and answer.http.status == 200, answer
    cluster.wait_eligible(node, eligible=False)
    assert not tenant.create("room").success
    assert cluster.asked("create") == [node] and cluster.node_of(tenant, "room") == node
    cluster.nodes.up(node)
    cluster.wait_eligible(node)
    assert tenant.create("room")["internalMeetingID"] == first["internalMeetingID"]
    assert cluster.holders(tenant, "room") == [node]


def test_what_a_node_refuses_is_passed_through_and_the_id_is_free(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "failed")
    answer = tenant.create("room")
    assert not answer.success and answer.key == "internalError", answer
    assert len(cluster.asked("create")) == 1
    assert cluster.meetings() == {}
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    assert tenant.create("room").success


def test_a_node_that_does_not_know_our_secret_is_skipped(start_cluster):
    cluster = start_cluster(nodes=2)
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "wrong_checksum", times=1)
    answer = tenant.create("room")
    assert answer.key != "checksumError", "it is not the tenant's checksum that was wrong"
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    assert tenant.create("room").success
    assert len(cluster.holders(tenant, "room")) == 1


def test_fifty_parallel_creates_of_one_id_make_one_meeting(cluster):
    tenant = cluster.tenant()
    answers = in_parallel(50, lambda _: tenant.create("room", _seconds=40))
    assert [answer for answer in answers if not answer.success] == []
    assert len({answer["internalMeetingID"] for answer in answers}) == 1
    assert len(cluster.holders(tenant, "room")) == 1
    assert len(cluster.asked("create")) == 1


def test_parallel_creates_of_one_id_agree_when_the_first_node_refuses(cluster):
    tenant = cluster.tenant()
    freeze_refresh(cluster)
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "ok", latency_ms=300)
    cluster.nodes.down("node1")
    cluster.nodes.down("node2")
    answers = in_parallel(10, lambda _: tenant.create("room", _seconds=40))
    assert [answer for answer in answers if not answer.success] == []
    assert len({answer["internalMeetingID"] for answer in answers}) == 1
    assert cluster.nodes.holders(scoped(tenant, "room")) == ["node3"]


def test_a_client_that_goes_away_leaves_a_complete_meeting(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "ok", latency_ms=600)
    url = tenant.signed_url("create", meetingID="room", name="Room", attendeePW="ap",
                            moderatorPW="mp")
    try:
        fetch(url, seconds=0.2)
        raise AssertionError("the node was meant to be slow")
    except TimeoutError:
        pass
    wait_until(lambda: (cluster.meeting(tenant, "room") or {}).get("state") == "bound",
               "the create was not completed")
    assert len(cluster.holders(tenant, "room")) == 1


def test_a_meeting_ended_while_its_node_makes_it_is_gone_there_too(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "ok", latency_after_ms=1500)

    def end_it():
        wait_until(lambda: cluster.holders(tenant, "room"), "no node was asked")
        cluster.admin.delete("/meetings/" + urllib.parse.quote(scoped(tenant, "room"), safe=""))
        cluster.wait_refreshed(rounds=1)
        assert cluster.meetings() == {}, "taken up from the node while its create is running"

    created, _ = in_parallel(2, lambda i: end_it() if i else tenant.create("room"))
    assert not created.success, created
    assert cluster.holders(tenant, "room") == []
    cluster.wait_refreshed()
    assert tenant.meeting_ids() == []


def test_a_database_that_goes_away_during_a_create_costs_nothing(cluster):
    """The committed reservation names the node: the create succeeds, the refresh does the rest."""
    tenant = cluster.tenant()
    freeze_refresh(cluster)
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "ok", latency_after_ms=1000)
    lock = sqlite3.connect(cluster.directory / "b3scale.db", check_same_thread=False)

    def lock_database():
        wait_until(lambda: cluster.holders(tenant, "room"), "no node was asked")
        lock.execute("BEGIN EXCLUSIVE")

    try:
        created, _ = in_parallel(
            2, lambda i: lock_database() if i else tenant.create("room", _seconds=40))
        assert created.success, created
        assert tenant.join("room").status == 302
    finally:
        lock.rollback()
        lock.close()
    cluster.restart_daemon(kill=True, B3SCALE_REFRESH_INTERVAL="200ms")
    wait_until(lambda: (cluster.meeting(tenant, "room") or {}).get("state") == "bound",
               "the refresh did not complete the row")
    assert cluster.meeting(tenant, "room")["internal_id"] == created["internalMeetingID"]
    assert len(cluster.holders(tenant, "room")) == 1


def test_refused_ids_reach_no_node(cluster):
    tenant = cluster.tenant()
    for bad in ("", "x", "a,b", "m" * 257, "m" * 254, "a\x00b", "a\nb"):
        answer = tenant.create(bad)
        assert not answer.success and answer.key == "validationError", (bad[:10], answer)
    missing = tenant.call("create", name="No id")
    assert missing.key == "validationError", missing
    assert cluster.asked("create") == [] and cluster.meetings() == {}


def test_ids_and_names_of_all_kinds_survive_the_trip(cluster):
    tenant = cluster.tenant()
    ids = ["with space", "umlaut-äöü", "日本語の会議", "a/b?c=d&e=f#g", "100%25", "<xml>&\"'", "a~b",
           "plus+plus", "m" * 200, "..", "😀😀"]
    for each in ids:
        answer = tenant.create(each, name=each)
        assert answer.success and answer["meetingID"] == each, (each, answer)
        assert tenant.enter(each).status == 302, each
        assert tenant.info(each)["meetingName"] == each
    cluster.wait_refreshed()
    assert tenant.meeting_ids() == sorted(ids)
    for each in ids:
        assert tenant.end(each).success, each
    assert tenant.meeting_ids() == []
