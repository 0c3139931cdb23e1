"""Commands: work on a backend that takes longer than a request."""
import pytest

from b3cluster import wait_until


def begin_at(admin, action, backend):
    status, command = admin.request("POST", "/commands",
                                    {"action": action, "backend_id": backend["id"]})
    assert status == 202, command
    return command["id"]


def begin(cluster, action, backend):
    return begin_at(cluster.admin, action, backend)


def ended(cluster, command_id, seconds=20):
    def look():
        command = cluster.admin.get(f"/commands/{command_id}")
        return command if command["state"] in ("success", "error") else None
    return wait_until(look, "the command did not end", seconds)


def test_all_meetings_of_a_backend_end_there_and_here(start_cluster, database_url):
    cluster = start_cluster(nodes=1, database_url=database_url)
    tenant = cluster.tenant()
    for number in range(12):
        tenant.create(f"lesson-{number}")
    [backend] = cluster.backends().values()
    command = ended(cluster, begin(cluster, "end_all_meetings", backend))
    assert command["state"] == "success", command
    assert len(command["result"]["meetings"]) == 12
    assert {meeting["status"] for meeting in command["result"]["meetings"]} == {"ended"}
    assert command["progress"] == {"total": 12, "done": 12, "failed": 0}
    assert cluster.meetings() == {}
    assert not any(cluster.holders(tenant, f"lesson-{number}") for number in range(12))


def test_a_meeting_that_cannot_be_ended_stays_and_is_named(start_cluster):
    cluster = start_cluster(nodes=1)
    tenant = cluster.tenant()
    for number in range(3):
        tenant.create(f"lesson-{number}")
    [(name, backend)] = cluster.backends().items()
    cluster.nodes.fault(name, "end", "http_500")
    command = ended(cluster, begin(cluster, "end_all_meetings", backend))
    assert command["state"] == "error"
    assert len(command["result"]["meetings"]) == 3
    assert all(meeting["status"] == "error" and meeting["error"]
               for meeting in command["result"]["meetings"])
    assert len(cluster.meetings()) == 3


def test_a_drain_ends_with_the_last_meeting(start_cluster):
    cluster = start_cluster(nodes=1)
    tenant = cluster.tenant()
    tenant.create("lesson")
    [backend] = cluster.backends().values()
    command_id = begin(cluster, "drain", backend)
    [backend] = cluster.backends().values()
    assert backend["admin_state"] == "stopped"
    wait_until(lambda: cluster.admin.get(f"/commands/{command_id}")["progress"]
               == {"meetings_left": 1}, "no progress was told")
    tenant.end("lesson")
    command = ended(cluster, command_id)
    assert command["state"] == "success" and command["result"] == {"meetings_left": 0}


def test_a_drain_can_be_cancelled_once(start_cluster):
    cluster = start_cluster(nodes=1)
    cluster.tenant().create("lesson")
    [backend] = cluster.backends().values()
    command_id = begin(cluster, "drain", backend)
    status, command = cluster.admin.request("DELETE", f"/commands/{command_id}")
    assert status == 200 and command["state"] == "error", command
    status, _ = cluster.admin.request("DELETE", f"/commands/{command_id}")
    assert status == 409
    assert cluster.admin.get(f"/commands/{command_id}")["result"]["error"] == "cancelled"


def test_a_restarted_instance_goes_on_with_what_was_begun(start_cluster):
    cluster = start_cluster(nodes=1)
    tenant = cluster.tenant()
    tenant.create("lesson")
    [backend] = cluster.backends().values()
    command_id = begin(cluster, "drain", backend)
    cluster.restart_daemon(kill=True)
    tenant.end("lesson")
    assert ended(cluster, command_id)["state"] == "success"


def test_refresh_says_what_the_node_answers(start_cluster):
    cluster = start_cluster(nodes=1)
    cluster.tenant().create("lesson")
    [backend] = cluster.backends().values()
    command = ended(cluster, begin(cluster, "refresh", backend))
    assert command["state"] == "success" and command["result"]["meetings"] == 1


@pytest.mark.parametrize("body", [
    {}, {"action": "drain"}, {"action": "drop", "backend_id": "x"}, {"backend_id": "x"},
    {"action": "drain", "backend_id": "x", "backend": "y"},
    {"action": "drain", "backend_id": "x", "parameters": {"a": 1}}])
def test_a_malformed_command_is_refused(shared_cluster, body):
    status, answer = shared_cluster.admin.request("POST", "/commands", body)
    assert status == 400 and answer["error"] == "validation_error"
