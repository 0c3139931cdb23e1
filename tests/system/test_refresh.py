"""The poll of the nodes, and what happens meanwhile."""
from b3cluster import wait_until
from conftest import scoped


def slow_polls(cluster, before_ms=0, after_ms=0):
    for name in cluster.nodes.nodes:
        cluster.nodes.faults(name, {"calls": {"getMeetings": {
            "mode": "ok", "latency_ms": before_ms, "latency_after_ms": after_ms}}})


def wait_for_a_poll_on_its_way(cluster):
    cluster.wait_refreshed(rounds=1)


def test_a_meeting_created_during_a_slow_poll_is_not_lost(cluster):
    """Every poll looks at the node, then answers a second later: the answer is always old."""
    tenant = cluster.tenant()
    slow_polls(cluster, after_ms=900)
    wait_for_a_poll_on_its_way(cluster)
    ids = [f"room-{i}" for i in range(6)]
    internal = {each: tenant.create(each)["internalMeetingID"] for each in ids}
    assert all(internal.values())
    seen_before = {name: cluster.nodes.calls(name, "getMeetings") for name in cluster.nodes.nodes}

    def polled_twice():
        assert tenant.meeting_ids() == ids, "a meeting was lost to a poll"
        return all(cluster.nodes.calls(name, "getMeetings") >= count + 2
                   for name, count in seen_before.items())

    wait_until(polled_twice, "the polls did not go on", 15)
    for each in ids:
        assert tenant.create(each)["internalMeetingID"] == internal[each]
        assert tenant.join(each).status == 302


def test_a_meeting_ended_during_a_slow_poll_does_not_come_back(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    tenant.enter("room")
    slow_polls(cluster, after_ms=900)
    cluster.wait_refreshed(rounds=1)
    assert tenant.end("room").success
    seen_before = {name: cluster.nodes.calls(name, "getMeetings") for name in cluster.nodes.nodes}

    def polled_twice():
        assert tenant.meeting_ids() == [], "an ended meeting came back"
        return all(cluster.nodes.calls(name, "getMeetings") >= count + 2
                   for name, count in seen_before.items())

    wait_until(polled_twice, "the polls did not go on", 15)


def test_an_administrative_change_during_a_poll_survives_it(cluster):
    slow_polls(cluster, before_ms=700)
    wait_for_a_poll_on_its_way(cluster)
    for name, backend in cluster.backends().items():
        cluster.admin.patch(f"/backends/{backend['id']}", {
            "load_factor": 2.5, "admin_state": "stopped", "settings": {"tags": [name]}})
    cluster.wait_refreshed()
    for name, backend in cluster.backends().items():
        assert backend["load_factor"] == 2.5
        assert backend["admin_state"] == "stopped"
        assert backend["settings"]["tags"] == [name]
        assert backend["node_state"] == "ready"
    cluster.restart_daemon()
    assert {b["load_factor"] for b in cluster.backends().values()} == {2.5}, "not durable"


def test_a_node_that_lost_its_meetings_is_noticed(cluster):
    tenant = cluster.tenant()
    first = tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.restart(node, lose=True)
    wait_until(lambda: tenant.meeting_ids() == [], "the lost meeting is still shown")
    assert tenant.join("room").status == 404
    again = tenant.create("room")
    assert again.success and again["internalMeetingID"] != first["internalMeetingID"]
    assert len(cluster.holders(tenant, "room")) == 1


def test_a_meeting_that_ends_on_its_node_disappears(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    cluster.wait_refreshed()
    cluster.nodes.end_on_node(cluster.node_of(tenant, "room"), scoped(tenant, "room"))
    wait_until(lambda: tenant.meeting_ids() == [], "the meeting is still shown")
    assert cluster.meetings() == {}


def test_people_who_come_and_go_are_counted(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.people(node, scoped(tenant, "room"), join=7)
    wait_until(lambda: cluster.meeting(tenant, "room")["counts"]["participants"] == 7, "not 7")
    assert cluster.meeting(tenant, "room")["running"] is True
    assert cluster.backends()[node]["attendees_count"] == 7
    cluster.nodes.people(node, scoped(tenant, "room"), leave=3)
    wait_until(lambda: cluster.meeting(tenant, "room")["counts"]["participants"] == 4, "not 4")


def test_a_node_away_is_shown_with_its_reason_and_comes_back(cluster):
    cluster.nodes.down("node2")
    cluster.wait_eligible("node2", eligible=False)
    away = cluster.backends()["node2"]
    assert away["node_state"] == "error" and away["last_error"]
    assert away["ineligible_reason"] == "unhealthy" and away["ineligible_detail"]
    assert away["bbb"]["secret"] not in away["last_error"]
    cluster.nodes.up("node2")
    cluster.wait_eligible("node2")
    assert cluster.backends()["node2"]["last_error"] in (None, "")


def test_polls_that_fail_in_every_way_lose_no_meeting(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    for mode in ("http_500", "garbage", "truncated", "failed", "close", "wrong_checksum"):
        cluster.nodes.fault(node, "getMeetings", mode)
        cluster.wait_eligible(node, eligible=False)
        assert tenant.meeting_ids() == ["room"], mode
        cluster.nodes.heal(node)
        cluster.wait_eligible(node)
    assert tenant.meeting_ids() == ["room"]
    assert tenant.join("room").status == 302


def test_while_a_node_does_not_know_our_secret_it_is_remembered_what_it_said(cluster):
    tenant = cluster.tenant()
    created = tenant.create("room")
    cluster.wait_refreshed()
    cluster.nodes.fault(cluster.node_of(tenant, "room"), "getMeetingInfo", "wrong_checksum")
    info = tenant.info("room")
    assert info.success, "it is not the tenant's checksum that was wrong"
    assert info["internalMeetingID"] == created["internalMeetingID"]
    assert info["meetingID"] == "room"


def test_a_slow_node_does_not_delay_the_others(cluster):
    cluster.nodes.fault("node1", "getMeetings", "hang")
    cluster.wait_refreshed("node2", "node3", rounds=4, seconds=4)
    cluster.wait_eligible("node1", eligible=False)
    cluster.nodes.heal("node1")
    cluster.wait_eligible("node1")


def test_listings_that_are_read_beside_the_event_loop(start_cluster):
    """Some 500 KB each, several a second, also when the program is told to stop."""
    cluster = start_cluster(nodes=1, settings={"B3SCALE_REFRESH_INTERVAL": "100ms"})
    tenant = cluster.tenant()
    ids = [f"room-{i:02}" for i in range(40)]
    for each in ids:
        assert tenant.create(each).success
        cluster.nodes.people("node1", scoped(tenant, each), join=30)
    for _ in range(3):
        wait_until(lambda: tenant.get("getMeetings").body.count(b"<attendee>") == 40 * 30,
                   "not all 1,200 people are listed")
        assert cluster.daemon.process.stop() == 0
        cluster.start_daemon()
    cluster.nodes.end_on_node("node1", scoped(tenant, ids.pop()))
    wait_until(lambda: tenant.meeting_ids() == ids, "the meeting is still shown")
    assert tenant.join("room-00").status == 302
    cluster.nodes.fault("node1", "getMeetings", "truncated")
    cluster.wait_eligible("node1", eligible=False)
    assert tenant.meeting_ids() == ids
    cluster.nodes.heal("node1")
    cluster.wait_eligible("node1")


def test_a_tenants_meeting_found_on_a_node_is_taken_up(start_cluster):
    """After the database was lost: the nodes still know, and ids tell whose they are."""
    cluster = start_cluster()
    tenant = cluster.tenant()
    created = tenant.create("room")
    tenant.enter("room")
    old = cluster.directory / "b3scale.db"
    assert cluster.daemon.process.stop() == 0
    for path in cluster.directory.glob("b3scale.db*"):
        path.unlink()
    cluster.start_daemon()
    assert old.exists() and cluster.meetings() == {}
    again = cluster.tenant()
    for node in cluster.nodes.nodes.values():
        cluster.admin.add_backend(node)
    wait_until(lambda: again.meeting_ids() == ["room"], "the meeting was not taken up")
    assert again.create("room")["internalMeetingID"] == created["internalMeetingID"]
    assert len(cluster.holders(again, "room")) == 1


def test_a_decommissioned_backend_goes_when_its_last_meeting_ends(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    identity = cluster.backends()[node]["id"]
    status, shown = cluster.admin.request("DELETE", f"/backends/{identity}")
    assert status == 202 and shown["admin_state"] == "decommissioned"
    cluster.wait_refreshed()
    assert node in cluster.backends(), "it still has a meeting"
    assert tenant.join("room").status == 302
    tenant.end("room")
    wait_until(lambda: node not in cluster.backends(), "the backend never went")
