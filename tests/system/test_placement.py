"""Which node gets a new meeting."""
import urllib.parse
from collections import Counter

from conftest import in_parallel, scoped


def test_meetings_are_spread_over_all_nodes(cluster):
    tenant = cluster.tenant()
    for i in range(9):
        assert tenant.create(f"room-{i}").success
    on = Counter(cluster.node_of(tenant, f"room-{i}") for i in range(9))
    assert on == {"node1": 3, "node2": 3, "node3": 3}


def test_parallel_creates_are_spread_too(cluster):
    tenant = cluster.tenant()
    for answer in in_parallel(12, lambda i: tenant.create(f"room-{i}")):
        assert answer.success, answer
    on = Counter(cluster.node_of(tenant, f"room-{i}") for i in range(12))
    assert on == {"node1": 4, "node2": 4, "node3": 4}


def test_a_big_meeting_keeps_others_away(cluster):
    tenant = cluster.tenant()
    tenant.create("town-hall", **{"meta_bbb-meeting-size-hint": "500"})
    for i in range(6):
        tenant.create(f"room-{i}")
    big = cluster.node_of(tenant, "town-hall")
    assert big not in {cluster.node_of(tenant, f"room-{i}") for i in range(6)}


def test_people_who_join_count_for_the_next_placement(cluster):
    tenant = cluster.tenant()
    tenant.create("full")
    full = cluster.node_of(tenant, "full")
    cluster.nodes.people(full, scoped(tenant, "full"), join=80)
    cluster.wait_refreshed()
    for i in range(4):
        tenant.create(f"room-{i}")
    assert full not in {cluster.node_of(tenant, f"room-{i}") for i in range(4)}


def test_a_required_tag_chooses_the_nodes(start_cluster):
    cluster = start_cluster(backend_settings={"node2": {"tags": ["bbb_30", "gpu"]},
                                              "node3": {"tags": ["bbb_30"]}})
    picky = cluster.tenant("picky", {"required_tags": ["bbb_30", "gpu"]})
    for i in range(3):
        assert picky.create(f"room-{i}").success
    assert {cluster.node_of(picky, f"room-{i}") for i in range(3)} == {"node2"}


def test_without_a_node_that_has_the_tag_create_fails_clearly(cluster):
    tenant = cluster.tenant("picky", {"required_tags": ["on-the-moon"]})
    answer = tenant.create("room")
    assert not answer.success and answer.http.status == 200, answer
    assert answer["message"]
    assert cluster.asked("create") == [] and cluster.meetings() == {}


def test_a_node_at_its_limit_gets_no_more_meetings(start_cluster):
    cluster = start_cluster(nodes=2, backend_settings={"node1": {"max_meetings": 1},
                                                       "node2": {"max_meetings": 2}})
    tenant = cluster.tenant()
    answers = [tenant.create(f"room-{i}") for i in range(4)]
    assert [answer.success for answer in answers] == [True, True, True, False]
    on = Counter(cluster.nodes.name_of(m["backend_host"]) for m in cluster.meetings().values())
    assert on == {"node1": 1, "node2": 2}


def test_a_stopped_backend_gets_no_new_meetings_and_keeps_its_own(cluster):
    tenant = cluster.tenant()
    tenant.create("early")
    name = cluster.node_of(tenant, "early")
    cluster.admin.patch(f"/backends/{cluster.backends()[name]['id']}", {"admin_state": "stopped"})
    for i in range(4):
        assert tenant.create(f"room-{i}").success
    assert name not in {cluster.node_of(tenant, f"room-{i}") for i in range(4)}
    assert tenant.enter("early").status == 302
    assert tenant.info("early")["participantCount"] == "1"


def test_a_breakout_room_goes_where_its_parent_is(cluster):
    tenant = cluster.tenant()
    tenant.create("lecture", **{"meta_bbb-meeting-size-hint": "300"})
    answer = tenant.create("group-1", isBreakout="true", parentMeetingID="lecture", sequence="1")
    assert answer.success, answer
    assert cluster.node_of(tenant, "group-1") == cluster.node_of(tenant, "lecture")


def test_every_placement_can_be_explained(cluster):
    tenant = cluster.tenant()
    backend = cluster.backends()["node1"]
    cluster.admin.patch(f"/backends/{backend['id']}", {"admin_state": "stopped"})
    tenant.create("why")
    quoted = urllib.parse.quote(scoped(tenant, "why"), safe="")
    why = cluster.admin.get(f"/meetings/{quoted}/placement")
    assert why["chosen"] == cluster.meeting(tenant, "why")["backend_id"]
    assert {entry["host"] for entry in why["ranked"]} == {
        cluster.nodes.nodes[name]["url"] for name in ("node2", "node3")}
    assert [(entry["backend_id"], entry["reason"]) for entry in why["rejected"]] == [
        (backend["id"], "admin_state")]
