"""Defects found by review, each by its symptom."""
from b3cluster import BbbAnswer, wait_until
from conftest import scoped


def test_after_a_gateway_timeout_no_second_node_is_asked(start_cluster):
    cluster = start_cluster()
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "http_504")
    answer = tenant.create("lecture")
    assert not answer.success and answer.key == "internalError"
    assert len(cluster.asked()) == 1, "504 means that the node may still be at work"


def test_a_meeting_deleted_and_created_again_at_once_is_refreshed(start_cluster):
    cluster = start_cluster(nodes=1, settings={"B3SCALE_REFRESH_INTERVAL": "1500ms"})
    tenant = cluster.tenant()
    cluster.wait_refreshed(rounds=1)
    assert tenant.create("lecture").success
    cluster.admin.delete("/meetings/" + scoped(tenant, "lecture").replace("~", "%7E"))
    assert tenant.create("lecture").success
    assert tenant.enter("lecture", "Ada").status in (200, 302)
    wait_until(lambda: (cluster.meeting(tenant, "lecture") or {"counts": {"participants": 0}})
               ["counts"]["participants"] == 1, "nobody was ever counted in it", 12)


def test_a_create_form_too_long_for_a_url_reaches_the_node(start_cluster):
    cluster = start_cluster()
    tenant = cluster.tenant()
    answer = BbbAnswer(tenant.post_form("create", meetingID="lecture", name="Lecture",
                                        welcome="Welcome & good morning!/" * 800))
    assert answer.success, answer
    assert cluster.holders(tenant, "lecture") == [cluster.node_of(tenant, "lecture")]


def test_a_rename_is_refused_by_the_database_while_there_are_meetings(start_cluster):
    cluster = start_cluster()
    tenant = cluster.tenant("math")
    assert tenant.create("lecture").success
    [frontend] = cluster.admin.get("/frontends")
    status, _ = cluster.admin.request("PATCH", f"/frontends/{frontend['id']}",
                                      {"bbb": {"key": "physics"}})
    assert status == 409
    assert tenant.end("lecture").success
    cluster.admin.patch(f"/frontends/{frontend['id']}", {"bbb": {"key": "physics"}})
