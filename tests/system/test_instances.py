"""Two b3scaled on one PostgreSQL."""
import time

import pytest

from b3cluster import Tenant, wait_until
from conftest import in_parallel


@pytest.fixture
def pair(start_cluster, postgres_url):
    """A cluster with a second instance; its `tenant()` gives one Tenant for each of the two."""
    cluster = start_cluster(database_url=postgres_url)
    first = cluster.daemon
    cluster.settings.pop("B3SCALE_LISTEN_HTTP", None)
    cluster.daemon = None
    cluster.start_daemon()
    second = cluster.daemon
    cluster.instances = (first, second)

    def tenants(key="math", **more):
        made = first.admin().add_frontend(key, **more)
        wait_until(lambda: any(frontend["bbb"]["key"] == key
                               for frontend in second.admin().get("/frontends")),
                   "the second instance did not hear of the tenant", 3)
        return tuple(Tenant(daemon.url, key, made["bbb"]["secret"]) for daemon in (first, second))

    cluster.tenants = tenants
    return cluster


def test_created_on_one_joined_on_the_other_at_once(pair):
    one, other = pair.tenants()
    for i in range(20):
        assert one.create(f"room-{i}").success
        assert other.join(f"room-{i}").status == 302
        assert other.info(f"room-{i}").success


def test_fifty_parallel_creates_over_both_give_one_meeting(pair):
    tenants = pair.tenants()
    answers = in_parallel(50, lambda i: tenants[i % 2].create("lecture"))
    assert all(answer.success for answer in answers), [a for a in answers if not a.success][:3]
    assert len({answer["internalMeetingID"] for answer in answers}) == 1
    pair.daemon = pair.instances[0]
    assert len(pair.holders(tenants[0], "lecture")) == 1


def test_ended_on_one_it_is_gone_on_the_other(pair):
    one, other = pair.tenants()
    assert one.create("lecture").success
    assert other.join("lecture").status == 302
    assert one.end("lecture").success
    wait_until(lambda: other.join("lecture").status == 404, "the other still knows it", 3)
    # ... and the id is free on both, for a new meeting.
    again = other.create("lecture")
    assert again.success
    assert one.join("lecture").status == 302
    assert one.create("lecture")["internalMeetingID"] == again["internalMeetingID"]


def test_administrative_changes_reach_the_other_instance(pair):
    first, second = (daemon.admin() for daemon in pair.instances)
    [backend] = [each for each in first.get("/backends")
                 if pair.nodes.name_of(each["bbb"]["host"]) == "node1"]
    first.patch(f"/backends/{backend['id']}", {"admin_state": "stopped"})
    wait_until(lambda: second.get(f"/backends/{backend['id']}")["admin_state"] == "stopped",
               "the other instance does not know", 3)
    one, other = pair.tenants()
    for i in range(6):
        assert other.create(f"room-{i}").success
    assert pair.nodes.meetings("node1") == {} or not pair.nodes.meetings("node1")
    made = first.add_frontend("gone")
    wait_until(lambda: any(f["id"] == made["id"] for f in second.get("/frontends")), "not seen", 3)
    first.delete(f"/frontends/{made['id']}")
    wait_until(lambda: not any(f["id"] == made["id"] for f in second.get("/frontends")),
               "a deleted tenant lives on", 3)


def test_the_view_of_the_other_instance_follows_quickly(pair):
    one, other = pair.tenants()
    delays = []
    for i in range(15):
        assert one.create(f"room-{i}").success
        start = time.monotonic()
        wait_until(lambda: f"room-{i}" in other.meeting_ids(), "it never appeared", 3, 0.005)
        delays.append(time.monotonic() - start)
    assert sorted(delays)[len(delays) // 2] < 0.3, delays


def test_a_killed_instance_loses_nothing_that_was_acknowledged(pair):
    tenants = pair.tenants()
    acknowledged = {}

    def create(i):
        if i == 0:
            wait_until(lambda: len(acknowledged) >= 3, "no create was answered")
            pair.killed.append(pair.instances[0])
            pair.instances[0].process.kill()
            return
        for n in range(25):
            try:
                answer = tenants[0].create(f"room-{i}-{n}")
            except Exception:  # the instance died under the request
                return
            if answer.success:
                acknowledged[f"room-{i}-{n}"] = answer["internalMeetingID"]

    in_parallel(5, create)
    assert acknowledged
    for each, internal_id in acknowledged.items():
        assert tenants[1].join(each).status == 302, each
        assert tenants[1].create(each)["internalMeetingID"] == internal_id
