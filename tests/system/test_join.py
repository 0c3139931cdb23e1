"""join when it cannot simply redirect: what people see in their browser."""
import re
import sqlite3
import time
import urllib.parse

from b3cluster import fetch, text_of, wait_until
from conftest import scoped


def retry_url(cluster, page):
    """Where the waiting page goes by itself."""
    found = re.search(r'http-equiv="refresh" content="\d+;\s*url=([^"]+)"', text_of(page))
    assert found, text_of(page)
    path = found.group(1).replace("&amp;", "&")
    assert path.startswith("/") and not path.startswith("//"), "the page must stay on this host"
    return cluster.daemon.url + path


def test_an_unknown_meeting_gives_a_page_for_people(cluster):
    tenant = cluster.tenant()
    answer = tenant.join("nothing-here")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "refresh" not in text_of(answer).lower() and "refresh" not in answer.headers
    assert tenant.secret not in text_of(answer)


def test_an_unknown_meeting_with_redirect_false_gives_xml(cluster):
    tenant = cluster.tenant()
    answer = tenant.call("join", meetingID="nothing-here", fullName="Ada", password="ap",
                         redirect="false")
    assert not answer.success and answer.key == "notFound"


def test_the_page_speaks_german_when_asked(cluster):
    tenant = cluster.tenant()
    url = tenant.signed_url("join", meetingID="nothing-here", fullName="Ada", password="ap")
    page = fetch(url, headers={"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"})
    assert 'lang="de"' in text_of(page) and "Konferenz" in text_of(page)
    assert 'lang="en"' in text_of(fetch(url))


def test_while_the_node_is_away_people_wait_and_then_get_in(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    cluster.wait_eligible(node, eligible=False)

    page = tenant.join("room", "Ada & Grace")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    assert tenant.secret not in text_of(page)
    assert cluster.nodes.nodes[node]["secret"] not in text_of(page)
    second = fetch(retry_url(cluster, page))
    assert second.status == 200, "still away: the page goes on waiting"

    cluster.nodes.up(node)
    cluster.wait_eligible(node)
    admitted = fetch(retry_url(cluster, second))
    assert admitted.status == 302
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(admitted.headers["location"]).query))
    assert query["fullName"] == "Ada & Grace" and query["meetingID"] == scoped(tenant, "room")
    assert fetch(admitted.headers["location"]).status == 302
    assert tenant.info("room")["attendees/attendee/fullName"] == "Ada & Grace"


def test_while_the_node_is_away_redirect_false_gives_xml(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    for _ in ("just now", "and known to be away"):
        answer = tenant.call("join", meetingID="room", fullName="Ada", password="ap",
                             redirect="false")
        assert not answer.success and answer.key == "internalError", answer
        cluster.wait_eligible(node, eligible=False)


def test_while_a_nodes_agent_is_silent_people_wait(cluster):
    """A heartbeat counts from when b3scale first saw it, whatever time the agent says it is."""
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")

    def agent_is_heard(clock_is_wrong_by):
        assert cluster.daemon.process.stop() == 0
        database = sqlite3.connect(cluster.directory / "b3scale.db")
        with database:
            database.execute("UPDATE backends SET agent_heartbeat = ? WHERE host = ?",
                             (int((time.time() + clock_is_wrong_by) * 1000),
                              cluster.nodes.nodes[node]["url"]))
        database.close()
        cluster.start_daemon()
        cluster.wait_eligible(node)

    def wait_for_silence():
        wait_until(lambda: cluster.backends()[node]["ineligible_reason"] == "agent_silent",
                   "its silence is not noticed", 15)

    agent_is_heard(clock_is_wrong_by=-3600)
    assert tenant.join("room").status == 302
    wait_for_silence()
    page = tenant.join("room")
    assert page.status == 200 and "http-equiv" in text_of(page)
    agent_is_heard(clock_is_wrong_by=+3600)
    assert fetch(retry_url(cluster, page)).status == 302
    wait_for_silence()


def test_while_a_create_is_undecided_people_wait_and_then_get_in(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "hang")
    assert not tenant.create("room").success
    page = tenant.join("room")
    assert page.status == 200
    for name in cluster.nodes.nodes:
        cluster.nodes.heal(name)
    assert tenant.create("room").success
    assert fetch(retry_url(cluster, page)).status == 302


def test_a_waiting_page_whose_meeting_is_gone_says_so(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    cluster.wait_eligible(node, eligible=False)
    page = tenant.join("room")
    tenant.end("room")
    gone = fetch(retry_url(cluster, page))
    assert gone.status == 404 and "http-equiv" not in text_of(gone)


def test_an_altered_retry_link_is_refused(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    cluster.wait_eligible(node, eligible=False)
    url = retry_url(cluster, tenant.join("room"))
    prefix, token = url.rsplit("/", 1)
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    for bad in (token[:middle] + other + token[middle + 1:], token[:-8], "", "x", "%00", token * 30):
        answer = fetch(f"{prefix}/{bad}")
        assert answer.status in (404, 410), (bad[:20], answer.status)
        assert "location" not in answer.headers


def test_a_disabled_tenants_waiting_page_stops_working(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    cluster.wait_eligible(node, eligible=False)
    url = retry_url(cluster, tenant.join("room"))
    frontend = cluster.admin.get("/frontends")[0]
    cluster.admin.patch(f"/frontends/{frontend['id']}", {"active": False})
    cluster.nodes.up(node)
    cluster.wait_eligible(node)
    wait_until(lambda: fetch(url).status == 410, "a disabled tenant's people still get in")


def test_join_asks_neither_node_nor_database(cluster):
    """Redirects go on at full speed while nodes are slow and the database is locked."""
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    calls = cluster.nodes.state(node)["calls"]
    lock = sqlite3.connect(cluster.directory / "b3scale.db")
    lock.execute("BEGIN EXCLUSIVE")
    try:
        for i in range(20):
            assert tenant.get("join", _seconds=1.0, meetingID="room", fullName=f"P{i}",
                              password="ap").status == 302
    finally:
        lock.rollback()
        lock.close()
    after = cluster.nodes.state(node)["calls"]
    assert after.get("join", 0) == calls.get("join", 0) == 0
    assert after.get("getMeetingInfo", 0) == calls.get("getMeetingInfo", 0)
