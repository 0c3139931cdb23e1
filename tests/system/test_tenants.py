"""Tenants share nodes and never see each other."""
from b3cluster import Tenant, wait_until
from conftest import scoped


def test_the_same_meeting_id_of_two_tenants_is_two_meetings(cluster):
    math, law = cluster.tenant("math"), cluster.tenant("law")
    ours = math.create("seminar", name="Topology")
    theirs = law.create("seminar", name="Contracts")
    assert ours.success and theirs.success
    assert ours["internalMeetingID"] != theirs["internalMeetingID"]
    math.enter("seminar", "Emmy")
    law.enter("seminar", "Hugo")
    cluster.wait_refreshed()

    for tenant, name, person in ((math, "Topology", "Emmy"), (law, "Contracts", "Hugo")):
        assert tenant.meeting_ids() == ["seminar"]
        assert tenant.call("getMeetings")["meetings/meeting/meetingName"] == name
        info = tenant.info("seminar")
        assert info["meetingName"] == name
        assert [e.text for e in info.xml.findall("attendees/attendee/fullName")] == [person]

    assert math.end("seminar").success
    assert math.meeting_ids() == []
    assert law.meeting_ids() == ["seminar"] and law.running("seminar") == "true"


def test_a_tenant_cannot_reach_another_tenants_meeting_by_its_scoped_id(cluster):
    math, law = cluster.tenant("math"), cluster.tenant("law")
    law.create("secret-talk")
    for guess in (scoped(law, "secret-talk"), "law/secret-talk", "../law/secret-talk",
                  "secret-talk"):
        assert math.info(guess).key == "notFound", guess
        assert math.running(guess) == "false"
        assert math.end(guess).key == "notFound"
        assert math.join(guess).status == 404
    assert law.running("secret-talk") == "false" and law.info("secret-talk").success


def test_a_tenant_key_that_begins_like_another_one_shares_nothing(cluster):
    short, long = cluster.tenant("uni"), cluster.tenant("uni-b")
    short.create("b-talk")
    long.create("talk")
    cluster.wait_refreshed()
    assert short.meeting_ids() == ["b-talk"]
    assert long.meeting_ids() == ["talk"]


def test_one_tenants_secret_does_not_open_another_tenant(cluster):
    math, law = cluster.tenant("math"), cluster.tenant("law")
    thief = Tenant(cluster.daemon.url, "law", math.secret)
    assert thief.call("getMeetings").key == "checksumError"
    assert law.call("getMeetings").success


def test_meetings_made_by_hand_on_a_node_are_nobodys(cluster):
    """A meeting on a node whose id carries no tenant is not shown to any tenant."""
    tenant = cluster.tenant()
    node = cluster.nodes.nodes["node1"]
    by_hand = Tenant("http://unused", "unused", node["secret"])
    by_hand.url = node["url"].rstrip("/")
    assert by_hand.create("operators-own").success
    cluster.wait_refreshed()
    assert tenant.meeting_ids() == []
    assert "operators-own" in cluster.nodes.meetings("node1"), "and it is left alone"


def test_a_disabled_tenant_is_refused_until_it_is_enabled_again(cluster):
    tenant = cluster.tenant()
    tenant.create("algebra")
    frontend = cluster.admin.get("/frontends")[0]
    cluster.admin.patch(f"/frontends/{frontend['id']}", {"active": False})
    assert tenant.call("getMeetings").key == "checksumError"
    cluster.admin.patch(f"/frontends/{frontend['id']}", {"active": True})
    wait_until(lambda: tenant.call("getMeetings").success, "the tenant did not come back")
    assert tenant.meeting_ids() == ["algebra"]
