"""end: the id is free at once, whatever the node does."""
import urllib.parse

from b3cluster import wait_until
from conftest import freeze_refresh, scoped


def test_the_wrong_moderator_password_is_the_nodes_to_refuse(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    answer = tenant.end("room", password="wrong")
    assert not answer.success and answer.key == "invalidPassword", answer
    assert tenant.meeting_ids() == ["room"]
    assert tenant.end("room").success
    assert tenant.meeting_ids() == []


def test_while_the_node_is_away_the_id_is_free_at_once_and_its_copy_is_ended_later(cluster):
    tenant = cluster.tenant()
    first = tenant.create("room")
    tenant.enter("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    cluster.wait_eligible(node, eligible=False)

    answer = tenant.end("room")
    assert answer.success, answer
    assert tenant.meeting_ids() == []
    again = tenant.create("room")
    assert again.success and again["internalMeetingID"] != first["internalMeetingID"]
    other = cluster.node_of(tenant, "room")
    assert other != node

    cluster.nodes.up(node)
    wait_until(lambda: cluster.holders(tenant, "room") == [other], "the old copy was not ended")
    cluster.wait_refreshed()
    assert tenant.info("room")["internalMeetingID"] == again["internalMeetingID"]
    assert cluster.node_of(tenant, "room") == other


def test_a_node_that_hangs_does_not_keep_the_id(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.fault(node, "end", "hang")
    assert tenant.end("room").success
    assert tenant.meeting_ids() == [] and cluster.meetings() == {}
    cluster.nodes.heal(node)
    wait_until(lambda: cluster.holders(tenant, "room") == [], "the copy was not ended")
    assert tenant.create("room").success


def test_a_node_that_does_not_know_our_secret_does_not_keep_the_id(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.fault(node, "end", "wrong_checksum", times=1)
    answer = tenant.end("room")
    assert answer.success, "it is not the tenant's checksum that was wrong"
    assert tenant.meeting_ids() == []
    wait_until(lambda: cluster.holders(tenant, "room") == [], "the copy was not ended")


def test_a_meeting_ended_through_the_rest_api_is_ended_on_its_node(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    tenant.enter("room")
    cluster.admin.delete("/meetings/" + urllib.parse.quote(scoped(tenant, "room"), safe=""))
    assert tenant.meeting_ids() == []
    wait_until(lambda: cluster.holders(tenant, "room") == [], "the node still has it")
    cluster.wait_refreshed()
    assert tenant.meeting_ids() == []


def test_create_right_after_end_gives_a_new_meeting(cluster):
    tenant = cluster.tenant()
    seen = set()
    for _ in range(5):
        answer = tenant.create("room")
        assert answer.success, answer
        seen.add(answer["internalMeetingID"])
        assert tenant.end("room").success
    cluster.wait_refreshed()
    assert len(seen) == 5 and tenant.meeting_ids() == []
    assert cluster.holders(tenant, "room") == []


def test_an_ended_meeting_does_not_come_back_by_a_create_that_reaches_its_node_first(start_cluster):
    cluster = start_cluster(nodes=1)
    tenant = cluster.tenant()
    first = tenant.create("room")
    freeze_refresh(cluster)  # nobody ends the copy behind our back
    [node] = cluster.nodes.nodes
    cluster.nodes.fault(node, "end", "hang", times=1)
    assert tenant.end("room").success
    cluster.nodes.heal(node)
    assert cluster.holders(tenant, "room") == [node], "the node was to miss the end"

    again = tenant.create("room")
    assert again.success, again
    assert again["internalMeetingID"] != first["internalMeetingID"]
    assert tenant.info("room")["internalMeetingID"] == again["internalMeetingID"]
    assert cluster.holders(tenant, "room") == [node]
