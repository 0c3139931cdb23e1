"""Nothing that was acknowledged is lost when b3scaled stops, however it stops."""
import http.client

import pytest

from b3cluster import wait_until
from conftest import in_parallel


@pytest.mark.parametrize("kill", [False, True], ids=["sigterm", "kill-9"])
def test_a_restart_keeps_everything(start_cluster, database_url, kill):
    cluster = start_cluster(database_url=database_url)
    tenant = cluster.tenant("math", {"required_tags": []})
    internal = {f"room-{i}": tenant.create(f"room-{i}")["internalMeetingID"] for i in range(5)}
    places = {each: cluster.node_of(tenant, each) for each in internal}
    tenant.enter("room-0", "Ada")

    cluster.restart_daemon(kill=kill)
    assert tenant.meeting_ids() == sorted(internal), "right after the start"
    assert tenant.join("room-0").status == 302
    assert {each: cluster.node_of(tenant, each) for each in internal} == places
    for each, internal_id in internal.items():
        assert tenant.create(each)["internalMeetingID"] == internal_id
        assert cluster.holders(tenant, each) == [places[each]]


def test_killed_during_creates_no_acknowledged_meeting_is_lost_and_none_is_doubled(start_cluster):
    cluster = start_cluster()
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "ok", latency_after_ms=150)

    acknowledged = {}

    def create(i):
        if i == 0:
            wait_until(lambda: len(acknowledged) >= 2, "no create was answered")
            cluster.killed.append(cluster.daemon)
            cluster.daemon.process.kill()
            return
        try:
            for n in range(20):
                answer = tenant.create(f"room-{i}-{n}")
                if answer.success:
                    acknowledged[f"room-{i}-{n}"] = answer["internalMeetingID"]
        except OSError:
            pass  # the daemon was killed under it

    def tolerant(i):
        try:
            create(i)
        except http.client.HTTPException:
            pass

    in_parallel(5, tolerant)
    cluster.start_daemon()
    assert acknowledged
    # What had not been bound yet is where it can be joined; the list has it after the first poll.
    assert [each for each in acknowledged if tenant.join(each).status != 302] == []
    for each, internal_id in acknowledged.items():
        assert tenant.info(each)["internalMeetingID"] == internal_id
    wait_until(lambda: set(acknowledged) <= set(tenant.meeting_ids()), "not listed", 5)
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    cluster.wait_eligible()
    for each, internal_id in acknowledged.items():
        assert tenant.create(each)["internalMeetingID"] == internal_id
    # Creates that were cut off: asked again, they end on one node too.
    for i in range(1, 5):
        cut_off = next(n for n in range(21) if f"room-{i}-{n}" not in acknowledged)
        answer = tenant.create(f"room-{i}-{cut_off}")
        assert answer.success, answer
        assert len(cluster.holders(tenant, f"room-{i}-{cut_off}")) == 1


def test_registrations_survive_kill_9(cluster):
    cluster.tenant("math", {"required_tags": ["a"]}, account_ref="faculty")
    backend = cluster.backends()["node1"]
    cluster.admin.patch(f"/backends/{backend['id']}", {"load_factor": 3.5})
    frontends = cluster.admin.get("/frontends")
    cluster.restart_daemon(kill=True)
    assert cluster.admin.get("/frontends") == frontends
    assert cluster.backends()["node1"]["load_factor"] == 3.5
    assert set(cluster.backends()) == set(cluster.nodes.nodes)


def test_an_ended_meeting_stays_ended_after_kill_9(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    assert tenant.end("room").success
    cluster.restart_daemon(kill=True)
    assert tenant.meeting_ids() == []
    cluster.wait_refreshed()
    assert tenant.meeting_ids() == []


def test_a_meeting_ended_while_its_node_is_away_stays_ended_after_a_restart(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    cluster.wait_eligible(node, eligible=False)
    assert tenant.end("room").success
    cluster.restart_daemon()
    cluster.wait_refreshed(*(set(cluster.nodes.nodes) - {node}))
    cluster.nodes.up(node)

    def copy_is_gone():
        assert tenant.meeting_ids() == [], "an ended meeting came back"
        return cluster.holders(tenant, "room") == []

    wait_until(copy_is_gone, "the copy was not ended")
    cluster.wait_refreshed()
    assert cluster.meetings() == {}


def test_a_restart_while_nodes_are_away_keeps_their_meetings(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    cluster.wait_refreshed()
    for name in cluster.nodes.nodes:
        cluster.nodes.down(name)
    cluster.restart_daemon()
    cluster.wait_eligible(eligible=False)
    assert tenant.meeting_ids() == ["room"]
    assert tenant.info("room").success
    for name in cluster.nodes.nodes:
        cluster.nodes.up(name)
    wait_until(lambda: tenant.join("room").status == 302, "the meeting did not come back")
