"""What goes on while the database is away, and what fails clearly (docs/architecture.md)."""
import os
import urllib.parse

import pytest

from b3cluster import wait_until
from conftest import run_sql


class Database:
    """A PostgreSQL database that can be made to refuse everybody."""

    def __init__(self, url):
        self.url = url
        self.name = urllib.parse.urlsplit(url).path[1:]
        self.server = os.environ["B3SCALE_TEST_POSTGRES_URL"]

    def go_away(self):
        run_sql(self.server, f"ALTER DATABASE {self.name} WITH ALLOW_CONNECTIONS false")
        run_sql(self.server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                             f"WHERE datname = '{self.name}'")

    def come_back(self):
        run_sql(self.server, f"ALTER DATABASE {self.name} WITH ALLOW_CONNECTIONS true")


@pytest.fixture
def database(postgres_url):
    made = Database(postgres_url)
    yield made
    made.come_back()


def test_joins_and_reads_go_on_and_changes_fail_clearly(start_cluster, database):
    cluster = start_cluster(database_url=database.url)
    tenant = cluster.tenant()
    created = tenant.create("room", name="Room")
    tenant.enter("room")
    cluster.wait_refreshed()
    backend = cluster.backends()["node1"]
    database.go_away()

    assert tenant.join("room").status == 302
    assert tenant.meeting_ids() == ["room"] and tenant.running("room") == "true"
    assert tenant.info("room")["meetingName"] == "Room"
    assert tenant.create("room")["internalMeetingID"] == created["internalMeetingID"]
    failed = tenant.create("another")
    assert not failed.success and failed.http.status == 200
    assert cluster.holders(tenant, "another") == [], "made without a reservation"
    assert tenant.join("another").status == 404
    status, _ = cluster.admin.request("PATCH", f"/backends/{backend['id']}", {"load_factor": 3})
    assert status == 503
    assert cluster.backends()["node1"]["load_factor"] == backend["load_factor"]

    database.come_back()
    wait_until(lambda: tenant.create("another").success, "creates did not come back")
    assert cluster.admin.patch(f"/backends/{backend['id']}", {"load_factor": 3})["load_factor"] == 3
    cluster.wait_refreshed()
    assert tenant.meeting_ids() == ["another", "room"]
    assert cluster.meeting(tenant, "room")["internal_id"] == created["internalMeetingID"]


def test_nodes_that_go_and_come_are_noticed_all_the_same(start_cluster, database):
    cluster = start_cluster(database_url=database.url)
    tenant = cluster.tenant()
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.wait_refreshed()
    database.go_away()
    cluster.nodes.down(node)
    wait_until(lambda: tenant.join("room").status == 200, "people are sent to a node that is away")
    cluster.nodes.up(node)
    wait_until(lambda: tenant.join("room").status == 302, "people wait for a node that is back")


def test_an_end_that_could_not_be_recorded_says_so_and_can_be_repeated(start_cluster, database):
    cluster = start_cluster(database_url=database.url)
    tenant = cluster.tenant()
    tenant.create("room")
    cluster.wait_refreshed()
    database.go_away()
    answer = tenant.end("room")
    assert not answer.success and answer.key == "internalError", answer
    database.come_back()
    tenant.end("room")
    wait_until(lambda: cluster.meetings() == {}, "the meeting is still shown")
    assert cluster.holders(tenant, "room") == []
