"""kill -9 at the worst moments: at every fault point of base/fault_point.h."""
import http.client
import os
import re
import secrets
import subprocess
import threading
import urllib.parse

import pytest

from b3cluster import ClusterError, Daemon, wait_until
from chaos.instances import IMPATIENT, Instances
from chaos.postgres import query
from conftest import JWT_SECRET, QUICK, ROOT, scoped, start_clusters

TABLE = (ROOT / "src/base/fault_point.h").read_text()
POINTS = re.findall(r'^ +"([a-z-]+/[a-z-]+)"', TABLE, re.M)
DEAD = -9
AFTER_THE_ANSWER = ("create/after-bind",)
GONE = (OSError, http.client.HTTPException, ClusterError)


def of(*rooms):
    return [point for point in POINTS if point.split("/")[0] in rooms]


def test_every_fault_point_is_tried_here():
    count = re.search(r"array<std::string_view, (\d+)>", TABLE).group(1)
    assert len(POINTS) == int(count)
    assert sorted(of("create", "refresh", "give-up", "migration")) == sorted(POINTS)


@pytest.fixture(scope="module")
def shared_crowd(request, binaries, tmp_path_factory):
    """A pair that serves all these tests: each of them kills instance 1 and starts it again."""
    url = request.getfixturevalue("module_postgres_url")
    starting = start_clusters(request, binaries, tmp_path_factory)
    cluster = next(starting)(database_url=url, settings=IMPATIENT)
    made = Instances(cluster)
    made.both = made.tenants()
    yield made
    next(starting, None)


@pytest.fixture
def crowd(shared_crowd):
    """... whole again, whatever the test before has left of it."""
    for name in shared_crowd.nodes.nodes:
        shared_crowd.nodes.heal(name)
    for number in (0, 1):
        if not shared_crowd[number].process.running:
            shared_crowd.start(number)
    return shared_crowd


@pytest.fixture(scope="module")
def module_postgres_url():
    server = os.environ.get("B3SCALE_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("B3SCALE_TEST_POSTGRES_URL is not set (see scripts/with-postgres)")
    name = "b3_" + secrets.token_hex(6)
    query(server, f"CREATE DATABASE {name}")
    yield urllib.parse.urlsplit(server)._replace(path="/" + name).geturl()
    query(server, f"DROP DATABASE {name} WITH (FORCE)")


def create_quietly(tenant, meeting_id):
    """The internal id, or None where the create was not acknowledged."""
    try:
        answer = tenant.create(meeting_id)
        return answer["internalMeetingID"] if answer.success else None
    except GONE:
        return None


def check_everything(crowd, acknowledged, wanted):
    """Every id can be had on both instances within seconds; each is on one node only."""
    for meeting_id in wanted:
        wait_until(lambda: create_quietly(crowd.both[0], meeting_id), f"{meeting_id} is stuck", 10)
    for meeting_id in wanted:
        answers = [tenant.create(meeting_id) for tenant in crowd.both]
        assert all(answer.success for answer in answers), answers
        assert len({answer["internalMeetingID"] for answer in answers}) == 1
        assert len(crowd.nodes.holders(scoped(crowd.both[0], meeting_id))) == 1
        assert all(tenant.join(meeting_id).status == 302 for tenant in crowd.both)
    for meeting_id, internal_id in acknowledged.items():
        assert crowd.both[0].create(meeting_id)["internalMeetingID"] == internal_id, meeting_id
    crowd.wait_agreement()


def clear(crowd):
    for meeting_id in crowd.both[0].meeting_ids():
        crowd.both[0].end(meeting_id)
    crowd.wait_agreement()


@pytest.mark.parametrize("point", of("create"))
def test_killed_in_a_create(crowd, point):
    crowd.stop(1)
    crowd.start(1, B3SCALE_TEST_FAULT_POINT=point + ":3")
    acknowledged = {}
    for i in range(2):
        acknowledged[f"acknowledged-{i}"] = create_quietly(crowd.both[1], f"acknowledged-{i}")
    assert all(acknowledged.values()), "it died too early"
    told = create_quietly(crowd.both[1], "cut-off")
    if point in AFTER_THE_ANSWER:
        acknowledged["cut-off"] = told
    else:
        assert told is None
    crowd.wait_killed(1)
    # The other instance can have the id within one request, whatever state it was left in.
    assert crowd.both[0].create("cut-off").success
    crowd.start(1)
    check_everything(crowd, acknowledged, [*acknowledged, "cut-off"])
    clear(crowd)


@pytest.mark.parametrize("point", of("create"))
def test_an_id_that_nobody_asks_for_again_is_cleared_up(crowd, point):
    crowd.stop(1)
    crowd.start(1, B3SCALE_TEST_FAULT_POINT=point)
    told = create_quietly(crowd.both[1], "abandoned")
    assert point in AFTER_THE_ANSWER or told is None
    crowd.wait_killed(1)
    crowd.start(1)
    # Either nobody has it any more or one node and both instances do.
    crowd.wait_agreement(15)
    check_everything(crowd, {"abandoned": told} if told else {}, ["abandoned"])
    clear(crowd)


class RowLock:
    """Nobody writes this meeting while it is held."""

    def __init__(self, url, scoped_id):
        self.session = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", url], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.session.stdin.write("BEGIN; SELECT phase FROM meetings WHERE scoped_id = "
                                 f"'{scoped_id}' FOR UPDATE;\n")
        self.session.stdin.flush()
        self.phase = self.session.stdout.readline().strip()

    def release(self):
        if self.session.poll() is None:
            self.session.communicate("ROLLBACK;\n", timeout=10)


def test_killed_between_the_answer_and_the_binding(crowd, module_postgres_url):
    meeting = scoped(crowd.both[0], "told")
    for name in crowd.nodes.nodes:
        crowd.nodes.fault(name, "create", "ok", latency_after_ms=1500)
    told = []
    asking = threading.Thread(target=lambda: told.append(crowd.both[1].create("told")))
    asking.start()
    wait_until(lambda: query(module_postgres_url,
                             f"SELECT phase FROM meetings WHERE scoped_id = '{meeting}'"),
               "nothing was reserved")
    lock = RowLock(module_postgres_url, meeting)
    try:
        assert lock.phase == "reserved"
        asking.join(15)
        assert told and told[0].success
        crowd.kill(1)
        # What it has sent already is lost as well.
        query(module_postgres_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                   "WHERE datname = current_database() AND query ~ 'write_creates' "
                                   "AND wait_event_type = 'Lock'")
        assert crowd.both[0].join("told").status == 302
    finally:
        lock.release()
    assert crowd.both[0].join("told").status == 302
    for name in crowd.nodes.nodes:
        crowd.nodes.heal(name)
    crowd.start(1)
    check_everything(crowd, {"told": told[0]["internalMeetingID"]}, ["told"])
    clear(crowd)


@pytest.mark.parametrize("point", of("refresh"))
def test_killed_in_a_refresh(crowd, point):
    acknowledged = {"before": create_quietly(crowd.both[0], "before")}
    for number in (0, 1):
        crowd.stop(number)
    crowd.start(1, B3SCALE_TEST_FAULT_POINT=point)
    if point == "refresh/before-release":
        for name in crowd.nodes.nodes:  # the create stays open: nobody knows what became of it
            crowd.nodes.fault(name, "create", "close")
        assert create_quietly(crowd.both[1], "open") is None
    crowd.wait_killed(1, 20)
    for name in crowd.nodes.nodes:
        crowd.nodes.heal(name)
    for number in (0, 1):
        crowd.start(number)
    crowd.cluster.wait_eligible()
    check_everything(crowd, acknowledged, ["before", "open", "after"])
    clear(crowd)


@pytest.mark.parametrize("point", of("give-up"))
def test_killed_while_giving_a_node_up(crowd, point):
    internal_ids = {f"room-{i}": create_quietly(crowd.both[0], f"room-{i}") for i in range(6)}
    assert all(internal_ids.values())
    node = crowd.node_of(crowd.both[0], "room-0")
    elsewhere = {meeting_id: internal_id for meeting_id, internal_id in internal_ids.items()
                 if crowd.node_of(crowd.both[0], meeting_id) != node}
    crowd.stop(0)
    crowd.stop(1)
    crowd.start(1, B3SCALE_TEST_FAULT_POINT=point)
    crowd.nodes.down(node)
    crowd.wait_killed(1, 20)
    crowd.start(0)
    crowd.start(1)
    try:
        crowd.wait_health(node, "given_up", 15)
        replaced = {"room-0": crowd.both[1].create("room-0")["internalMeetingID"]}
        assert replaced["room-0"] and replaced["room-0"] != internal_ids["room-0"]
    finally:
        crowd.nodes.up(node)
    crowd.wait_health(node, "usable")
    check_everything(crowd, {**elsewhere, **replaced}, list(internal_ids))
    clear(crowd)


@pytest.mark.parametrize("point", of("migration"))
def test_killed_in_a_migration(binaries, tmp_path, postgres_url, point):
    settings = {**QUICK, "B3SCALE_DB_URL": postgres_url, "B3SCALE_API_JWT_SECRET": JWT_SECRET}
    with pytest.raises(ClusterError, match=f"ended with {DEAD} "):
        Daemon(binaries / "b3scaled", tmp_path / "first.log",
               {**settings, "B3SCALE_TEST_FAULT_POINT": point})
    # Inside the transaction: nothing has happened. After it: all of it.
    done = query(postgres_url, "SELECT to_regclass('meetings') IS NOT NULL")
    assert done == [["t" if point == "migration/after" else "f"]]
    second = Daemon(binaries / "b3scaled", tmp_path / "second.log", settings)
    try:
        assert second.admin().get("/status")["database"]["ok"] is True
        assert second.admin().add_frontend("math")["bbb"]["key"] == "math"
    finally:
        assert second.process.stop() == 0
