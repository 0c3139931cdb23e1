"""Nodes that die, come back, are slow or silent, and what operators say about them."""
import os
import subprocess
import time

import pytest

from b3cluster import access_token, wait_until
from chaos.fixtures import start_pair  # noqa: F401
from chaos.instances import IMPATIENT
from chaos.postgres import seconds_of
from conftest import JWT_SECRET


@pytest.fixture
def impatient(start_pair):
    return start_pair(IMPATIENT)


def give_up(pair, node):
    pair.nodes.down(node)
    pair.wait_health(node, "given_up")


def force(pair, node, health):
    """... at instance 0, and waits until both know."""
    backend = pair.backends()[node]
    pair[0].admin().patch(f"/backends/{backend['id']}", {"forced_health": health})


def create_on(pair, tenant, node, prefix):
    """A meeting id that lives on this node."""
    for i in range(60):
        meeting_id = f"{prefix}-{i}"
        assert tenant.create(meeting_id).success
        if pair.node_of(tenant, meeting_id) == node:
            return meeting_id
    raise AssertionError(f"no meeting came to {node}")


# -- death and return -----------------------------------------------------------------------------

def test_a_dead_node_is_given_up_its_meetings_move_and_its_stale_copies_end(impatient):
    one, other = impatient.tenants()
    first = one.create("lecture")["internalMeetingID"]
    node = impatient.node_of(one, "lecture")
    one.enter("lecture")
    impatient.nodes.down(node)
    wait_until(lambda: one.join("lecture").status == 200, "people are sent to a dead node")
    impatient.wait_health(node, "given_up")
    wait_until(lambda: other.join("lecture").status == 404, "it waits for ever")

    second = other.create("lecture")
    assert second.success and second["internalMeetingID"] != first
    place = impatient.node_of(one, "lecture")
    assert place != node
    assert one.join("lecture").status == 302

    impatient.nodes.up(node)
    impatient.wait_health(node, "usable")
    [(node_then, run)] = impatient.wait_agreement()["math~lecture"]
    assert (node_then, run) == (place, second["internalMeetingID"])
    assert one.info("lecture")["internalMeetingID"] == second["internalMeetingID"]


def test_a_meeting_that_nobody_created_again_goes_on_when_its_node_is_back(impatient):
    one, other = impatient.tenants()
    created = one.create("lecture")["internalMeetingID"]
    one.enter("lecture", "Ada")
    node = impatient.node_of(one, "lecture")
    give_up(impatient, node)
    assert one.join("lecture").status == 404
    impatient.nodes.up(node)
    for tenant in (one, other):
        wait_until(lambda: tenant.join("lecture").status == 302, "the class is over")
        assert tenant.info("lecture")["internalMeetingID"] == created
        assert tenant.info("lecture")["participantCount"] == "1"
    impatient.wait_health(node, "usable")
    assert len(impatient.wait_agreement()) == 1


def test_a_node_that_lost_its_meetings_while_away_comes_back_empty(impatient):
    one, other = impatient.tenants()
    one.create("lecture")
    node = impatient.node_of(one, "lecture")
    impatient.nodes.down(node, lose=True)
    impatient.wait_health(node, "given_up")
    impatient.nodes.up(node)
    impatient.wait_health(node, "usable")
    assert other.meeting_ids() == []
    assert other.create("lecture").success
    assert len(impatient.wait_agreement()) == 1


def test_a_short_absence_changes_nothing(impatient):
    one, other = impatient.tenants()
    created = one.create("lecture")["internalMeetingID"]
    node = impatient.node_of(one, "lecture")
    impatient.nodes.down(node)
    wait_until(lambda: other.join("lecture").status == 200, "the absence is not noticed")
    impatient.nodes.up(node)
    wait_until(lambda: other.join("lecture").status == 302, "the return is not noticed")
    assert other.create("lecture")["internalMeetingID"] == created
    assert impatient.health(node) != "given_up"


# -- slow and silent ------------------------------------------------------------------------------

@pytest.mark.parametrize("latency", [10_000, 1_500], ids=["no-answer-in-time", "late-answers"])
def test_a_slow_node_is_avoided_and_never_given_up(start_pair, latency):
    pair = start_pair({**IMPATIENT, "B3SCALE_NODE_SLOW_AFTER": "1s"})
    one, other = pair.tenants()
    mine = create_on(pair, one, "node1", "first")
    internal_id = one.info(mine)["internalMeetingID"]
    pair.nodes.faults("node1", {"latency_ms": latency})
    pair.wait_health("node1", "avoided")
    end = time.monotonic() + 6  # three times as long as a dead node gets, and three polls at least
    while time.monotonic() < end:
        assert pair.health("node1", 0) == pair.health("node1", 1) == "avoided"
        time.sleep(0.2)
    for i in range(8):
        assert other.create(f"later-{i}").success
        assert pair.node_of(other, f"later-{i}") != "node1"
    pair.nodes.heal("node1")
    pair.wait_health("node1", "usable")
    wait_until(lambda: one.join(mine).status == 302, "its meeting is lost")
    assert one.info(mine)["internalMeetingID"] == internal_id
    pair.wait_agreement()


def test_calls_to_the_meetings_of_a_silent_node_soon_fail_at_once(start_pair):
    pair = start_pair()
    one, _ = pair.tenants()
    mine = create_on(pair, one, "node1", "first")
    pair.nodes.fault("node1", "*", "hang")
    slow = [seconds_of(lambda: one.create(mine))[1] for _ in range(3)]
    quick = [seconds_of(lambda: one.create(mine)) for _ in range(6)]
    assert sorted(seconds for _, seconds in quick)[4] < 0.5, (slow, quick)
    assert not any(answer.success for answer, _ in quick)
    # ... and others do not suffer from it.
    answer, seconds = seconds_of(lambda: one.create("elsewhere"))
    assert answer.success and seconds < 1
    pair.nodes.heal("node1")
    wait_until(lambda: one.create(mine).success, "calls do not come back", 10)


# -- the operator's word --------------------------------------------------------------------------

def test_an_operator_gives_a_node_up_and_takes_it_back(impatient):
    one, other = impatient.tenants()
    first = one.create("lecture")["internalMeetingID"]
    node = impatient.node_of(one, "lecture")
    force(impatient, node, "given_up")
    wait_until(lambda: other.join("lecture").status == 404, "its meetings are kept")
    second = other.create("lecture")["internalMeetingID"]
    assert second != first
    place = impatient.node_of(one, "lecture")
    assert place != node

    force(impatient, node, None)
    impatient.wait_health(node, "usable")
    assert impatient.wait_agreement()["math~lecture"] == [(place, second)]


def test_forced_avoided_takes_no_new_meetings_and_keeps_its_own(impatient):
    one, other = impatient.tenants()
    mine = create_on(impatient, one, "node1", "first")
    force(impatient, "node1", "avoided")
    wait_until(lambda: not impatient.backends(1)["node1"]["eligible"], "the other is not told", 3)
    for i in range(8):
        assert other.create(f"later-{i}").success
        assert impatient.node_of(other, f"later-{i}") != "node1"
    assert other.join(mine).status == 302
    force(impatient, "node1", None)
    wait_until(lambda: impatient.backends(1)["node1"]["eligible"], "it stays avoided", 5)


def test_forced_usable_is_never_given_up(impatient):
    one, _ = impatient.tenants()
    created = one.create("lecture")["internalMeetingID"]
    node = impatient.node_of(one, "lecture")
    force(impatient, node, "usable")
    impatient.nodes.down(node)
    wait_until(lambda: one.join("lecture").status == 200, "its absence is not noticed")
    time.sleep(4)  # twice as long as it would take
    assert one.meeting_ids() == ["lecture"]
    impatient.nodes.up(node)
    wait_until(lambda: one.join("lecture").status == 302, "its meeting is lost")
    assert one.info("lecture")["internalMeetingID"] == created


def test_the_command_line_forces_health_too(impatient, tmp_path):
    one, _ = impatient.tenants()
    mine = create_on(impatient, one, "node1", "first")
    host = impatient.nodes.nodes["node1"]["url"]

    def ctl(*arguments):
        clean = {name: value for name, value in os.environ.items() if "B3SCALE_" not in name}
        done = subprocess.run(
            [str(impatient.cluster.binaries / "b3scalectl"), *arguments], text=True, timeout=20,
            capture_output=True, env={**clean, "HOME": str(tmp_path),
                                      "B3SCALE_API_URL": impatient[1].url,
                                      "B3SCALE_API_ACCESS_TOKEN": access_token(JWT_SECRET)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    ctl("set", "backend", host, "--health", "given_up")
    wait_until(lambda: one.join(mine).status == 404, "its meetings are kept")
    assert "given_up" in ctl("show", "backends")
    ctl("set", "backend", host, "--health", "auto")
    wait_until(lambda: one.join(mine).status == 302, "nobody took its place, and it is gone")
