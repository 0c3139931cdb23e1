"""Commands of an instance that dies: the other one finishes them, and nothing is done to meetings
that began since."""
import pytest

from b3cluster import wait_until
from chaos.fixtures import closing, pair, start_pair  # noqa: F401
from test_commands import begin_at

SLOW_MS = 400
MANY = 40


def look(admin, command_id):
    return admin.get(f"/commands/{command_id}")


def ended(admin, command_id, seconds=40):
    def finished():
        command = look(admin, command_id)
        return command if command["state"] in ("success", "error") else None
    return wait_until(finished, "the command did not end", seconds, 0.1)


def instance_id(pair, number):
    return pair.admin(number).get("/status")["instance_id"]


@pytest.mark.parametrize("victim", [0, 1])
def test_ending_all_meetings_goes_on_when_its_instance_is_killed(start_pair, victim):
    pair = start_pair(nodes=1)
    survivor = 1 - victim
    tenants = pair.tenants()
    ids = [f"lesson-{number}" for number in range(MANY)]
    for meeting_id in ids:
        assert tenants[victim].create(meeting_id).success
    wait_until(lambda: len(tenants[survivor].meeting_ids()) == MANY, "not seen by the other", 5)
    [(name, backend)] = pair.backends(survivor).items()
    pair.nodes.fault(name, "end", "ok", latency_ms=SLOW_MS)
    admin, dead = pair.admin(survivor), instance_id(pair, victim)
    command_id = begin_at(pair.admin(victim), "end_all_meetings", backend)
    begun = wait_until(lambda: (lambda command: command["progress"].get("done", 0) >= 8 and command)
                       (look(admin, command_id)), "it did not begin", 10)
    pair.kill(victim)
    assert begun["state"] == "running" and begun["instance_id"] == dead
    assert begun["progress"]["done"] < MANY, "it was over before the kill"

    # Somebody needs one of those that are over again: that one is not meant.
    over = wait_until(lambda: sorted(set(ids) - set(tenants[survivor].meeting_ids())), "none", 5)[0]
    again = tenants[survivor].create(over)
    assert again.success

    command = ended(admin, command_id)
    assert command["state"] == "success", command
    assert command["instance_id"] == instance_id(pair, survivor) != dead
    assert {meeting["id"]: meeting["status"] for meeting in command["result"]["meetings"]} == \
        {f"math~{meeting_id}": "ended" for meeting_id in ids}
    assert command["progress"] == {"total": MANY, "done": MANY, "failed": 0}
    assert tenants[survivor].meeting_ids() == [over]
    assert tenants[survivor].info(over)["internalMeetingID"] == again["internalMeetingID"]
    assert list(pair.nodes.meetings(name)) == [f"math~{over}"]
    # Asked twice only for what the dead one had on the wire: eight at a time.
    assert MANY <= pair.nodes.calls(name, "end") <= MANY + 8
    records = admin.get(f"/audit?kind=command&object_id={command_id}")
    assert [record["action"] for record in records] == ["end_all_meetings"]


def test_a_meeting_that_cannot_be_ended_is_named_after_a_takeover_too(start_pair):
    pair = start_pair(nodes=1)
    tenants = pair.tenants()
    for number in range(MANY):
        assert tenants[1].create(f"lesson-{number}").success
    wait_until(lambda: len(tenants[0].meeting_ids()) == MANY, "not seen by the other", 5)
    [(name, backend)] = pair.backends().items()
    pair.nodes.fault(name, "end", "ok", latency_ms=SLOW_MS)
    command_id = begin_at(pair.admin(1), "end_all_meetings", backend)
    wait_until(lambda: look(pair.admin(), command_id)["progress"].get("done", 0) >= 8, "", 10)
    pair.kill(1)
    pair.nodes.fault(name, "end", "http_500")
    command = ended(pair.admin(), command_id)
    assert command["state"] == "error", command
    by_status = {"ended": set(), "error": set()}
    for meeting in command["result"]["meetings"]:
        by_status[meeting["status"]].add(meeting["id"])
        assert ("error" in meeting) == (meeting["status"] == "error")
    assert len(by_status["ended"]) >= 8 and by_status["error"]
    assert len(by_status["ended"] | by_status["error"]) == MANY
    assert by_status["error"] == {f"math~{each}" for each in tenants[0].meeting_ids()}


@pytest.mark.parametrize("victim", [0, 1])
def test_a_drain_goes_on_when_its_instance_is_killed(start_pair, victim):
    pair = start_pair(nodes=1)
    survivor = 1 - victim
    tenants = pair.tenants()
    for number in range(3):
        assert tenants[survivor].create(f"lesson-{number}").success
    wait_until(lambda: len(tenants[victim].meeting_ids()) == 3, "not seen by the other", 5)
    [(name, backend)] = pair.backends(survivor).items()
    admin = pair.admin(survivor)
    command_id = begin_at(pair.admin(victim), "drain", backend)
    wait_until(lambda: look(admin, command_id)["progress"] == {"meetings_left": 3}, "no progress", 5)
    pair.kill(victim)
    wait_until(lambda: look(admin, command_id)["instance_id"] == instance_id(pair, survivor),
               "it was not taken over", 30, 0.1)
    assert look(admin, command_id)["state"] == "running"
    [backend] = pair.backends(survivor).values()
    assert backend["admin_state"] == "stopped"
    assert not tenants[survivor].create("one-more").success
    assert len(tenants[survivor].meeting_ids()) == 3
    assert pair.nodes.calls(name, "end") == 0
    for number in range(3):
        assert tenants[survivor].end(f"lesson-{number}").success
    command = ended(admin, command_id)
    assert command["state"] == "success" and command["result"] == {"meetings_left": 0}


def test_a_drain_of_one_instance_is_cancelled_through_the_other(pair):
    tenants = pair.tenants()
    assert tenants[0].create("lesson").success
    node = pair.node_of(tenants[0], "lesson")
    command_id = begin_at(pair.admin(1), "drain", pair.backends(1)[node])
    status, command = pair.admin(0).request("DELETE", f"/commands/{command_id}")
    assert status == 200 and command["state"] == "error", command
    tenants[0].end("lesson")
    pair.wait_agreement()
    assert look(pair.admin(1), command_id)["result"]["error"] == "cancelled"
